//! Splits CSV into rows and cells. Cells without quotes in them are slices of the text.

use std::borrow::Cow;

pub struct Cell<'a> {
    /// Byte offset in the text.
    pub at: usize,
    pub text: Cow<'a, str>,
}

impl Cell<'_> {
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// A quote in a place where it would change what the text means.
pub struct Misquoted {
    pub at: usize,
    pub message: &'static str,
}

#[derive(Clone)]
pub struct Scanner<'a> {
    source: &'a str,
    delimiter: u8,
    next: usize,
    /// Whether a quote occurred inside an unquoted cell, where it stands for itself.
    pub has_bare_quote: bool,
}

impl<'a> Scanner<'a> {
    pub fn new(source: &'a str, start: usize, delimiter: u8) -> Self {
        Self {
            source,
            delimiter,
            next: start,
            has_bare_quote: false,
        }
    }

    /// Whether the whole text was read.
    pub fn is_done(&self) -> bool {
        self.next == self.source.len()
    }

    /// Puts the cells of the next row into `row`; false after the last row. Skips empty lines.
    pub fn read(&mut self, row: &mut Vec<Cell<'a>>) -> Result<bool, Misquoted> {
        row.clear();
        let bytes = self.source.as_bytes();
        while matches!(bytes.get(self.next), Some(b'\n' | b'\r')) {
            self.next += 1;
        }
        if self.next == bytes.len() {
            return Ok(false);
        }
        loop {
            let cell = match bytes.get(self.next) {
                Some(b'"') => self.quoted()?,
                _ => self.unquoted()?,
            };
            row.push(cell);
            match bytes.get(self.next) {
                Some(&byte) if byte == self.delimiter => self.next += 1,
                _ => break,
            }
        }
        match &bytes[self.next..] {
            [b'\r', b'\n', ..] => self.next += 2,
            [_, ..] => self.next += 1,
            [] => {}
        }
        Ok(true)
    }

    fn unquoted(&mut self) -> Result<Cell<'a>, Misquoted> {
        let at = self.next;
        let bytes = self.source.as_bytes();
        let mut quote = None;
        while let Some(&byte) = bytes.get(self.next) {
            match byte {
                b'\n' | b'\r' => break,
                b'"' => quote = quote.or(Some(self.next)),
                _ if byte == self.delimiter => break,
                _ => {}
            }
            self.next += 1;
        }
        let text = &self.source[at..self.next];
        if let Some(quote) = quote {
            if self.source[at..quote].trim().is_empty() {
                return Err(Misquoted {
                    at: quote,
                    message:
                        "there is space before this quote; a quoted value starts with its quote",
                });
            }
            self.has_bare_quote = true;
        }
        Ok(Cell {
            at,
            text: Cow::Borrowed(text),
        })
    }

    fn quoted(&mut self) -> Result<Cell<'a>, Misquoted> {
        let at = self.next;
        let bytes = self.source.as_bytes();
        let mut start = at + 1;
        let mut text = Cow::Borrowed("");
        loop {
            let Some(len) = bytes[start..].iter().position(|&byte| byte == b'"') else {
                self.next = bytes.len();
                return Err(Misquoted {
                    at,
                    message:
                        "this quote is never closed; a quote inside a quoted value is written twice",
                });
            };
            let end = start + len;
            let part = &self.source[start..end];
            match bytes.get(end + 1) {
                Some(b'"') => {
                    let text = text.to_mut();
                    text.push_str(part);
                    text.push('"');
                    start = end + 2;
                }
                Some(&byte) if byte != self.delimiter && byte != b'\n' && byte != b'\r' => {
                    return Err(Misquoted {
                        at: end + 1,
                        message: "there is text after a closing quote; \
                                  a quote inside a quoted value is written twice",
                    });
                }
                _ => {
                    if text.is_empty() {
                        text = Cow::Borrowed(part);
                    } else {
                        text.to_mut().push_str(part);
                    }
                    self.next = end + 1;
                    return Ok(Cell { at, text });
                }
            }
        }
    }
}
