//! Detects the format of a text from its start.

use json_event_parser::{JsonEvent, LowLevelJsonParser};
use serde::Serialize;

use crate::formats::csv::{Dialect, Separator};
use crate::formats::{json, markdown};
use crate::lines::lines;
use crate::options::{Delimiter, Source};

/// This much is enough, and a page need not send the rest of a large file.
const SAMPLE_BYTES: usize = 64 << 10;

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
        instruction(&sample)
            .or_else(|| json(&sample))
            .or_else(|| fenced(&sample))
            .or_else(|| toml(&sample))
            .or_else(|| bracketed(&sample))
            .or_else(|| yaml(&sample))
            .or_else(|| csv(&sample))
            .unwrap_or_else(|| prose(&sample)),
    )
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
    /// `---` or `...`, possibly with a value: the limits of YAML's documents.
    Fence,
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
        Self {
            text,
            is_whole,
            lines: kinds(text),
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
            .filter(|&&line| !matches!(line, Line::Hash | Line::Inner | Line::Fence));
        let matching = relevant.clone().filter(|line| kinds.contains(line)).count();
        matching * 100 / relevant.count().max(1)
    }

    fn first(&self) -> Option<Line> {
        let mut lines = self.lines.iter().copied();
        lines.find(|line| !matches!(line, Line::Hash | Line::Fence))
    }
}

/// The first [`SAMPLE_BYTES`], without an incomplete last line unless it is the only one.
fn beginning(text: &str) -> &str {
    let mut end = SAMPLE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    match text[..end].rfind(['\n', '\r']) {
        Some(line_end) => &text[..=line_end],
        None => &text[..end],
    }
}

/// The kinds of all lines but empty ones.
fn kinds(text: &str) -> Vec<Line> {
    let lines = lines(text).map(|(_, line)| line);
    lines
        .filter(|line| !line.trim().is_empty())
        .map(Line::of)
        .collect()
}

