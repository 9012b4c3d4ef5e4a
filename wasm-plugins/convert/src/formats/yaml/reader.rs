//! Builds a document from the parser's events and limits what aliases expand to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::document::{Builder, Document, Part, Scalar};
use crate::fault::Fault;
use crate::formats::yaml::input::{Changes, Text};
use crate::formats::yaml::schema::{is_too_large, resolve, Plain};
use crate::options::{Options, Source};

/// The most that all aliases together may expand to. Ten nested aliases can mean terabytes.
const MAX_REPEATED_BYTES: usize = 16 << 20;
const CORE: &str = "tag:yaml.org,2002:";

/// Returns the document of the text, or a list if there are several.
pub fn read<'a>(source: &'a str, _: &Options) -> Result<Document<'a>, Fault> {
    parse(source)
}

pub fn parse(source: &str) -> Result<Document<'_>, Fault> {
    let changes = Changes::default();
    let mut reader = Reader {
        source,
        builder: Builder::of_stream(source),
        offsets: Offsets::new(source, changes.clone()),
        collections: Vec::new(),
        anchors: HashMap::default(),
        repeated: 0,
    };
    reader.builder.open_array(0)?;
    let mut documents = 0;
    let mut parser = Parser::new(Text::new(source, changes));
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| reader.explain(&error))?;
        documents += usize::from(matches!(event, Event::DocumentStart(_)));
        let at = reader.offsets.of(&span.start);
        reader.handle(at, &span, event)?;
    }
    reader.finish(documents)
}

struct Reader<'a> {
    source: &'a str,
    builder: Builder<'a>,
    offsets: Offsets<'a>,
    /// Innermost last.
    collections: Vec<Collection>,
    anchors: HashMap<usize, Anchored, BuildHasherDefault<DefaultHasher>>,
    repeated: usize,
}

