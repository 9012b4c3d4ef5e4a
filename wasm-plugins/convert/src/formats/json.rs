//! JSON (RFC 8259).

use json_event_parser::{JsonEvent, LowLevelJsonParser};
use serde::de::IgnoredAny;

use crate::document::{Builder, Document, Items, Members, Node, Scalar, Value};
use crate::fault::Fault;
use crate::number::{is_finite, json_number};
use crate::options::{Options, Source, Target};
use crate::output::Output;

/// Keeps the digits of numbers as written. Duplicate keys are refused, because most parsers would
/// silently drop one of the values.
pub fn read<'a>(source: &'a str, _: &Options) -> Result<Document<'a>, Fault> {
    let mut parser = LowLevelJsonParser::new();
    let mut builder = Builder::new(source);
    let mut offset = 0;
    loop {
        let read = parser.parse_next(&source.as_bytes()[offset..], true);
        let at = offset + leading_separators(&source.as_bytes()[offset..]);
        offset += read.consumed_bytes;
        match read.event {
            Some(Ok(JsonEvent::Eof)) => return Ok(builder.finish(0)),
            Some(Ok(event)) => add(&mut builder, at, event)?,
            Some(Err(error)) => return Err(explain(source, &error)),
            None => return Err(explain_end(source)),
        }
    }
}

fn add(builder: &mut Builder<'_>, at: usize, event: JsonEvent<'_>) -> Result<(), Fault> {
    match event {
        JsonEvent::Null => builder.scalar(at, Scalar::Null)?,
        JsonEvent::Boolean(value) => builder.scalar(at, Scalar::Bool(value))?,
        JsonEvent::String(text) => builder.scalar(at, Scalar::String(&text))?,
        JsonEvent::Number(text) => {
            let number = json_number(&text).ok_or_else(|| {
                Fault::syntax(Source::Json, at, "this is not a valid JSON number")
            })?;
            builder.scalar(at, number)?;
        }
        JsonEvent::ObjectKey(key) => builder
            .key(at, &key)
            .map_err(|message| Fault::syntax(Source::Json, at, message))?,
        JsonEvent::StartArray => builder.open_array(at)?,
        JsonEvent::StartObject => builder.open_object(at)?,
        JsonEvent::EndArray | JsonEvent::EndObject => builder.close(),
        JsonEvent::Eof => {}
    }
    Ok(())
}

/// The bytes of an event start with the space, comma or colon before it.
fn leading_separators(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| b" \t\r\n,:".contains(byte))
        .count()
}

/// Takes the message from serde_json, which says what it expected. The event parser, needed for the
/// digits of numbers, does not.
fn explain(source: &str, error: &json_event_parser::JsonSyntaxError) -> Fault {
    match serde_json::from_str::<IgnoredAny>(source) {
        Err(better) => {
            let at = offset_of(source, better.line(), better.column());
            let message = better.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message);
            let message = message.replace("EOF while parsing", "the text ends inside");
            Fault::syntax(Source::Json, at, message)
        }
        Ok(_) => {
            let at = error.location().start.offset as usize;
            Fault::syntax(Source::Json, at, error.message())
        }
    }
}

fn explain_end(source: &str) -> Fault {
    Fault::syntax(Source::Json, source.len(), "the text ends unexpectedly")
}

/// Byte offset of serde_json's line and column, both counted from 1, columns in bytes.
fn offset_of(source: &str, line: usize, column: usize) -> usize {
    let before = source.split_inclusive('\n').take(line.saturating_sub(1));
    before.map(str::len).sum::<usize>() + column.saturating_sub(1)
}

/// Writes with an indentation of two spaces, or on one line. Both end in a line break.
pub fn write(document: &Document<'_>, options: &Options) -> Result<String, Fault> {
    let mut writer = Writer {
        out: Output::with_capacity(document.source_len()),
        indent: options.indent,
    };
    writer.value(document.root(), 0)?;
    writer.out.push("\n");
    writer.out.finish()
}

struct Writer {
    out: Output,
    indent: bool,
}

impl Writer {
    fn value(&mut self, node: Node<'_>, depth: usize) -> Result<(), Fault> {
        match node.value() {
            Value::Scalar(scalar) => self.scalar(node, scalar),
            Value::Array(items) if items.is_empty() => self.literal("[]"),
            Value::Object(members) if members.is_empty() => self.literal("{}"),
            Value::Array(items) => self.array(items, depth),
            Value::Object(members) => self.object(members, depth),
        }
    }

    fn array(&mut self, items: Items<'_>, depth: usize) -> Result<(), Fault> {
        self.out.push("[");
        for (index, item) in items.enumerate() {
            self.next(index, depth + 1);
            self.value(item, depth + 1)?;
        }
        self.end_line(depth);
        self.literal("]")
    }

    fn object(&mut self, members: Members<'_>, depth: usize) -> Result<(), Fault> {
        self.out.push("{");
        for (index, (key, value)) in members.enumerate() {
            self.next(index, depth + 1);
            self.string(key);
            self.out.push(if self.indent { ": " } else { ":" });
            self.value(value, depth + 1)?;
        }
        self.end_line(depth);
        self.literal("}")
    }

    fn scalar(&mut self, node: Node<'_>, scalar: Scalar<'_>) -> Result<(), Fault> {
        match scalar {
            Scalar::Null => self.literal("null"),
            Scalar::Bool(true) => self.literal("true"),
            Scalar::Bool(false) => self.literal("false"),
            Scalar::Integer(text) | Scalar::Float(text) if is_finite(text) => self.literal(text),
            Scalar::Integer(text) | Scalar::Float(text) => Err(Fault::inexpressible(
                Target::Json,
                node.at(),
                format!(
                    "{} is {text}, but JSON has only finite numbers",
                    node.label()
                ),
            )),
            Scalar::String(text) | Scalar::Datetime(text) => {
                self.string(text);
                Ok(())
            }
        }
    }

    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut self.out, text).expect("writing to Output never fails");
    }

    fn literal(&mut self, text: &str) -> Result<(), Fault> {
        self.out.push(text);
        Ok(())
    }

    fn next(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(",");
        }
        self.end_line(depth);
    }

    fn end_line(&mut self, depth: usize) {
        if self.indent {
            self.out.push("\n");
            self.out.push_spaces(2 * depth);
        }
    }
}