impl Line {
    fn of(line: &str) -> Self {
        let trimmed = line.trim();
        if is_fence(line) {
            return Self::Fence;
        }
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
        if item.is_some_and(|item| item.starts_with(['"', '\''])) {
            return Self::Item;
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

fn is_fence(line: &str) -> bool {
    let rest = line.strip_prefix("---").or(line.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
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

/// `sep=;`, as spreadsheets write it above a table.
fn instruction(sample: &Sample<'_>) -> Option<Guess> {
    match Dialect::of(sample.text).separator {
        Separator::Named(delimiter) => Some(Guess {
            delimiter: Some(delimiter),
            ..Guess::new(
                Source::Csv,
                Confidence::High,
                "The first line names the delimiter.",
            )
        }),
        _ => None,
    }
}

fn json(sample: &Sample<'_>) -> Option<Guess> {
    let text = sample.text.trim_start();
    if text.starts_with("//") || text.starts_with("/*") {
        let reason = "The text starts with a comment, as some programs allow in JSON.";
        let rest = json::without_comments(text).trim_start();
        return rest
            .starts_with(['{', '['])
            .then(|| Guess::new(Source::Json, Confidence::Medium, reason));
    }
    if !text.starts_with(['{', '[', '"']) {
        return None;
    }
    let reason = if begins_like_json(text) {
        match sample.is_whole {
            true => "The text parses as JSON.",
            false => "The start of the text parses as JSON.",
        }
    } else if has_json_lines(text) {
        "Each line is a JSON value."
    } else {
        return None;
    };
    Some(Guess::new(Source::Json, Confidence::High, reason))
}

/// True if the first two lines are an object or a list each.
fn has_json_lines(text: &str) -> bool {
    let mut lines = lines(text)
        .map(|(_, line)| line.trim())
        .filter(|line| !line.is_empty());
    let mut is_value = || {
        lines.next().is_some_and(|line| {
            line.starts_with(['{', '[']) && line.ends_with(['}', ']']) && begins_like_json(line)
        })
    };
    is_value() && is_value()
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
    let text = without_hashes(sample.text);
    let inside = text.strip_prefix(['{', '['])?.trim_start();
    if text.lines().next().is_some_and(|line| line.contains("](")) {
        return None;
    }
    let opening = &text[..1];
    Some(if inside.starts_with("//") || inside.starts_with("/*") {
        let reason = "The text has comments, as some programs allow in JSON.";
        Guess::new(Source::Json, Confidence::Medium, reason)
    } else if inside.starts_with(['"', '{', '[', '-'])
        || inside.starts_with(|c: char| c.is_numeric())
    {
        let reason = format!("The text starts with `{opening}` like JSON, but has a mistake.");
        Guess::new(Source::Json, Confidence::Medium, reason)
    } else {
        let reason = format!("The text starts with `{opening}` without quotes, as YAML allows.");
        Guess::new(Source::Yaml, Confidence::Low, reason)
    })
}

/// The text after comments like YAML's.
fn without_hashes(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with('#') {
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        rest = rest[end..].trim_start();
    }
    rest
}

/// A text that starts with `---`: YAML, or metadata before Markdown.
fn fenced(sample: &Sample<'_>) -> Option<Guess> {
    let text = sample.text.trim_start();
    let start = ["%YAML", "%TAG"]
        .iter()
        .find(|start| text.starts_with(**start));
    if let Some(start) = start {
        let reason = format!("The text starts with `{start}`.");
        return Some(Guess::new(Source::Yaml, Confidence::High, reason));
    }
    if !lines(text)
        .next()
        .is_some_and(|(_, line)| is_fence(line) && line.starts_with('-'))
    {
        return None;
    }
    let metadata = markdown::metadata_len(text);
    if looks_like_yaml(&text[metadata..]) {
        let reason = "The text starts with `---`.";
        return Some(Guess::new(Source::Yaml, Confidence::High, reason));
    }
    let reason = match metadata {
        0 => "The text starts with `---`, and Markdown follows.",
        _ => "The text starts with metadata between `---` lines, and Markdown follows.",
    };
    Some(Guess::new(Source::Markdown, Confidence::Medium, reason))
}

/// Whether the text continues YAML that started with `---`, or is empty.
fn looks_like_yaml(text: &str) -> bool {
    let rest = Sample {
        text,
        is_whole: true,
        lines: kinds(text),
    };
    match rest.first() {
        // Only comments; a single one is more likely a heading.
        None => !rest.has(Line::Hash) || rest.has(Line::Fence),
        Some(Line::Pair) => rest.percent(&[Line::Pair, Line::Item]) >= 60,
        Some(Line::Item) => !has_heading(text) && rest.percent(&[Line::Pair, Line::Item]) >= 60,
        _ if rest.has(Line::Markup) || has_heading(text) => false,
        Some(_) => true,
    }
}

/// True if a line `# …` stands alone, as headings do and comments rarely.
fn has_heading(text: &str) -> bool {
    let mut lines = lines(text).map(|(_, line)| line).peekable();
    let mut after_blank = true;
    while let Some(line) = lines.next() {
        let is_alone = after_blank && lines.peek().is_none_or(|next| next.trim().is_empty());
        if line.starts_with("# ") && is_alone {
            return true;
        }
        after_blank = line.trim().is_empty() || is_fence(line);
    }
    false
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
    match sample.first()? {
        Line::Pair if sample.percent(&[Line::Pair, Line::Item]) >= 60 => {
            let reason = "The lines have the form `key: value`.";
            Some(Guess::new(Source::Yaml, Confidence::Medium, reason))
        }
        Line::Item
            if !has_heading(sample.text) && sample.percent(&[Line::Item, Line::Pair]) == 100 =>
        {
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
    let dialect = Dialect::of(sample.text);
    let delimiter = match dialect.separator {
        Separator::Named(delimiter) | Separator::Guessed(delimiter) => Some(delimiter),
        Separator::Unclear => None,
        Separator::None => return None,
    };
    let width = dialect.width;
    let rows = sample.lines.len();
    let confidence = match (dialect.is_even && delimiter.is_some(), width, rows) {
        // A space after the delimiter is more typical of the commas in a sentence.
        (true, ..) if dialect.is_spaced => Confidence::Low,
        (true, 3.., 3..) => Confidence::High,
        (true, 3.., _) | (true, _, 3..) => Confidence::Medium,
        (_, _, 2..) if !dialect.is_spaced => Confidence::Low,
        _ => return None,
    };
    let name = match delimiter {
        Some(Delimiter::Comma) => "commas",
        Some(Delimiter::Semicolon) => "semicolons",
        Some(Delimiter::Tab) => "tabs",
        Some(Delimiter::Pipe) => "`|`",
        None => "an unclear character",
    };
    let reason = match dialect.is_even {
        true => format!("Each row has {width} values, separated by {name}."),
        false => format!("The first row has {width} values, separated by {name}."),
    };
    Some(Guess {
        delimiter,
        ..Guess::new(Source::Csv, confidence, reason)
    })
}

fn prose(sample: &Sample<'_>) -> Guess {
    if sample.has(Line::Hash) || sample.has(Line::Markup) {
        let reason = "The text has headings, links or other Markdown markup.";
        return Guess::new(Source::Markdown, Confidence::Medium, reason);
    }
    let reason = "The text looks like plain text, which is valid Markdown.";
    Guess::new(Source::Markdown, Confidence::Low, reason)
}
