//! Writes block style. Quotes each text that a YAML 1.1 or 1.2 reader could take for another type.

use std::fmt::Write as _;

use crate::document::{Document, Items, Members, Node, Scalar, Value};
use crate::fault::Fault;
use crate::formats::yaml::schema::{resolve, Plain};
use crate::number::is_finite;
use crate::options::Options;
use crate::output::Output;

/// Keys over 1,024 characters need the `? ` form, and escapes can make a key twelve times longer.
const MAX_PLAIN_KEY_CHARS: usize = 80;
/// Booleans in YAML 1.1.
const OLD_BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

pub fn write(document: &Document<'_>, _: &Options) -> Result<String, Fault> {
    let mut out = Output::with_capacity(document.source_len());
    let mut writer = Writer { out: &mut out };
    writer.value(document.root(), 0);
    out.finish()
}

struct Writer<'o> {
    out: &'o mut Output,
}

impl Writer<'_> {
    /// Starts on the current line, after `- `, `? ` or the colon of a key. Indents further lines by
    /// `indent` and ends the last one.
    fn value(&mut self, node: Node<'_>, indent: usize) {
        match node.value() {
            Value::Array(items) if items.is_empty() => self.out.push("[]\n"),
            Value::Object(members) if members.is_empty() => self.out.push("{}\n"),
            Value::Array(items) => self.items(items, indent),
            Value::Object(members) => self.members(members, indent),
            Value::Scalar(scalar) => {
                self.scalar(scalar, indent);
                self.out.push("\n");
            }
        }
    }

    fn items(&mut self, items: Items<'_>, indent: usize) {
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push_spaces(indent);
            }
            self.out.push("- ");
            self.value(item, indent + 2);
        }
    }

    fn members(&mut self, members: Members<'_>, indent: usize) {
        for (index, (key, value)) in members.enumerate() {
            if index > 0 {
                self.out.push_spaces(indent);
            }
            if key.chars().count() > MAX_PLAIN_KEY_CHARS {
                self.long_member(key, value, indent);
            } else {
                self.member(key, value, indent);
            }
        }
    }

    fn member(&mut self, key: &str, value: Node<'_>, indent: usize) {
        self.flow_string(key);
        self.out.push(":");
        let is_block = match value.value() {
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Scalar(_) => false,
        };
        if is_block {
            self.out.push("\n");
            self.out.push_spaces(indent + 2);
        } else {
            self.out.push(" ");
        }
        self.value(value, indent + 2);
    }

    fn long_member(&mut self, key: &str, value: Node<'_>, indent: usize) {
        self.out.push("? ");
        self.flow_string(key);
        self.out.push("\n");
        self.out.push_spaces(indent);
        self.out.push(": ");
        self.value(value, indent + 2);
    }

    fn scalar(&mut self, scalar: Scalar<'_>, indent: usize) {
        match scalar {
            Scalar::Null => self.out.push("null"),
            Scalar::Bool(true) => self.out.push("true"),
            Scalar::Bool(false) => self.out.push("false"),
            Scalar::Integer(text) => self.out.push(text),
            Scalar::Float(text) if is_finite(text) => self.float(text),
            Scalar::Float(text) => match text.strip_prefix('-') {
                Some(positive) => self.out.push(&format!("-.{positive}")),
                None => self.out.push(&format!(".{text}")),
            },
            // A YAML 1.1 reader takes a time of day for a number in base 60.
            Scalar::Datetime(text) if !text.contains('-') => self.quoted(text),
            // YAML 1.2 has no dates: a YAML 1.1 reader sees a date, others see text.
            Scalar::Datetime(text) => self.out.push(text),
            Scalar::String(text) if indent > 0 && fits_literal(text) => self.literal(text, indent),
            Scalar::String(text) => self.flow_string(text),
        }
    }

    /// YAML 1.1 readers take `1e4` for text: they need a point, and a sign of the exponent.
    fn float(&mut self, text: &str) {
        let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
            return self.out.push(text);
        };
        self.out.push(mantissa);
        if !mantissa.contains('.') {
            self.out.push(".0");
        }
        self.out.push("e");
        if !exponent.starts_with(['+', '-']) {
            self.out.push("+");
        }
        self.out.push(exponent);
    }

    /// Writes the lines of the text unchanged, without the end of the last line.
    fn literal(&mut self, text: &str, indent: usize) {
        let (header, body) = match text.strip_suffix('\n') {
            Some(body) => ("|", body),
            None => ("|-", text),
        };
        self.out.push(header);
        for line in body.split('\n') {
            self.out.push("\n");
            if !line.is_empty() {
                self.out.push_spaces(indent);
                self.out.push(line);
            }
        }
    }

    fn flow_string(&mut self, text: &str) {
        if is_safe_plain(text) {
            self.out.push(text);
        } else {
            self.quoted(text);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push("\"");
        let mut start = 0;
        for (index, character) in text.char_indices() {
            let escape = match character {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                other if is_printable(other) => continue,
                _ => "",
            };
            self.out.push(&text[start..index]);
            start = index + character.len_utf8();
            if escape.is_empty() {
                // Writing to Output never fails. Unprintable characters have up to 16 bits, except
                // U+FFFE and U+FFFF of the higher planes.
                let code = u32::from(character);
                let _ = match code {
                    0..=0xFFFF => write!(self.out, "\\u{code:04X}"),
                    _ => write!(self.out, "\\U{code:08X}"),
                };
            } else {
                self.out.push(escape);
            }
        }
        self.out.push(&text[start..]);
        self.out.push("\"");
    }
}

/// A literal block takes its indentation from its first line and can keep only one final line end.
fn fits_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && !body.ends_with([' ', '\t', '\n'])
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || is_printable(c))
}

/// True if every reader takes the unquoted text for text. In doubt, the text is quoted.
fn is_safe_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    (first.is_alphabetic() || first == '_' || first == '/')
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text
            .chars()
            .all(|c| is_printable(c) && !"[]{},".contains(c))
        && resolve(text) == Plain::String
        && !OLD_BOOLEANS
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
}

/// YAML's printable characters, except line ends, the byte-order mark and the noncharacters at the
/// end of each plane.
fn is_printable(character: char) -> bool {
    matches!(character,
        ' '..='~' | '\u{A0}'..='\u{2027}' | '\u{202A}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}'
        | '\u{FF00}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}
