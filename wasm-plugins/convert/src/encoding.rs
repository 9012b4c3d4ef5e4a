//! Bytes to text, and places in a text.

use std::borrow::Cow;

use crate::fault::Fault;

/// The text of a file: UTF-8, or UTF-16 with a byte-order mark, as spreadsheets save it.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => utf8(bytes).map(Cow::Borrowed),
    }
}

pub fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{FEFF}').unwrap_or(text)
}

fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(without_bom(text)),
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let (line, column) = position(&valid, valid.len());
            Err(Fault::encoding(format!(
                "Line {line}, column {column}: the byte 0x{:02X} is not UTF-8. \
                 Save the file as UTF-8; if it is not text, it cannot be converted.",
                bytes[error.valid_up_to()]
            )))
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Fault> {
    let pairs = bytes.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if whole => Ok(text),
        _ => Err(Fault::encoding(
            "The file begins like UTF-16 but goes on differently. Save it as UTF-8.",
        )),
    }
}

/// Line and column of a byte offset, both from 1, the column in characters. A line ends with
/// `\n`, `\r\n` or `\r`.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let bytes = text.as_bytes();
    let ends_line = |index: usize| match bytes[index] {
        b'\n' => true,
        b'\r' => bytes.get(index + 1) != Some(&b'\n'),
        _ => false,
    };
    let lines = (0..at).filter(|&index| ends_line(index)).count();
    let start = (0..at).rev().find(|&index| ends_line(index));
    let line = &text[start.map_or(0, |index| index + 1)..at];
    (lines + 1, line.chars().count() + 1)
}
