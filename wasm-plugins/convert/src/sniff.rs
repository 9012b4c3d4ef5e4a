//! Detects the format of a text from its start.

use csv::{ReaderBuilder, StringRecord};
use json_event_parser::{JsonEvent, LowLevelJsonParser};
use serde::Serialize;

use crate::options::{Delimiter, Source};

/// This much is enough, and a page need not send the rest of a large file.
const SAMPLE_BYTES: usize = 64 << 10;
const SAMPLE_ROWS: usize = 100;

/// How reliable the guess is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// No other format looks like this.
    High,
    /// Another format is unlikely.
    Medium,
    /// No other format fits better.
    Low,
}

pub struct Guess {
    pub format: Source,
    pub confidence: Confidence,
    pub reason: String,
    /// Only for CSV.
    pub delimiter: Option<Delimiter>,
}

impl Guess {
    fn new(format: Source, confidence: Confidence, reason: impl Into<String>) -> Self {
        Self {
            format,
            confidence,
            reason: reason.into(),
            delimiter: None,
        }
    }
}

/// `None` for a text that is empty or only whitespace.
pub fn guess(text: &str) -> Option<Guess> {
    let sample = Sample::of(text);
    if sample.text.trim().is_empty() {
        return None;
    }
    Some(
        json(&sample)
            .or_else(|| fenced(&sample))
            .or_else(|| toml(&sample))
            .or_else(|| bracketed(&sample))
            .or_else(|| yaml(&sample))
            .or_else(|| csv(&sample))
            .unwrap_or_else(|| markdown(&sample)),
    )
}

/// The delimiter that splits the first rows into the same number of values, and into the most
/// values. If none splits them equally, the one that splits the first row into the most values.
pub fn delimiter(text: &str) -> Option<Delimiter> {
    columns(&Sample::of(text)).map(|columns| columns.delimiter)
}

struct Sample<'a> {
    text: &'a str,
    is_whole: bool,
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    /// `# …`: a comment or a heading.
    Hash,
    /// `key = value`
    Assignment,
    /// `[table]`
    Header,
    /// `key: value`
    Pair,
    /// `- item`
    Item,
    /// Markup that only Markdown has: a link, emphasis, a fence, a quote.
    Markup,
    /// Indented, so part of a line above.
    Inner,
    Other,
}

impl<'a> Sample<'a> {
    fn of(text: &'a str) -> Self {
        let is_whole = text.len() <= SAMPLE_BYTES;
        let text = if is_whole { text } else { beginning(text) };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        Self {
            text,
            is_whole,
            lines: lines.map(Line::of).collect(),
        }
    }

    fn has(&self, kind: Line) -> bool {
        self.lines.contains(&kind)
    }

    /// The percentage of these kinds among all lines but comments and indented ones.
    fn percent(&self, kinds: &[Line]) -> usize {
        let relevant = self
            .lines
            .iter()
            .filter(|&&line| line != Line::Hash && line != Line::Inner);
        let matching = relevant.clone().filter(|line| kinds.contains(line)).count();
        matching * 100 / relevant.count().max(1)
    }

    fn first(&self) -> Option<Line> {
        self.lines.iter().copied().find(|&line| line != Line::Hash)
    }
}

/// The first [`SAMPLE_BYTES`], without an incomplete last line unless it is the only one.
fn beginning(text: &str) -> &str {
    let mut end = SAMPLE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    match text[..end].rfind('\n') {
        Some(line_end) => &text[..=line_end],
        None => &text[..end],
    }
}

impl Line {
    fn of(line: &str) -> Self {
        let trimmed = line.trim();
        if trimmed.starts_with('#') {
            return Self::Hash;
        }
        if is_table_header(trimmed) {
            return Self::Header;
        }
        if has_key(trimmed, '=') {
            return Self::Assignment;
        }
        let item = trimmed.strip_prefix("- ").map(str::trim_start);
        if is_pair(item.unwrap_or(trimmed)) {
            return Self::Pair;
        }
        if trimmed.contains("](")
            || trimmed.contains("**")
            || trimmed.starts_with("```")
            || trimmed.starts_with("> ")
        {
            return Self::Markup;
        }
        if item.is_some() || trimmed == "-" {
            return Self::Item;
        }
        if line.starts_with([' ', '\t']) {
            return Self::Inner;
        }
        Self::Other
    }
}

