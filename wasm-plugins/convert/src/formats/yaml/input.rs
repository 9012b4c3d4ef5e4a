//! Feeds the text to the parser, with two changes to accept what other YAML parsers accept.
//!
//! A bracket that closes a list or mapping may stand under its key. The parser wants it to be
//! indented, as the specification does, so it sees spaces before the bracket. And `\ud83d\ude00`
//! in double quotes is one character, as in JSON: the parser sees `\U0001f600`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use saphyr_parser::Input;

/// Deeper indentation of a closing bracket is not needed: the nesting is limited.
const MAX_COLUMN: usize = 1024;
/// `\ud83d\ude00`
const PAIR_LEN: usize = 12;
/// `\U0001f600`
const ESCAPE_LEN: usize = 10;

/// How many characters all changes before an index of the changed text have added.
pub struct Change {
    pub index: usize,
    pub added: isize,
}

pub type Changes = Rc<RefCell<Vec<Change>>>;

pub struct Text<'a> {
    source: &'a str,
    /// Byte offset.
    at: usize,
    /// Index of the next character of the changed text.
    index: usize,
    /// Spaces that are inserted at `at`.
    spaces: usize,
    /// What replaces a surrogate pair at `at`, and how many of its characters are left.
    escape: [u8; ESCAPE_LEN],
    escape_left: usize,
    lookahead: usize,
    changes: Changes,
    /// Whether only blanks precede `at` on its line.
    is_line_start: bool,
    flow: Flow,
}

/// What is known about the tokens so far. The scanner asks for a byte-order mark at the start of
/// each token, through a shared reference.
#[derive(Default)]
struct Flow {
    /// How many lists and mappings in brackets are open.
    depth: Cell<usize>,
    /// Column after the outermost open bracket.
    column: Cell<usize>,
    /// The last quoted text.
    quote: Cell<u8>,
    quote_end: Cell<usize>,
}

