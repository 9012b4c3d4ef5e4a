//! Decodes a file to text.

use std::borrow::Cow;

use crate::fault::Fault;
use crate::position::position;

/// Accepts UTF-8, and UTF-16 with a byte-order mark, which spreadsheets write.
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
                "Line {line}, column {column}: the byte 0x{:02X} is not valid UTF-8. \
                 Save the file as UTF-8. A file that is not text cannot be converted.",
                bytes[error.valid_up_to()]
            )))
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Fault> {
    let pairs = bytes.chunks_exact(2);
    let is_even = pairs.remainder().is_empty();
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if is_even => Ok(text),
        _ => Err(Fault::encoding(
            "The file has a UTF-16 byte-order mark but is not valid UTF-16. Save it as UTF-8.",
        )),
    }
}