/// `[name]`, `[[name]]`, `[a."b c"]`.
fn is_table_header(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    let inner = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.map(|inner| {
        let double = inner
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        double.unwrap_or(inner).trim()
    });
    inner.is_some_and(|name| {
        name.starts_with(|c: char| c.is_alphabetic() || "_\"'".contains(c))
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || " ._-\"'".contains(c))
    })
}

/// True if a key precedes the sign: a word or a quoted text, possibly dotted.
fn has_key(line: &str, sign: char) -> bool {
    line.split_once(sign).is_some_and(|(key, _)| {
        let key = key.trim();
        !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_alphanumeric() || "._-\"'".contains(c))
    })
}

/// `key: value` or `key:`. A key of many words is more likely a sentence.
fn is_pair(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else {
        return false;
    };
    (value.is_empty() || value.starts_with(' '))
        && !key.is_empty()
        && key.split_whitespace().count() <= 3
        && !key.contains([',', ';', '|', '\t', '[', '{', '`', '*'])
}

fn json(sample: &Sample<'_>) -> Option<Guess> {
    let text = sample.text.trim_start();
    let looks = text.starts_with(['{', '[', '"']) && begins_like_json(text);
    looks.then(|| {
        let reason = if sample.is_whole {
            "The text parses as JSON."
        } else {
            "The start of the text parses as JSON."
        };
        Guess::new(Source::Json, Confidence::High, reason)
    })
}

/// True if the text is JSON or the start of JSON.
fn begins_like_json(source: &str) -> bool {
    let mut parser = LowLevelJsonParser::new();
    let mut offset = 0;
    loop {
        let read = parser.parse_next(&source.as_bytes()[offset..], false);
        offset += read.consumed_bytes;
        match read.event {
            None | Some(Ok(JsonEvent::Eof)) => return true,
            Some(Err(_)) => return false,
            Some(Ok(_)) => {}
        }
    }
}

/// A text that starts with a bracket but is not JSON: JSON with a mistake, or YAML's flow style.
fn bracketed(sample: &Sample<'_>) -> Option<Guess> {
    let text = sample.text.trim_start();
    let inside = text.strip_prefix(['{', '['])?.trim_start();
    if text.lines().next().is_some_and(|line| line.contains("](")) {
        return None;
    }
    let opening = &text[..1];
    Some(
        if inside.starts_with(['"', '{', '[', '-']) || inside.starts_with(|c: char| c.is_numeric())
        {
            let reason = format!("The text starts with `{opening}` like JSON, but has a mistake.");
            Guess::new(Source::Json, Confidence::Medium, reason)
        } else {
            let reason = format!("The text starts with `{opening}` without quotes, as YAML allows.");
            Guess::new(Source::Yaml, Confidence::Low, reason)
        },
    )
}

/// A text that starts with `---`: YAML, or metadata before Markdown.
fn fenced(sample: &Sample<'_>) -> Option<Guess> {
    if sample.text.starts_with("%YAML") {
        return Some(Guess::new(
            Source::Yaml,
            Confidence::High,
            "The text starts with `%YAML`.",
        ));
    }
    let mut lines = sample.text.lines().map(str::trim_end);
    if lines.next() != Some("---") {
        return None;
    }
    let rest: Vec<_> = lines.skip_while(|&line| line != "---").skip(1).collect();
    let prose = rest
        .iter()
        .any(|line| line.starts_with("# ") || Line::of(line) == Line::Markup);
    Some(if prose {
        let reason = "The text starts with metadata between `---` lines, and Markdown follows.";
        Guess::new(Source::Markdown, Confidence::Medium, reason)
    } else {
        Guess::new(Source::Yaml, Confidence::High, "The text starts with `---`.")
    })
}

fn toml(sample: &Sample<'_>) -> Option<Guess> {
    if !matches!(sample.first()?, Line::Assignment | Line::Header) {
        return None;
    }
    let percent = sample.percent(&[Line::Assignment, Line::Header]);
    let (confidence, reason) = match (sample.has(Line::Header), percent) {
        (true, 60..) => (
            Confidence::High,
            "The text has `[table]` headers and `key = value` lines.",
        ),
        (_, 50..) => (Confidence::Medium, "The lines have the form `key = value`."),
        _ => return None,
    };
    sample
        .has(Line::Assignment)
        .then(|| Guess::new(Source::Toml, confidence, reason))
}

