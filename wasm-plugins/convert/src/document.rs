//! Data of any format, as one flat list of values in the order of the text.
//!
//! A tree of maps would take about 20 times the size of the text. Here a value takes 16 bytes, and
//! its text is not copied unless it has escapes, so that 10 MB fit into the sandbox's memory.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::ops::{Index, IndexMut};

use crate::fault::Fault;

/// The deepest nesting. Readers and writers can recurse this deep without a stack overflow.
pub const MAX_DEPTH: usize = 128;
/// Keys count as values. This many fit into the memory that `plugin.json` requests.
const MAX_VALUES: usize = 6_000_000;
/// Up to this many keys, comparing a new key with each earlier one is faster than a set.
const FEW_KEYS: usize = 16;

/// The place of a text: in the source or, for offsets past its end, in the arena.
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
    /// Precedes each value of an object.
    Key(Span),
    /// The entries up to the index `end` are its contents.
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

/// A value without parts. Numbers follow JSON's grammar, or are `nan`, `inf` or `-inf`.
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
    /// The names of a table's columns, also if it has no rows.
    columns: Vec<String>,
}

/// A list in chunks of equal size. Unlike a `Vec`, it never needs space for two copies to grow.
#[derive(Default)]
struct Entries {
    chunks: Vec<Vec<Entry>>,
    len: usize,
}

impl Entries {
    const CHUNK: usize = 1 << 14;

    fn push(&mut self, entry: Entry) {
        if self.len % Self::CHUNK == 0 {
            // A small document does not need a whole chunk.
            let capacity = if self.len == 0 { 0 } else { Self::CHUNK };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        self.chunks[self.len / Self::CHUNK].push(entry);
        self.len += 1;
    }
}

impl Index<usize> for Entries {
    type Output = Entry;

    fn index(&self, index: usize) -> &Entry {
        &self.chunks[index / Self::CHUNK][index % Self::CHUNK]
    }
}

impl IndexMut<usize> for Entries {
    fn index_mut(&mut self, index: usize) -> &mut Entry {
        &mut self.chunks[index / Self::CHUNK][index % Self::CHUNK]
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

    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    fn text(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        match start.checked_sub(self.source.len()) {
            None => &self.source[start..start + len],
            Some(start) => &self.arena[start..start + len],
        }
    }

    /// The index after the value at `index` and its contents.
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

    /// How messages name the value: by its JSON pointer.
    pub fn label(self) -> String {
        match self.pointer() {
            pointer if pointer.is_empty() => "the value".to_owned(),
            pointer => pointer,
        }
    }

    /// JSON Pointer from the root, for people: long names are cut.
    fn pointer(self) -> String {
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

/// A finished value that can be repeated, such as the target of a YAML anchor.
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
    /// The greatest height of its values; 0 if all are scalars.
    height: usize,
    first_key: usize,
    /// Hashes of the keys, once there are more than [`FEW_KEYS`].
    hashes: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
}

/// Takes values in the order of the text, limits their nesting and finds duplicate keys.
pub struct Builder<'a> {
    document: Document<'a>,
    open: Vec<Open>,
    /// Indices of the keys of all open objects.
    keys: Vec<u32>,
    /// Height of the last finished value.
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
                columns: Vec::new(),
            },
            open: Vec::new(),
            keys: Vec::new(),
            height: 0,
            max_open: MAX_DEPTH,
        }
    }

    /// For a stream of documents: the list around them does not count as nesting.
    pub fn of_stream(source: &'a str) -> Self {
        Self {
            max_open: MAX_DEPTH + 1,
            ..Self::new(source)
        }
    }

    pub fn columns<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.document.columns = names.map(str::to_owned).collect();
    }

    pub fn scalar(&mut self, at: usize, scalar: Scalar<'_>) -> Result<(), Fault> {
        self.check_room(at)?;
        let token = match scalar {
            Scalar::Null => Token::Null,
            Scalar::Bool(value) => Token::Bool(value),
            Scalar::Integer(text) => Token::Integer(self.intern(text)),
            Scalar::Float(text) => Token::Float(self.intern(text)),
            Scalar::Datetime(text) => Token::Datetime(self.intern(text)),
            Scalar::String(text) => Token::String(self.intern(text)),
        };
        self.push(at, token);
        self.finished(0);
        Ok(())
    }

    /// Adds the key of the next value. Fails with a message if the object already has it.
    pub fn key(&mut self, at: usize, key: &str) -> Result<(), String> {
        if self.has_key(key) {
            let shown: String = key.chars().take(64).collect();
            return Err(format!("the key {shown:?} appears twice"));
        }
        self.unique_key(at, key);
        if let Some(open) = self.open.last_mut() {
            let keys = &self.keys[open.first_key..];
            if keys.len() > FEW_KEYS {
                // All of them the first time, then only the last.
                let known = open.hashes.len();
                for &index in &keys[if known == 0 { 0 } else { keys.len() - 1 }..] {
                    open.hashes.insert(hash(key_text(&self.document, index)));
                }
            }
        }
        Ok(())
    }

    /// Adds the key of the next value, which the caller knows to be unique.
    pub fn unique_key(&mut self, at: usize, key: &str) {
        let span = self.intern(key);
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

    /// The index of the next value.
    pub fn next_index(&self) -> u32 {
        self.document.entries.len as u32
    }

    /// The last finished value, which started at the index `start`.
    pub fn part_from(&self, start: u32) -> Part {
        Part {
            start,
            end: self.next_index(),
            height: self.height,
        }
    }

    /// The bytes that repeating the part would take.
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

    /// Adds a copy of the part. `at` is the offset of the alias that requests it.
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

    /// The value of a part that is a scalar.
    pub fn scalar_of(&self, part: Part) -> Option<Scalar<'_>> {
        match self.node(part).value() {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The members of a part that is an object.
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
                "there are more than {millions} million values and keys; convert smaller parts"
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

    /// Copies the text to the arena, unless its address shows that it is part of the source.
    fn intern(&mut self, text: &str) -> Span {
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
    // No random seed: the same input costs the same everywhere, and the time is limited anyway.
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
