//! A buffer for the result, with a size limit.

use std::fmt;
use std::io;

use crate::fault::Fault;

/// The same as `max_output_kb` in `plugin.json`.
const MAX_BYTES: usize = 48 << 20;

/// Writing never fails: over the limit the text is dropped, and `finish` returns an error.
#[derive(Default)]
pub struct Output {
    bytes: Vec<u8>,
    full: bool,
}

impl Output {
    /// Reserves space, typically as much as the source takes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            full: false,
        }
    }

    pub fn push(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    pub fn push_spaces(&mut self, count: usize) {
        for _ in 0..count {
            self.push_bytes(b" ");
        }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// True once text was dropped, so that a long loop can stop early.
    pub fn is_full(&self) -> bool {
        self.full
    }

    pub fn finish(self) -> Result<String, Fault> {
        if self.full {
            let limit = MAX_BYTES >> 20;
            return Err(Fault::limit(
                None,
                format!("The result would be larger than {limit} MiB. Convert smaller parts."),
            ));
        }
        Ok(String::from_utf8(self.bytes).expect("only valid UTF-8 is pushed"))
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        self.full |= bytes.len() > MAX_BYTES - self.bytes.len();
        if !self.full {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push_bytes(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
