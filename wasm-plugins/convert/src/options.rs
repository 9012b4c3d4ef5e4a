//! The options that the caller chooses.

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
pub enum SourceChoice {
    #[default]
    Auto,
    Csv,
    Json,
    Yaml,
    Toml,
    Markdown,
}

impl SourceChoice {
    /// `None` for `auto`: detect it from the text.
    pub fn explicit(self) -> Option<Source> {
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

/// The character between the columns of CSV.
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
    /// `None` for `auto`: detect it from the text.
    pub fn explicit(self) -> Option<Delimiter> {
        match self {
            Self::Auto => None,
            Self::Comma => Some(Delimiter::Comma),
            Self::Semicolon => Some(Delimiter::Semicolon),
            Self::Tab => Some(Delimiter::Tab),
            Self::Pipe => Some(Delimiter::Pipe),
        }
    }
}

/// How to convert. The first line of `convert_file`'s input has this form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    pub to: Target,
    #[serde(default)]
    pub from: SourceChoice,
    /// For reading CSV; CSV is always written with commas.
    #[serde(default)]
    pub delimiter: DelimiterChoice,
    /// When reading CSV, whether the first row names the columns.
    #[serde(default = "default_true")]
    pub header: bool,
    /// When reading CSV, whether cells become numbers, booleans and nulls instead of text.
    #[serde(default)]
    pub guess_types: bool,
    /// Whether JSON is written with indentation, each value on its own line.
    #[serde(default = "default_true")]
    pub indent: bool,
}

pub fn default_true() -> bool {
    true
}

impl Options {
    /// The error when `from` cannot be converted to `to`.
    pub fn refusal(&self, from: Source) -> Problem {
        let rule = match from {
            Source::Markdown => "Markdown can be converted to HTML only.",
            _ => "Data can be converted to CSV, JSON, YAML or TOML only.",
        };
        let (from, to) = (from.title(), self.to);
        let detail = match self.from.explicit() {
            Some(_) => format!("{from} cannot be converted to {to}. {rule}"),
            None => format!(
                "The text looks like {from}, which cannot be converted to {to}. {rule} \
                 If the text has another format, choose it."
            ),
        };
        Problem::invalid_input(detail).with_error("/to", rule)
    }
}