/// What an anchor marks.
#[derive(Clone)]
enum Anchored {
    Value(Part),
    /// The text and type of a key.
    Key(Rc<(String, Plain<'static>)>),
}

struct Collection {
    kind: Kind,
    anchor: usize,
    start: u32,
    at: usize,
    /// Mappings that `<<` merges in.
    merged: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Sequence,
    /// A mapping that waits for a key.
    Key,
    /// A mapping that waits for the key's value.
    Value,
    /// A mapping that waits for the value of `<<`.
    Merge,
    /// A list of mappings as the value of `<<`.
    Merges,
}

impl<'a> Reader<'a> {
    fn handle(&mut self, at: usize, span: &Span, event: Event<'_>) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text = self.without_added_end(text, style, span);
                let scalar = typed(at, &text, style, tag.as_deref())?;
                self.scalar(at, &text, &scalar, style, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                check_collection_tag(at, tag, "seq")?;
                self.open(at, Kind::Sequence, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                check_collection_tag(at, tag, "map")?;
                self.open(at, Kind::Key, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(at, anchor),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        at: usize,
        text: &str,
        scalar: &Plain<'_>,
        style: ScalarStyle,
        anchor: usize,
    ) -> Result<(), Fault> {
        match self.state() {
            Some(Kind::Key) if text == "<<" && style == ScalarStyle::Plain => {
                self.set_state(Kind::Merge);
                return Ok(());
            }
            Some(Kind::Key) => {
                if anchor > 0 {
                    let key = (text.to_owned(), scalar.to_static());
                    self.anchors.insert(anchor, Anchored::Key(Rc::new(key)));
                }
                return self.key(at, text);
            }
            Some(Kind::Merge | Kind::Merges) => return Err(no_mapping_to_merge(at)),
            _ => {}
        }
        let start = self.builder.next_index();
        self.builder.scalar(at, scalar.scalar(text))?;
        self.remember(anchor, start);
        self.value_done();
        Ok(())
    }

    /// The parser ends a block scalar with a line end also where the text has none.
    fn without_added_end<'t>(
        &mut self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        span: &Span,
    ) -> Cow<'t, str> {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if !is_block || !text.ends_with('\n') || self.source.ends_with(['\n', '\r']) {
            return text;
        }
        // A block of empty lines starts at its header, any other at its first line.
        if text.bytes().all(|byte| byte == b'\n') || self.offsets.of(&span.end) < self.source.len()
        {
            return text;
        }
        let (indent, column) = (span.start.col(), span.end.col());
        let last_line = self.source.rsplit(['\n', '\r']).next().unwrap_or_default();
        // The test suite of YAML ends a line of more blanks than the indentation (L24T).
        let is_blank = last_line.trim_matches([' ', '\t']).is_empty() && column > indent;
        if is_blank || column < indent.max(1) {
            return text;
        }
        let mut text = text.into_owned();
        text.pop();
        text.into()
    }

    fn key(&mut self, at: usize, text: &str) -> Result<(), Fault> {
        self.builder
            .key(at, text)
            .map_err(|message| syntax(at, message))?;
        self.set_state(Kind::Value);
        Ok(())
    }

    fn open(&mut self, at: usize, kind: Kind, anchor: usize) -> Result<(), Fault> {
        match (self.state(), kind) {
            (Some(Kind::Key), _) => {
                return Err(syntax(
                    at,
                    "a key must be a single value, not a list or mapping",
                ))
            }
            (Some(Kind::Merge), Kind::Sequence) => {
                self.set_state(Kind::Merges);
                return Ok(());
            }
            (Some(Kind::Merge | Kind::Merges), _) => return Err(no_mapping_to_merge(at)),
            _ => {}
        }
        let start = self.builder.next_index();
        match kind {
            Kind::Sequence => self.builder.open_array(at)?,
            _ => self.builder.open_object(at)?,
        }
        self.collections.push(Collection {
            kind,
            anchor,
            start,
            at,
            merged: Vec::new(),
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        if self.state() == Some(Kind::Merges) {
            self.set_state(Kind::Key);
            return Ok(());
        }
        let Some(closed) = self.collections.pop() else {
            return Ok(());
        };
        for part in closed.merged {
            self.merge(closed.at, part)?;
        }
        self.builder.close();
        self.remember(closed.anchor, closed.start);
        self.value_done();
        Ok(())
    }

    fn alias(&mut self, at: usize, anchor: usize) -> Result<(), Fault> {
        let part = match self.anchors.get(&anchor) {
            None => return Err(syntax(at, "this alias refers to a value that contains it")),
            Some(Anchored::Key(key)) => {
                let key = key.clone();
                self.count(at, key.0.len())?;
                return self.scalar(at, &key.0, &key.1, ScalarStyle::DoubleQuoted, 0);
            }
            Some(&Anchored::Value(part)) => part,
        };
        match self.state() {
            Some(Kind::Key) => {
                let key = match self.builder.scalar_of(part) {
                    Some(Scalar::String(text) | Scalar::Integer(text) | Scalar::Float(text)) => {
                        text.to_owned()
                    }
                    _ => return Err(syntax(at, "a key must be text or a number")),
                };
                self.key(at, &key)
            }
            Some(kind @ (Kind::Merge | Kind::Merges)) => {
                if let Some(collection) = self.collections.last_mut() {
                    collection.merged.push(part);
                }
                if kind == Kind::Merge {
                    self.set_state(Kind::Key);
                }
                Ok(())
            }
            _ => {
                self.repeat(at, part)?;
                self.value_done();
                Ok(())
            }
        }
    }

    /// Adds the members that the mapping lacks. If several are merged, the first one wins.
    fn merge(&mut self, at: usize, part: Part) -> Result<(), Fault> {
        let Some(members) = self.builder.members_of(part) else {
            return Err(no_mapping_to_merge(at));
        };
        for (key, value) in members {
            if !self.builder.has_key(&key) {
                self.repeat_key(at, &key)?;
                self.repeat(at, value)?;
            }
        }
        Ok(())
    }

    fn repeat_key(&mut self, at: usize, key: &str) -> Result<(), Fault> {
        self.count(at, key.len())?;
        self.builder
            .key(at, key)
            .map_err(|message| syntax(at, message))
    }

    fn repeat(&mut self, at: usize, part: Part) -> Result<(), Fault> {
        self.count(at, self.builder.size_of(part))?;
        self.builder.repeat(at, part)
    }

    fn count(&mut self, at: usize, bytes: usize) -> Result<(), Fault> {
        self.repeated += bytes;
        if self.repeated > MAX_REPEATED_BYTES {
            let limit = MAX_REPEATED_BYTES >> 20;
            return Err(Fault::limit(
                Some(at),
                format!("the aliases up to here expand to more than {limit} MiB"),
            ));
        }
        Ok(())
    }

    fn state(&self) -> Option<Kind> {
        self.collections.last().map(|collection| collection.kind)
    }

    fn set_state(&mut self, kind: Kind) {
        if let Some(collection) = self.collections.last_mut() {
            collection.kind = kind;
        }
    }

    fn value_done(&mut self) {
        if self.state() == Some(Kind::Value) {
            self.set_state(Kind::Key);
        }
    }

    /// `anchor` is 0 for a value without one.
    fn remember(&mut self, anchor: usize, start: u32) {
        if anchor > 0 {
            let part = self.builder.part_from(start);
            self.anchors.insert(anchor, Anchored::Value(part));
        }
    }

    fn explain(&mut self, error: &ScanError) -> Fault {
        let at = self.offsets.of(error.marker());
        match error.info() {
            info if info.contains("recursion limit") => {
                Fault::limit(Some(at), "this is nested too deeply for YAML")
            }
            info => syntax(at, info),
        }
    }

    fn finish(mut self, documents: usize) -> Result<Document<'a>, Fault> {
        if documents == 0 {
            self.builder.scalar(0, Scalar::Null)?;
        }
        self.builder.close();
        Ok(self.builder.finish(u32::from(documents <= 1)))
    }
}

/// The type of a scalar, from its tag or, without one, from its text.
fn typed<'t>(
    at: usize,
    text: &'t str,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Result<Plain<'t>, Fault> {
    let Some(tag) = tag else {
        return Ok(match style {
            ScalarStyle::Plain if is_too_large(text) => {
                return Err(syntax(at, "this number has more than 128 bits"))
            }
            ScalarStyle::Plain => resolve(text),
            _ => Plain::String,
        });
    };
    let name = core_name(at, tag)?;
    let resolved = resolve(text);
    match (name, &resolved) {
        ("str" | "" | "binary" | "timestamp", _) => Ok(Plain::String),
        ("null", Plain::Null) | ("bool", Plain::Bool(_)) => Ok(resolved),
        ("int", Plain::Integer(_)) | ("float", Plain::Float(_)) => Ok(resolved),
        ("float", Plain::Integer(number)) => Ok(Plain::Float(format!("{number}.0").into())),
        _ => Err(syntax(
            at,
            format!("this text does not match its tag, !!{name}"),
        )),
    }
}

fn check_collection_tag(at: usize, tag: Option<Cow<'_, Tag>>, expected: &str) -> Result<(), Fault> {
    let Some(tag) = tag else { return Ok(()) };
    let name = core_name(at, &tag)?;
    if name == expected || name.is_empty() {
        return Ok(());
    }
    Err(syntax(at, format!("the tag {tag} is not supported here")))
}

/// `str` for `!!str`; empty for a single `!`, which means plain text.
fn core_name(at: usize, tag: &Tag) -> Result<&str, Fault> {
    let whole = format!("{}{}", tag.handle, tag.suffix);
    if whole == "!" {
        return Ok("");
    }
    if whole.starts_with(CORE) {
        return Ok(tag.suffix.strip_prefix(CORE).unwrap_or(&tag.suffix));
    }
    let shown: String = whole.chars().take(64).collect();
    Err(syntax(
        at,
        format!(
            "the tag {shown} is application-specific; only YAML's own tags, such as !!str, are supported"
        ),
    ))
}

fn no_mapping_to_merge(at: usize) -> Fault {
    syntax(at, "<< merges mappings by alias, such as `<<: *defaults`")
}

fn syntax(at: usize, message: impl Into<String>) -> Fault {
    Fault::syntax(Source::Yaml, at, message)
}

/// Converts the parser's character offsets to byte offsets. Events come nearly in order, so each
/// conversion starts from the previous place.
struct Offsets<'a> {
    source: &'a str,
    changes: Changes,
    is_ascii: bool,
    characters: usize,
    bytes: usize,
}

impl<'a> Offsets<'a> {
    fn new(source: &'a str, changes: Changes) -> Self {
        Self {
            source,
            changes,
            is_ascii: source.is_ascii(),
            characters: 0,
            bytes: 0,
        }
    }

    /// The index in the source of an index in the text that the parser sees.
    fn unchanged(&self, index: usize) -> usize {
        let changes = self.changes.borrow();
        match changes.partition_point(|change| change.index <= index) {
            0 => index,
            made => index.saturating_add_signed(-changes[made - 1].added),
        }
    }

    fn of(&mut self, marker: &Marker) -> usize {
        let wanted = self.unchanged(marker.index());
        if self.is_ascii {
            return wanted.min(self.source.len());
        }
        while self.characters < wanted {
            let Some(character) = self.source[self.bytes..].chars().next() else {
                break;
            };
            self.bytes += character.len_utf8();
            self.characters += 1;
        }
        while self.characters > wanted {
            let Some(character) = self.source[..self.bytes].chars().next_back() else {
                break;
            };
            self.bytes -= character.len_utf8();
            self.characters -= 1;
        }
        self.bytes
    }
}
