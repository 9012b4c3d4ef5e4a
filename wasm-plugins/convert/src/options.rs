//! What the caller chooses.

use std::fmt;

use hostbridge_sdk::Problem;
use serde::{Deserialize, Serialize};

/// A format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Csv,
    Json,
    Yaml,
    Toml,
    Markdown,
}

impl Source {
    pub fn title(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
            Self::Markdown => "Markdown",
        }
    }
}

/// A format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    Csv,
    Json,
    Yaml,
    Toml,
    Html,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
            Self::Html => "HTML",
        })
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    #[default]
    Auto,
    Csv,
    Json,
    Yaml,
    Toml,
    Markdown,
}

impl From {
    /// `None`: to be told from the text.
    pub fn given(self) -> Option<Source> {
        match self {
            Self::Auto => None,
            Self::Csv => Some(Source::Csv),
            Self::Json => Some(Source::Json),
            Self::Yaml => Some(Source::Yaml),
            Self::Toml => Some(Source::Toml),
            Self::Markdown => Some(Source::Markdown),
        }
    }
}

/// What stands between the columns of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Delimiter {
    Comma,
    Semicolon,
    Tab,
    Pipe,
}

impl Delimiter {
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DelimiterChoice {
    #[default]
    Auto,
    Comma,
    Semicolon,
    Tab,
    Pipe,
}

impl DelimiterChoice {
    /// `None`: to be told from the text.
    pub fn given(self) -> Option<Delimiter> {
        match self {
            Self::Auto => None,
            Self::Comma => Some(Delimiter::Comma),
            Self::Semicolon => Some(Delimiter::Semicolon),
            Self::Tab => Some(Delimiter::Tab),
            Self::Pipe => Some(Delimiter::Pipe),
        }
    }
}

/// How to convert; also the first line of `convert_file`'s input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    pub to: Target,
    #[serde(default)]
    pub from: From,
    /// Of the CSV that is read; CSV is always written with commas.
    #[serde(default)]
    pub delimiter: DelimiterChoice,
    /// The first row of the CSV that is read names its columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// Numbers, `true`, `false` and nothing in the CSV that is read are such, and not text.
    #[serde(default)]
    pub guess_types: bool,
    /// JSON is written with a line for each value.
    #[serde(default = "yes")]
    pub indent: bool,
}

pub fn yes() -> bool {
    true
}

impl Options {
    /// What to say when `from` cannot become `to`: only Markdown becomes HTML, and nothing else.
    pub fn refusal(&self, from: Source) -> Problem {
        let mend = match from {
            Source::Markdown => "Markdown becomes HTML and nothing else.",
            _ => "Data becomes CSV, JSON, YAML or TOML.",
        };
        let (from, to) = (from.title(), self.to);
        let detail = match self.from.given() {
            Some(_) => format!("{from} cannot become {to}. {mend}"),
            None => format!(
                "The text looks like {from}, and that cannot become {to}. {mend} \
                 If it is something else, say its format."
            ),
        };
        Problem::invalid_input(detail).with_error("/to", mend)
    }
}
