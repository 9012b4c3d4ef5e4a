//! Tells a text's format from how it begins.

use csv::{ReaderBuilder, StringRecord};
use serde::Serialize;

use crate::formats::json::begins_like_json;
use crate::options::{Delimiter, Source};

/// The beginning says enough, and a page can send just that of a large file.
const SAMPLE_BYTES: usize = 64 << 10;
const SAMPLE_ROWS: usize = 100;

/// How far the guess can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Nothing else looks like this.
    High,
    /// It looks like this, and hardly like anything else.
    Medium,
    /// Nothing else fits better.
    Low,
}

pub struct Guess {
    pub format: Source,
    pub confidence: Confidence,
    pub reason: String,
    /// Of CSV.
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

/// `None` for a text without anything but space.
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

/// What divides the first rows into the same number of values, and the most of them; if nothing
/// does, what divides the first row into the most.
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
    /// What only Markdown has: a link, emphasis, a fence, a quote.
    Markup,
    /// Indented: belongs to a line above.
    Inner,
    Other,
}

impl<'a> Sample<'a> {
    fn of(text: &'a str) -> Self {
        let is_whole = text.len() <= SAMPLE_BYTES;
        let text = if is_whole { text } else { beginning(text) };
        let filled = text.lines().filter(|line| !line.trim().is_empty());
        Self {
            text,
            is_whole,
            lines: filled.map(Line::of).collect(),
        }
    }

    fn has(&self, kind: Line) -> bool {
        self.lines.contains(&kind)
    }

    /// Of the lines that say something, how many in a hundred are of these kinds.
    fn percent(&self, kinds: &[Line]) -> usize {
        let telling = self
            .lines
            .iter()
            .filter(|&&line| line != Line::Hash && line != Line::Inner);
        let matching = telling.clone().filter(|line| kinds.contains(line)).count();
        matching * 100 / telling.count().max(1)
    }

    fn first(&self) -> Option<Line> {
        self.lines.iter().copied().find(|&line| line != Line::Hash)
    }
}

/// Whole lines of the beginning, if there are any.
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

/// A key in front of the sign: a word or a quoted text, perhaps dotted.
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
            "It reads as JSON."
        } else {
            "Its beginning reads as JSON."
        };
        Guess::new(Source::Json, Confidence::High, reason)
    })
}

/// What begins with a bracket but is no JSON: JSON with a mistake, or YAML in its flow style.
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
            let reason = format!("It begins with `{opening}` like JSON, but has a mistake.");
            Guess::new(Source::Json, Confidence::Medium, reason)
        } else {
            let reason = format!("It begins with `{opening}` and has no quotes, as YAML may.");
            Guess::new(Source::Yaml, Confidence::Low, reason)
        },
    )
}

/// `---` begins YAML, or metadata in front of Markdown.
fn fenced(sample: &Sample<'_>) -> Option<Guess> {
    if sample.text.starts_with("%YAML") {
        return Some(Guess::new(
            Source::Yaml,
            Confidence::High,
            "It begins with `%YAML`.",
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
        let reason = "It begins with metadata between `---`, and Markdown follows.";
        Guess::new(Source::Markdown, Confidence::Medium, reason)
    } else {
        Guess::new(Source::Yaml, Confidence::High, "It begins with `---`.")
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
            "It has `[table]` headers and `key = value` lines.",
        ),
        (_, 50..) => (Confidence::Medium, "Its lines are `key = value`."),
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
            let reason = "Its lines are `key: value`.";
            Some(Guess::new(Source::Yaml, Confidence::Medium, reason))
        }
        Line::Item if !has_heading && sample.percent(&[Line::Item, Line::Pair]) == 100 => {
            let reason = "Its lines are `- item`.";
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
        // As a sentence has commas: with a space behind.
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
        100 => format!("Its rows have {width} values each, with {name} between them."),
        _ => format!("Its first row has {width} values with {name} between them."),
    };
    Some(Guess {
        delimiter: Some(delimiter),
        ..Guess::new(Source::Csv, confidence, reason)
    })
}

/// How a delimiter divides the rows.
struct Columns {
    delimiter: Delimiter,
    /// Values of the first row, at least two.
    width: usize,
    /// How many rows in a hundred have as many.
    percent: usize,
    /// Some value of the first row is empty or begins with a space.
    is_spaced: bool,
}

/// The delimiter that divides the rows best; `None` if none divides the first row.
fn columns(sample: &Sample<'_>) -> Option<Columns> {
    let all = Delimiter::ALL
        .into_iter()
        .filter_map(|delimiter| columns_by(sample, delimiter));
    // Of equals the first of the list, which is the last here.
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
        // The last row may go on after the sample.
        widths.pop();
    }
    let width = *widths.first()?;
    let even = widths.iter().filter(|&&other| other == width).count();
    (width > 1).then_some(Columns {
        delimiter,
        width,
        percent: even * 100 / widths.len(),
        is_spaced,
    })
}

fn markdown(sample: &Sample<'_>) -> Guess {
    if sample.has(Line::Hash) || sample.has(Line::Markup) {
        let reason = "It has headings, links or other marks of Markdown.";
        return Guess::new(Source::Markdown, Confidence::Medium, reason);
    }
    let reason = "It looks like plain text, which Markdown can be.";
    Guess::new(Source::Markdown, Confidence::Low, reason)
}
