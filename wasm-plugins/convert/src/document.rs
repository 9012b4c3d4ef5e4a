//! Data of any format, as one flat list of values in the order of the text.
//!
//! A tree of maps would take some 20 times the text's size. Here a value takes 16 bytes, and its
//! text stays where it was read unless it had escapes; 10 MB fit a sandbox's memory.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::ops::{Index, IndexMut};

use crate::fault::Fault;

/// The deepest nesting: reading and writing may recurse to here, and no stack overflows.
pub const MAX_DEPTH: usize = 128;
/// Keys count as values. With all else these fit into the memory that `plugin.json` asks for.
const MAX_VALUES: usize = 6_000_000;
/// Up to here a new key is compared with each earlier one, which is faster than a set.
const FEW_KEYS: usize = 16;

/// Where a text lies: in the source, or after it in the arena.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

#[derive(Clone, Copy)]
enum Token {
    Null,
    Bool(bool),
    Integer(Span),
    Float(Span),
    Datetime(Span),
    String(Span),
    /// Stands in front of each value of an object.
    Key(Span),
    /// What it holds lies between it and the index `end`.
    Array {
        len: u32,
        end: u32,
    },
    Object {
        len: u32,
        end: u32,
    },
}

#[derive(Clone, Copy)]
struct Entry {
    token: Token,
    /// Byte offset in the source.
    at: u32,
}

/// One value without parts. Numbers are in JSON's grammar, or `nan`, `inf`, `-inf`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(&'a str),
    Float(&'a str),
    Datetime(&'a str),
    String(&'a str),
}

pub struct Document<'a> {
    source: &'a str,
    arena: String,
    entries: Entries,
    root: usize,
}

/// A list in pieces of one size: unlike a `Vec`, growing never needs room for a second copy.
#[derive(Default)]
struct Entries {
    pieces: Vec<Vec<Entry>>,
    len: usize,
}

impl Entries {
    const PIECE: usize = 1 << 14;

    fn push(&mut self, entry: Entry) {
        if self.len % Self::PIECE == 0 {
            // A small document does not need a whole piece.
            let capacity = if self.len == 0 { 0 } else { Self::PIECE };
            self.pieces.push(Vec::with_capacity(capacity));
        }
        self.pieces[self.len / Self::PIECE].push(entry);
        self.len += 1;
    }
}

impl Index<usize> for Entries {
    type Output = Entry;

    fn index(&self, index: usize) -> &Entry {
        &self.pieces[index / Self::PIECE][index % Self::PIECE]
    }
}

impl IndexMut<usize> for Entries {
    fn index_mut(&mut self, index: usize) -> &mut Entry {
        &mut self.pieces[index / Self::PIECE][index % Self::PIECE]
    }
}

impl Document<'_> {
    pub fn root(&self) -> Node<'_> {
        Node {
            document: self,
            index: self.root,
        }
    }

    pub fn source_len(&self) -> usize {
        self.source.len()
    }

    fn text(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        match start.checked_sub(self.source.len()) {
            None => &self.source[start..start + len],
            Some(start) => &self.arena[start..start + len],
        }
    }

    /// The index after the value at `index` and all that it holds.
    fn after(&self, index: usize) -> usize {
        match self.entries[index].token {
            Token::Array { end, .. } | Token::Object { end, .. } => end as usize,
            _ => index + 1,
        }
    }
}

/// A value of a document.
#[derive(Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    index: usize,
}

pub enum Value<'d> {
    Scalar(Scalar<'d>),
    Array(Items<'d>),
    Object(Members<'d>),
}

impl<'d> Node<'d> {
    /// Byte offset in the source.
    pub fn at(self) -> usize {
        self.document.entries[self.index].at as usize
    }

    pub fn value(self) -> Value<'d> {
        let text = |span| self.document.text(span);
        let items = |len, end| Items {
            document: self.document,
            next: self.index + 1,
            end: end as usize,
            len: len as usize,
        };
        Value::Scalar(match self.document.entries[self.index].token {
            Token::Null => Scalar::Null,
            Token::Bool(value) => Scalar::Bool(value),
            Token::Integer(span) => Scalar::Integer(text(span)),
            Token::Float(span) => Scalar::Float(text(span)),
            Token::Datetime(span) => Scalar::Datetime(text(span)),
            Token::String(span) | Token::Key(span) => Scalar::String(text(span)),
            Token::Array { len, end } => return Value::Array(items(len, end)),
            Token::Object { len, end } => return Value::Object(Members(items(len, end))),
        })
    }

    /// JSON Pointer from the root to here; for people, so long names are cut.
    pub fn pointer(self) -> String {
        let mut pointer = String::new();
        let mut node = self.document.root();
        while node.index < self.index {
            let holds = |child: &Node<'_>| self.index < self.document.after(child.index);
            let step = match node.value() {
                Value::Array(mut items) => items
                    .position(|child| holds(&child))
                    .map(|position| position.to_string()),
                Value::Object(mut members) => members
                    .find(|(_, child)| holds(child))
                    .map(|(key, _)| key.chars().take(64).collect::<String>()),
                Value::Scalar(_) => None,
            };
            let Some(step) = step else { break };
            pointer.push('/');
            pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
            node = node.child_holding(self.index);
        }
        pointer
    }

    fn child_holding(self, index: usize) -> Self {
        let holds = |child: &Self| index < self.document.after(child.index);
        match self.value() {
            Value::Array(mut items) => items.find(holds),
            Value::Object(members) => members.map(|(_, child)| child).find(holds),
            Value::Scalar(_) => None,
        }
        .unwrap_or(self)
    }
}

/// The values of an array, in order.
#[derive(Clone)]
pub struct Items<'d> {
    document: &'d Document<'d>,
    next: usize,
    end: usize,
    len: usize,
}