impl<'a> Text<'a> {
    pub fn new(source: &'a str, changes: Changes) -> Self {
        Self {
            source,
            at: 0,
            index: 0,
            spaces: 0,
            escape: [0; ESCAPE_LEN],
            escape_left: 0,
            lookahead: 0,
            changes,
            is_line_start: true,
            flow: Flow::default(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn start_token(&self) {
        match self.source.as_bytes().get(self.at) {
            Some(b'[' | b'{') => {
                if self.flow.depth.get() == 0 {
                    self.flow.column.set(self.column() + 1);
                }
                self.flow.depth.set(self.flow.depth.get() + 1);
            }
            Some(b']' | b'}') => self.flow.depth.set(self.flow.depth.get().saturating_sub(1)),
            Some(&quote @ (b'"' | b'\'')) => {
                self.flow.quote.set(quote);
                self.flow.quote_end.set(self.quote_end(quote));
            }
            _ => {}
        }
    }

    /// Characters before `at` on its line, but not more than are useful.
    fn column(&self) -> usize {
        let before = self.source[..self.at].chars().rev().take(MAX_COLUMN);
        before.take_while(|c| !matches!(c, '\n' | '\r')).count()
    }

    fn quote_end(&self, quote: u8) -> usize {
        let bytes = self.source.as_bytes();
        let mut end = self.at + 1;
        while let Some(&byte) = bytes.get(end) {
            match byte {
                b'\\' if quote == b'"' => end += 1,
                _ if byte == quote => return end + 1,
                _ => {}
            }
            end += 1;
        }
        bytes.len()
    }

    /// Called after each move to a new character.
    #[inline]
    fn change(&mut self) {
        match self.source.as_bytes().get(self.at) {
            Some(b']' | b'}')
                if self.is_line_start
                    && self.flow.depth.get() > 0
                    && self.at >= self.flow.quote_end.get() =>
            {
                self.spaces = self.flow.column.get().saturating_sub(self.column());
                // Once per bracket.
                self.is_line_start = false;
                self.changed(self.spaces, self.spaces as isize);
            }
            Some(b'\\') if self.at < self.flow.quote_end.get() && self.flow.quote.get() == b'"' => {
                if let Some(character) = surrogate_pair(self.rest()) {
                    let code = format!("\\U{:08x}", u32::from(character));
                    self.escape.copy_from_slice(code.as_bytes());
                    self.escape_left = ESCAPE_LEN;
                    self.changed(ESCAPE_LEN, ESCAPE_LEN as isize - PAIR_LEN as isize);
                }
            }
            _ => {}
        }
    }

    fn changed(&mut self, len: usize, added: isize) {
        let mut changes = self.changes.borrow_mut();
        let before = changes.last().map_or(0, |change| change.added);
        changes.push(Change {
            index: self.index + len,
            added: before + added,
        });
    }

    fn is_changed_here(&self) -> bool {
        self.spaces > 0 || self.escape_left > 0
    }

    #[inline]
    fn step(&mut self) {
        if self.is_changed_here() {
            return self.step_in_change();
        }
        let Some(&byte) = self.source.as_bytes().get(self.at) else {
            return;
        };
        self.index += 1;
        self.at += match byte {
            0..0x80 => 1,
            0x80..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        match byte {
            b'\n' | b'\r' => self.is_line_start = true,
            b' ' | b'\t' => {}
            _ => self.is_line_start = false,
        }
    }

    fn step_in_change(&mut self) {
        self.index += 1;
        if self.spaces > 0 {
            self.spaces -= 1;
            return;
        }
        self.escape_left -= 1;
        if self.escape_left == 0 {
            self.at += PAIR_LEN;
        }
    }

    #[inline]
    fn nth(&self, n: usize) -> Option<char> {
        match self.source.as_bytes().get(self.at..=self.at + n) {
            _ if self.is_changed_here() => self.nth_in_change(n),
            Some(bytes) if bytes.is_ascii() => Some(char::from(bytes[n])),
            _ => self.rest().chars().nth(n),
        }
    }

    fn nth_in_change(&self, n: usize) -> Option<char> {
        if n < self.spaces {
            return Some(' ');
        }
        let n = n - self.spaces;
        if n < self.escape_left {
            return Some(char::from(self.escape[ESCAPE_LEN - self.escape_left + n]));
        }
        let skipped = if self.escape_left > 0 { PAIR_LEN } else { 0 };
        let rest = &self.source[self.at + skipped..];
        rest.chars().nth(n - self.escape_left)
    }
}

/// The character that two escapes at the start of a text stand for together.
fn surrogate_pair(text: &str) -> Option<char> {
    let unit = |start: usize| {
        let digits = text.get(start..start + 6)?.strip_prefix("\\u")?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let mut characters = char::decode_utf16([unit(0)?, unit(6)?]);
    match (characters.next(), characters.next()) {
        (Some(Ok(character)), None) => Some(character),
        _ => None,
    }
}

impl Input for Text<'_> {
    #[inline]
    fn lookahead(&mut self, count: usize) {
        self.lookahead = self.lookahead.max(count);
    }

    fn buflen(&self) -> usize {
        self.lookahead
    }

    fn bufmaxlen(&self) -> usize {
        128
    }

    fn raw_read_ch(&mut self) -> char {
        let character = self.peek();
        self.skip();
        character
    }

    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        let character = self.nth(0).filter(|c| !matches!(c, '\n' | '\r' | '\0'))?;
        self.skip();
        Some(character)
    }

    #[inline]
    fn skip(&mut self) {
        self.step();
        if !self.is_changed_here() {
            self.change();
        }
    }

    fn skip_n(&mut self, count: usize) {
        // Not `skip`: the second backslash of `\\` starts no escape.
        for _ in 0..count {
            self.step();
        }
        if count > 0 && !self.is_changed_here() {
            self.change();
        }
    }

    #[inline]
    fn peek(&self) -> char {
        self.nth(0).unwrap_or('\0')
    }

    #[inline]
    fn peek_nth(&self, n: usize) -> char {
        self.nth(n).unwrap_or('\0')
    }

    fn peek_opt(&self) -> Option<char> {
        self.nth(0)
    }

    #[inline]
    fn next_char_is(&self, c: char) -> bool {
        if c == '\u{FEFF}' {
            self.start_token();
        }
        self.peek() == c
    }
}
