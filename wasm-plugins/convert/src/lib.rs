//! Converts CSV, JSON, YAML and TOML into each other, and Markdown into HTML.
//!
//! Every format is read into the same flat [`document::Document`] and written from there. Each
//! value remembers its place in the text, so that an error about a value that the target cannot
//! express also gives a line and column. The plugin needs nothing from the host: the same input
//! gives the same output on the server and in the browser.

mod document;
mod encoding;
mod fault;
mod formats;
mod lines;
mod number;
mod options;
mod output;
mod position;
mod sniff;

use extism_pdk::{plugin_fn, FnResult, FromBytesOwned, Json};
use hostbridge_sdk::{set_panic_hook, Input, Problem};
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::fault::Fault;
use crate::options::{Delimiter, Options, Source, Target};
use crate::sniff::Confidence;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Detected {
    format: Source,
    confidence: Confidence,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<Delimiter>,
}

/// Detects the format from the start of the text.
#[plugin_fn]
pub fn detect(Input(input): Input<Text>) -> FnResult<Json<Detected>> {
    let guess = sniff::guess(encoding::without_bom(&input.text));
    let Some(guess) = guess else {
        return Err(empty("/text").into());
    };
    Ok(Json(Detected {
        format: guess.format,
        confidence: guess.confidence,
        reason: guess.reason,
        delimiter: guess.delimiter,
    }))
}

// Repeats the fields of `Options`, because `flatten` would turn off `deny_unknown_fields`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    text: String,
    to: Target,
    #[serde(default)]
    from: options::SourceChoice,
    #[serde(default)]
    delimiter: options::DelimiterChoice,
    #[serde(default = "options::default_true")]
    header: bool,
    #[serde(default)]
    guess_types: bool,
    #[serde(default = "options::default_true")]
    indent: bool,
}

#[derive(Serialize)]
struct Converted {
    from: Source,
    to: Target,
    text: String,
}

/// For forms and small texts: one JSON object holds the options and the text.
#[plugin_fn]
pub fn convert(Input(form): Input<Form>) -> FnResult<Json<Converted>> {
    let options = Options {
        to: form.to,
        from: form.from,
        delimiter: form.delimiter,
        header: form.header,
        guess_types: form.guess_types,
        indent: form.indent,
    };
    let (from, text) = run(encoding::without_bom(&form.text), &options, "/text")?;
    Ok(Json(Converted {
        from,
        to: options.to,
        text,
    }))
}

/// For files: the options as a line of JSON, then the unchanged bytes of the file. Nothing is
/// escaped in the input or output, so the size limits apply to the files themselves.
#[plugin_fn]
pub fn convert_file(input: Vec<u8>) -> FnResult<Vec<u8>> {
    set_panic_hook();
    let line_end = input.iter().position(|&byte| byte == b'\n');
    let (line, file) = input.split_at(line_end.map_or(input.len(), |end| end + 1));
    let Input(options) = Input::<Options>::from_bytes_owned(line)?;
    let text = encoding::decode(file).map_err(|fault| fault.into_problem(""))?;
    let (_, text) = run(&text, &options, "")?;
    Ok(text.into_bytes())
}

/// The source format and the result. `pointer` is the field of the input that holds the text.
fn run(text: &str, options: &Options, pointer: &str) -> Result<(Source, String), Problem> {
    let from = match (options.from.explicit(), sniff::guess(text)) {
        (Some(format), _) => format,
        (None, None) => return Err(empty(pointer)),
        // Only Markdown can be converted to HTML.
        (None, Some(_)) if options.to == Target::Html => Source::Markdown,
        (None, Some(guess)) => guess.format,
    };
    let converted = match (reader(from), writer(options.to)) {
        (Some(read), Some(write)) => {
            read(text, options).and_then(|document| write(&document, options))
        }
        (None, None) => formats::markdown::to_html(text),
        _ => return Err(options.refusal(from)),
    };
    match converted {
        Ok(result) => Ok((from, result)),
        Err(fault) => Err(fault.located_in(text).into_problem(pointer)),
    }
}

type Read = for<'a> fn(&'a str, &Options) -> Result<Document<'a>, Fault>;
type Write = fn(&Document<'_>, &Options) -> Result<String, Fault>;

/// `None` for a format that holds prose instead of data.
fn reader(from: Source) -> Option<Read> {
    match from {
        Source::Csv => Some(formats::csv::read),
        Source::Json => Some(formats::json::read),
        Source::Yaml => Some(formats::yaml::read),
        Source::Toml => Some(formats::toml::read),
        Source::Markdown => None,
    }
}

/// `None` for a format that cannot hold data.
fn writer(to: Target) -> Option<Write> {
    match to {
        Target::Csv => Some(formats::csv::write),
        Target::Json => Some(formats::json::write),
        Target::Yaml => Some(formats::yaml::write),
        Target::Toml => Some(formats::toml::write),
        Target::Html => None,
    }
}

fn empty(pointer: &str) -> Problem {
    let detail = "Enter some text, or choose its format.";
    Problem::new(422, "empty-text", "The text is empty", detail).with_error(pointer, detail)
}
