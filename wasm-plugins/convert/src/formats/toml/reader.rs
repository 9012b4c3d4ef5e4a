//! Builds a document from the parser's tables.

use toml::de::{DeFloat, DeInteger, DeTable, DeValue};
use toml::Spanned;

use crate::document::{Builder, Document, Scalar};
use crate::fault::Fault;
use crate::number::{INFINITE, MINUS_INFINITE, NOT_A_NUMBER};
use crate::options::{Options, Source};

/// The parser holds every token as well as the tables, about 40 times the size of the text.
const MAX_BYTES: usize = 2 << 20;

pub fn read<'a>(source: &'a str, _: &Options) -> Result<Document<'a>, Fault> {
    if source.len() > MAX_BYTES {
        let limit = MAX_BYTES >> 20;
        return Err(Fault::limit(
            None,
            format!("TOML may have at most {limit} MiB; use JSON or CSV for larger data"),
        ));
    }
    let root = DeTable::parse(source).map_err(|error| {
        let at = error.span().map_or(source.len(), |span| span.start);
        match error.message() {
            message if message.contains("recursion") => {
                Fault::limit(Some(at), "this is nested too deeply for TOML")
            }
            message => Fault::syntax(Source::Toml, at, message),
        }
    })?;
    let mut builder = Builder::new(source);
    table(&mut builder, 0, root.get_ref())?;
    Ok(builder.finish(0))
}

fn table(builder: &mut Builder<'_>, at: usize, table: &DeTable<'_>) -> Result<(), Fault> {
    builder.open_object(at)?;
    for (key, value) in table {
        // The parser has already refused duplicate keys.
        builder.unique_key(key.span().start, key.get_ref());
        self::value(builder, value)?;
    }
    builder.close();
    Ok(())
}

fn value(builder: &mut Builder<'_>, value: &Spanned<DeValue<'_>>) -> Result<(), Fault> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) => builder.scalar(at, Scalar::String(text))?,
        DeValue::Boolean(value) => builder.scalar(at, Scalar::Bool(*value))?,
        DeValue::Datetime(time) => builder.scalar(at, Scalar::Datetime(&time.to_string()))?,
        DeValue::Integer(number) => integer(builder, at, number)?,
        DeValue::Float(number) => float(builder, at, number)?,
        DeValue::Table(members) => table(builder, at, members)?,
        DeValue::Array(items) => {
            builder.open_array(at)?;
            for item in items {
                self::value(builder, item)?;
            }
            builder.close();
        }
    }
    Ok(())
}

fn integer(builder: &mut Builder<'_>, at: usize, number: &DeInteger<'_>) -> Result<(), Fault> {
    let value = i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
        Fault::syntax(
            Source::Toml,
            at,
            "this integer does not fit into TOML's 64 bits",
        )
    })?;
    builder.scalar(at, Scalar::Integer(&value.to_string()))
}

/// Keeps the digits as written, in JSON's grammar.
fn float(builder: &mut Builder<'_>, at: usize, number: &DeFloat<'_>) -> Result<(), Fault> {
    let text = number.as_str();
    let text = text.strip_prefix('+').unwrap_or(text);
    let text = match text {
        "nan" | "-nan" => NOT_A_NUMBER,
        "inf" => INFINITE,
        "-inf" => MINUS_INFINITE,
        _ => text,
    };
    builder.scalar(at, Scalar::Float(text))
}