impl Items<'_> {
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<'d> Iterator for Items<'d> {
    type Item = Node<'d>;

    fn next(&mut self) -> Option<Node<'d>> {
        (self.next < self.end).then(|| {
            let index = self.next;
            self.next = self.document.after(index);
            Node {
                document: self.document,
                index,
            }
        })
    }
}

/// The keys and values of an object, in order.
#[derive(Clone)]
pub struct Members<'d>(Items<'d>);

impl Members<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'d> Iterator for Members<'d> {
    type Item = (&'d str, Node<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.0.next()?;
        let Value::Scalar(Scalar::String(name)) = key.value() else {
            return None;
        };
        Some((name, self.0.next()?))
    }
}

/// A finished value that can be put in again: what a YAML anchor names.
#[derive(Clone, Copy)]
pub struct Part {
    start: u32,
    end: u32,
    height: usize,
}

/// An array or object that is not closed yet.
struct Open {
    index: u32,
    len: u32,
    /// Of what it holds; 0 for scalars only.
    height: usize,
    first_key: usize,
    /// Hashes of the keys, once there are more than a few.
    hashes: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
}

/// Takes values in the order of the text; bounds their depth and finds keys that stand twice.
pub struct Builder<'a> {
    document: Document<'a>,
    open: Vec<Open>,
    /// Indices of the keys of every open object.
    keys: Vec<u32>,
    /// Height of the last value that was finished.
    height: usize,
    max_open: usize,
}

impl<'a> Builder<'a> {
    pub fn new(source: &'a str) -> Self {
        Self {
            document: Document {
                source,
                arena: String::new(),
                entries: Entries::default(),
                root: 0,
            },
            open: Vec::new(),
            keys: Vec::new(),
            height: 0,
            max_open: MAX_DEPTH,
        }
    }

    /// For a stream of documents, whose list around them is not the caller's nesting.
    pub fn of_stream(source: &'a str) -> Self {
        Self {
            max_open: MAX_DEPTH + 1,
            ..Self::new(source)
        }
    }

    pub fn scalar(&mut self, at: usize, scalar: Scalar<'_>) -> Result<(), Fault> {
        self.check_room(at)?;
        let token = match scalar {
            Scalar::Null => Token::Null,
            Scalar::Bool(value) => Token::Bool(value),
            Scalar::Integer(text) => Token::Integer(self.keep(text)),
            Scalar::Float(text) => Token::Float(self.keep(text)),
            Scalar::Datetime(text) => Token::Datetime(self.keep(text)),
            Scalar::String(text) => Token::String(self.keep(text)),
        };
        self.push(at, token);
        self.finished(0);
        Ok(())
    }

    /// The next value's key. Fails with a message if the object has it already.
    pub fn key(&mut self, at: usize, key: &str) -> Result<(), String> {
        if self.has_key(key) {
            let shown: String = key.chars().take(64).collect();
            return Err(format!("the key {shown:?} is there twice"));
        }
        self.checked_key(at, key);
        if let Some(open) = self.open.last_mut() {
            let keys = &self.keys[open.first_key..];
            if keys.len() > FEW_KEYS {
                // The first time all of them, then the last.
                let known = open.hashes.len();
                for &index in &keys[if known == 0 { 0 } else { keys.len() - 1 }..] {
                    open.hashes.insert(hash(key_text(&self.document, index)));
                }
            }
        }
        Ok(())
    }

    /// The next value's key, which the caller knows to be another than the earlier ones.
    pub fn checked_key(&mut self, at: usize, key: &str) {
        let span = self.keep(key);
        self.keys.push(self.next_index());
        self.push(at, Token::Key(span));
    }

    /// Whether the innermost open object has this key.
    pub fn has_key(&self, key: &str) -> bool {
        let Some(open) = self.open.last() else {
            return false;
        };
        if !open.hashes.is_empty() && !open.hashes.contains(&hash(key)) {
            return false;
        }
        self.keys[open.first_key..]
            .iter()
            .any(|&index| key_text(&self.document, index) == key)
    }

    pub fn open_array(&mut self, at: usize) -> Result<(), Fault> {
        self.open(at, Token::Array { len: 0, end: 0 })
    }

    pub fn open_object(&mut self, at: usize) -> Result<(), Fault> {
        self.open(at, Token::Object { len: 0, end: 0 })
    }