fn yaml(sample: &Sample<'_>) -> Option<Guess> {
    let has_heading =
        sample.lines.len() > 1 && sample.text.lines().any(|line| line.starts_with("# "));
    match sample.first()? {
        Line::Pair if sample.percent(&[Line::Pair, Line::Item]) >= 60 => {
            let reason = "The lines have the form `key: value`.";
            Some(Guess::new(Source::Yaml, Confidence::Medium, reason))
        }
        Line::Item if !has_heading && sample.percent(&[Line::Item, Line::Pair]) == 100 => {
            let reason = "The lines have the form `- item`.";
            Some(Guess::new(Source::Yaml, Confidence::Low, reason))
        }
        _ => None,
    }
}

fn csv(sample: &Sample<'_>) -> Option<Guess> {
    if sample.has(Line::Hash) && sample.has(Line::Markup) {
        return None;
    }
    let Columns {
        delimiter,
        width,
        percent,
        is_spaced,
    } = columns(sample)?;
    let rows = sample.lines.len();
    let confidence = match (percent, width, rows) {
        // A space after the delimiter is more typical of the commas in a sentence.
        (100, ..) if is_spaced => Confidence::Low,
        (100, 3.., 3..) => Confidence::High,
        (100, 3.., _) | (100, _, 3..) => Confidence::Medium,
        (_, _, 2..) if !is_spaced => Confidence::Low,
        _ => return None,
    };
    let name = match delimiter {
        Delimiter::Comma => "commas",
        Delimiter::Semicolon => "semicolons",
        Delimiter::Tab => "tabs",
        Delimiter::Pipe => "`|`",
    };
    let reason = match percent {
        100 => format!("Each row has {width} values, separated by {name}."),
        _ => format!("The first row has {width} values, separated by {name}."),
    };
    Some(Guess {
        delimiter: Some(delimiter),
        ..Guess::new(Source::Csv, confidence, reason)
    })
}

/// How a delimiter splits the rows.
struct Columns {
    delimiter: Delimiter,
    /// Number of values in the first row, at least two.
    width: usize,
    /// Percentage of rows with the same number of values.
    percent: usize,
    /// Whether a value of the first row is empty or starts with a space.
    is_spaced: bool,
}

/// The delimiter that splits the rows best; `None` if none splits the first row.
fn columns(sample: &Sample<'_>) -> Option<Columns> {
    let all = Delimiter::ALL
        .into_iter()
        .filter_map(|delimiter| columns_by(sample, delimiter));
    // On a tie the first of the list wins, so it must come last here.
    all.rev()
        .max_by_key(|columns| (columns.percent == 100, columns.width))
}

fn columns_by(sample: &Sample<'_>, delimiter: Delimiter) -> Option<Columns> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter.byte())
        .from_reader(sample.text.as_bytes());
    let mut widths = Vec::new();
    let mut is_spaced = false;
    let mut row = StringRecord::new();
    while widths.len() < SAMPLE_ROWS && reader.read_record(&mut row).unwrap_or(false) {
        if widths.is_empty() {
            is_spaced = row
                .iter()
                .any(|value| value.is_empty() || value.starts_with(' '));
        }
        widths.push(row.len());
    }
    if !sample.is_whole && widths.len() < SAMPLE_ROWS {
        // The last row may continue after the sample.
        widths.pop();
    }
    let width = *widths.first()?;
    let equal = widths.iter().filter(|&&other| other == width).count();
    (width > 1).then_some(Columns {
        delimiter,
        width,
        percent: equal * 100 / widths.len(),
        is_spaced,
    })
}

fn markdown(sample: &Sample<'_>) -> Guess {
    if sample.has(Line::Hash) || sample.has(Line::Markup) {
        let reason = "The text has headings, links or other Markdown markup.";
        return Guess::new(Source::Markdown, Confidence::Medium, reason);
    }
    let reason = "The text looks like plain text, which is valid Markdown.";
    Guess::new(Source::Markdown, Confidence::Low, reason)
}
