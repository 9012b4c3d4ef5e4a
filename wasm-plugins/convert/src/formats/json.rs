//! JSON (RFC 8259).

use json_event_parser::{JsonEvent, LowLevelJsonParser};
use serde::de::IgnoredAny;

use crate::document::{Builder, Document, Items, Members, Node, Scalar, Value};
use crate::fault::Fault;
use crate::number::{is_finite, json_number};
use crate::options::{Options, Source, Target};
use crate::output::Output;

/// Keeps the digits of numbers as written. Duplicate keys are refused, because most parsers would
/// silently drop one of the values. JSON lines, one value on each line, become a list.
pub fn read<'a>(source: &'a str, _: &Options) -> Result<Document<'a>, Fault> {
    let mut builder = Builder::of_stream(source);
    builder.open_array(0)?;
    let mut end = value(&mut builder, source, 0)?;
    let mut values = 1;
    if let Some(start) = next_value(source, end) {
        let has_own_line = |text: &str| text.contains(['\n', '\r']);
        if has_own_line(source[..end].trim_start()) || !has_own_line(&source[end..start]) {
            return Err(explain(source, 0));
        }
    }
    while let Some(start) = next_value(source, end) {
        let line_len = source[start..].find(['\n', '\r']);
        let line_end = line_len.map_or(source.len(), |len| start + len);
        let line = &source[..line_end];
        end = value(&mut builder, line, start)?;
        if next_value(line, end).is_some() {
            return Err(explain(line, start));
        }
        values += 1;
    }
    builder.close();
    Ok(builder.finish(u32::from(values == 1)))
}

/// The offset of what follows a value, if anything does.
fn next_value(source: &str, end: usize) -> Option<usize> {
    let rest = source[end..].trim_start_matches([' ', '\t', '\r', '\n']);
    (!rest.is_empty()).then_some(source.len() - rest.len())
}

/// Reads the value at `start` and returns the offset of its end.
fn value(builder: &mut Builder<'_>, source: &str, start: usize) -> Result<usize, Fault> {
    let mut parser = LowLevelJsonParser::new();
    let mut offset = start;
    let mut depth = 0;
    loop {
        let read = parser.parse_next(&source.as_bytes()[offset..], true);
        let at = offset + leading_separators(&source.as_bytes()[offset..]);
        offset += read.consumed_bytes;
        let event = match read.event {
            Some(Ok(JsonEvent::Eof) | Err(_)) | None => return Err(explain(source, start)),
            Some(Ok(event)) => event,
        };
        match event {
            JsonEvent::StartArray | JsonEvent::StartObject => depth += 1,
            JsonEvent::EndArray | JsonEvent::EndObject => depth -= 1,
            _ => {}
        }
        let is_key = matches!(event, JsonEvent::ObjectKey(_));
        add(builder, at, event)?;
        if depth == 0 && !is_key {
            return Ok(offset);
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

/// What is wrong with the value at `start`, in the words of serde_json, which says what it expected.
/// The event parser, needed for the digits of numbers, does not.
fn explain(source: &str, start: usize) -> Fault {
    let Err(error) = serde_json::from_str::<IgnoredAny>(&source[start..]) else {
        return Fault::syntax(Source::Json, start, "this is not a valid JSON value");
    };
    let at = start + offset_of(&source[start..], error.line(), error.column());
    // The column may be that of the second character.
    for at in [at, at.saturating_sub(1)] {
        let rest = source.as_bytes().get(at..).unwrap_or_default();
        if rest.starts_with(b"//") || rest.starts_with(b"/*") || rest.starts_with(b"#") {
            return Fault::syntax(Source::Json, at, "JSON has no comments; remove this one");
        }
    }
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    let message = message.replace("EOF while parsing", "the text ends inside");
    Fault::syntax(Source::Json, at, message)
}

/// The text after the comments at its start, as some programs allow them in JSON.
pub fn without_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let end = match rest.get(..2) {
            Some("//") => rest.find(['\n', '\r']),
            Some("/*") => rest.find("*/").map(|end| end + 2),
            _ => return rest,
        };
        rest = rest[end.unwrap_or(rest.len())..].trim_start();
    }
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