    /// Closes the innermost array or object.
    pub fn close(&mut self) {
        let Some(Open {
            index,
            len,
            height,
            first_key,
            ..
        }) = self.open.pop()
        else {
            return;
        };
        self.keys.truncate(first_key);
        let end = self.next_index();
        match &mut self.document.entries[index as usize].token {
            Token::Array { len: l, end: e } | Token::Object { len: l, end: e } => {
                (*l, *e) = (len, end);
            }
            _ => {}
        }
        self.finished(height + 1);
    }

    /// The index that the next value gets.
    pub fn next_index(&self) -> u32 {
        self.document.entries.len as u32
    }

    /// The value that was finished last and began at the index `start`.
    pub fn part_from(&self, start: u32) -> Part {
        Part {
            start,
            end: self.next_index(),
            height: self.height,
        }
    }

    /// What putting the part in again would take, in bytes.
    pub fn size_of(&self, part: Part) -> usize {
        let text = |entry: &Entry| match entry.token {
            Token::Integer(span)
            | Token::Float(span)
            | Token::Datetime(span)
            | Token::String(span)
            | Token::Key(span) => span.len as usize,
            _ => 0,
        };
        (part.start..part.end)
            .map(|index| size_of::<Entry>() + text(&self.document.entries[index as usize]))
            .sum()
    }

    /// Puts the part in once more. `at` is where the text asks for it.
    pub fn repeat(&mut self, at: usize, part: Part) -> Result<(), Fault> {
        if self.open.len() + part.height > self.max_open {
            return Err(too_deep(at));
        }
        let shift = self.next_index() - part.start;
        for index in part.start..part.end {
            let mut entry = self.document.entries[index as usize];
            if let Token::Array { end, .. } | Token::Object { end, .. } = &mut entry.token {
                *end += shift;
            }
            entry.at = at as u32;
            self.document.entries.push(entry);
        }
        self.finished(part.height);
        Ok(())
    }

    /// The text of a part that is a single value, with its type.
    pub fn scalar_of(&self, part: Part) -> Option<Scalar<'_>> {
        match self.node(part).value() {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Keys and values of a part that is an object.
    pub fn members_of(&self, part: Part) -> Option<Vec<(String, Part)>> {
        let Value::Object(members) = self.node(part).value() else {
            return None;
        };
        Some(
            members
                .map(|(key, node)| {
                    let part = Part {
                        start: node.index as u32,
                        end: self.document.after(node.index) as u32,
                        height: part.height,
                    };
                    (key.to_owned(), part)
                })
                .collect(),
        )
    }

    /// The document whose root is the value at `root`.
    pub fn finish(mut self, root: u32) -> Document<'a> {
        self.document.root = root as usize;
        self.document
    }

    fn node(&self, part: Part) -> Node<'_> {
        Node {
            document: &self.document,
            index: part.start as usize,
        }
    }

    fn open(&mut self, at: usize, token: Token) -> Result<(), Fault> {
        self.check_room(at)?;
        if self.open.len() >= self.max_open {
            return Err(too_deep(at));
        }
        self.open.push(Open {
            index: self.next_index(),
            len: 0,
            height: 0,
            first_key: self.keys.len(),
            hashes: HashSet::default(),
        });
        self.push(at, token);
        Ok(())
    }

    fn check_room(&self, at: usize) -> Result<(), Fault> {
        if self.document.entries.len < MAX_VALUES {
            return Ok(());
        }
        let millions = MAX_VALUES / 1_000_000;
        Err(Fault::limit(
            Some(at),
            format!(
                "until here there are {millions} million values and keys; convert less at a time"
            ),
        ))
    }

    fn finished(&mut self, height: usize) {
        self.height = height;
        if let Some(open) = self.open.last_mut() {
            open.len += 1;
            open.height = open.height.max(height);
        }
    }

    fn push(&mut self, at: usize, token: Token) {
        let at = at as u32;
        self.document.entries.push(Entry { token, at });
    }

    /// A text of the source is found there again by its address and not copied.
    fn keep(&mut self, text: &str) -> Span {
        let source = self.document.source;
        let offset = (text.as_ptr() as usize).wrapping_sub(source.as_ptr() as usize);
        let in_source = offset < source.len() && text.len() <= source.len() - offset;
        let start = if in_source {
            offset
        } else {
            self.document.arena.push_str(text);
            source.len() + self.document.arena.len() - text.len()
        };
        Span {
            start: start as u32,
            len: text.len() as u32,
        }
    }
}

fn key_text<'d>(document: &'d Document<'_>, index: u32) -> &'d str {
    match document.entries[index as usize].token {
        Token::Key(span) => document.text(span),
        _ => "",
    }
}

fn hash(key: &str) -> u64 {
    // Without random seeds: the same input costs the same everywhere, and time is bounded anyway.
    let mut hasher = DefaultHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

fn too_deep(at: usize) -> Fault {
    Fault::limit(
        Some(at),
        format!("this is nested more than {MAX_DEPTH} levels deep"),
    )
}
