//! Converts Markdown to an HTML page: CommonMark with tables, footnotes, strikethrough and task
//! lists.
//!
//! The page is safe to show: HTML in the text is escaped, links lead only to the web, to mail or
//! to the page itself, and the page's content security policy forbids scripts and styles.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{
    html, Alignment, CowStr, Event, LinkType, Options as Extensions, Parser, Tag, TagEnd,
};

use crate::document::Value;
use crate::fault::Fault;
use crate::formats::yaml;
use crate::lines::lines;
use crate::output::Output;

/// The parser allocates a node for each mark, up to a hundred times the size of the text.
const MAX_BYTES: usize = 2 << 20;
const POLICY: &str = "default-src 'none'; img-src http: https:";

pub fn to_html(text: &str) -> Result<String, Fault> {
    if text.len() > MAX_BYTES {
        let limit = MAX_BYTES >> 20;
        return Err(Fault::limit(
            None,
            format!("Markdown may have at most {limit} MiB; convert smaller parts"),
        ));
    }
    let text = &text[metadata_len(text)..];
    let mut title = Title::default();
    let mut table = Table::default();
    let events = events(text)
        .inspect(|event| title.observe(event))
        .map(safe)
        .map(|event| table.aligned(event));
    let mut body = Output::with_capacity(text.len());
    write(&mut body, Headings::of(events));
    let body = body.finish()?;
    let mut page = Output::with_capacity(body.len() + 512);
    page.push("<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n");
    page.push("<meta http-equiv=\"Content-Security-Policy\" content=\"");
    page.push(POLICY);
    page.push("\">\n<title>");
    write(&mut page, std::iter::once(Event::Text(title.text().into())));
    page.push("</title>\n</head>\n<body>\n");
    page.push(&body);
    page.push("</body>\n</html>\n");
    page.finish()
}

/// The length of the metadata at the very top: a YAML mapping between two `---` lines, or 0.
/// Anything else between such lines is text between two thematic breaks.
pub fn metadata_len(text: &str) -> usize {
    let mut lines = lines(text);
    let is_fence = |line: &str| line.trim_end_matches([' ', '\t']) == "---";
    let Some(start) = lines
        .next()
        .filter(|&(_, line)| is_fence(line))
        .map(|_| lines.offset())
    else {
        return 0;
    };
    while let Some((at, line)) = lines.next() {
        if is_fence(line) || line.trim_end_matches([' ', '\t']) == "..." {
            return match is_mapping(&text[start..at]) {
                true => lines.offset(),
                false => 0,
            };
        }
    }
    0
}

fn is_mapping(source: &str) -> bool {
    yaml::parse(source).is_ok_and(|document| matches!(document.root().value(), Value::Object(_)))
}

/// The text of the first heading.
#[derive(Default)]
struct Title {
    text: String,
    is_open: bool,
    is_done: bool,
}

impl Title {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(Tag::Heading { .. }) => self.is_open = !self.is_done,
            Event::End(TagEnd::Heading(_)) => (self.is_open, self.is_done) = (false, true),
            Event::Text(part) | Event::Code(part) if self.is_open => self.text.push_str(part),
            _ => {}
        }
    }

    fn text(&self) -> &str {
        match self.text.trim() {
            "" => "Untitled",
            text => text,
        }
    }
}

fn write<'a>(out: &mut Output, events: impl Iterator<Item = Event<'a>>) {
    html::write_html_io(out, events).expect("writing to Output never fails");
}

fn events(text: &str) -> Parser<'_> {
    let extensions = Extensions::ENABLE_TABLES
        | Extensions::ENABLE_FOOTNOTES
        | Extensions::ENABLE_STRIKETHROUGH
        | Extensions::ENABLE_TASKLISTS;
    Parser::new_ext(text, extensions)
}

fn safe(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        // The prefix keeps footnotes apart from the ids of headings.
        Event::FootnoteReference(name) => Event::FootnoteReference(format!("fn-{name}").into()),
        Event::Start(Tag::FootnoteDefinition(name)) => {
            Event::Start(Tag::FootnoteDefinition(format!("fn-{name}").into()))
        }
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            link_type,
            dest_url: safe_url(link_type, dest_url),
            title,
            id,
        }),
        Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Image {
            link_type,
            dest_url: safe_url(link_type, dest_url),
            title,
            id,
        }),
        other => other,
    }
}

/// The URL, or an empty one if its scheme is unsafe, such as `javascript:`.
fn safe_url(link_type: LinkType, url: CowStr<'_>) -> CowStr<'_> {
    let is_safe = match url.split_once(':') {
        _ if link_type == LinkType::Email => true,
        None => true,
        // A scheme contains none of these, so the colon belongs to the path, query or fragment.
        Some((scheme, _)) if scheme.contains(['/', '?', '#']) => true,
        Some((scheme, _)) => ["http", "https", "mailto"]
            .iter()
            .any(|safe| safe.eq_ignore_ascii_case(scheme)),
    };
    if is_safe {
        url
    } else {
        CowStr::Borrowed("")
    }
}

/// Aligns cells with the attribute `align`, because the page's policy forbids the `style` that the
/// HTML writer would use.
#[derive(Default)]
struct Table {
    alignments: Vec<Alignment>,
    column: usize,
    in_head: bool,
}

impl Table {
    fn aligned<'a>(&mut self, event: Event<'a>) -> Event<'a> {
        match &event {
            Event::Start(Tag::Table(alignments)) => self.alignments.clone_from(alignments),
            Event::Start(Tag::TableHead) => (self.in_head, self.column) = (true, 0),
            Event::End(TagEnd::TableHead) => self.in_head = false,
            Event::Start(Tag::TableRow) => self.column = 0,
            Event::Start(Tag::TableCell) => {
                let align = match self.alignments.get(self.column) {
                    Some(Alignment::Left) => " align=\"left\"",
                    Some(Alignment::Center) => " align=\"center\"",
                    Some(Alignment::Right) => " align=\"right\"",
                    Some(Alignment::None) | None => "",
                };
                self.column += 1;
                return Event::InlineHtml(format!("<{}{align}>", self.cell()).into());
            }
            Event::End(TagEnd::TableCell) => {
                return Event::InlineHtml(format!("</{}>", self.cell()).into());
            }
            _ => {}
        }
        event
    }

    fn cell(&self) -> &'static str {
        if self.in_head {
            "th"
        } else {
            "td"
        }
    }
}

/// Gives each heading the id that GitHub gives it, so that links to it work here, too.
struct Headings<'a, I> {
    events: I,
    /// The events of a heading, in reverse order.
    pending: Vec<Event<'a>>,
    used: HashSet<String>,
    /// How often a text occurred so far.
    repeated: HashMap<String, usize>,
}

impl<'a, I: Iterator<Item = Event<'a>>> Headings<'a, I> {
    fn of(events: I) -> Self {
        Self {
            events,
            pending: Vec::new(),
            used: HashSet::new(),
            repeated: HashMap::new(),
        }
    }

    fn unique(&mut self, slug: String) -> String {
        let mut id = slug.clone();
        while self.used.contains(&id) {
            let count = self.repeated.entry(slug.clone()).or_default();
            *count += 1;
            id = format!("{slug}-{count}");
        }
        self.used.insert(id.clone());
        id
    }
}

impl<'a, I: Iterator<Item = Event<'a>>> Iterator for Headings<'a, I> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let Some(event) = self.pending.pop() {
            return Some(event);
        }
        let start = match self.events.next()? {
            Event::Start(tag @ Tag::Heading { .. }) => tag,
            other => return Some(other),
        };
        let mut slug = String::new();
        for event in self.events.by_ref() {
            if let Event::Text(part) | Event::Code(part) = &event {
                add_to_slug(&mut slug, part);
            }
            let ends = matches!(event, Event::End(TagEnd::Heading(_)));
            self.pending.push(event);
            if ends {
                break;
            }
        }
        self.pending.reverse();
        let id = match slug.is_empty() {
            true => None,
            false => Some(self.unique(slug).into()),
        };
        Some(Event::Start(match start {
            Tag::Heading {
                level,
                classes,
                attrs,
                ..
            } => Tag::Heading {
                level,
                id,
                classes,
                attrs,
            },
            other => other,
        }))
    }
}

/// Letters, marks, digits, hyphens and underscores stay, in lower case; each space becomes a hyphen.
fn add_to_slug(slug: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            ' ' => slug.push('-'),
            '-' | '_' | '\u{203F}' | '\u{2040}' => slug.push(character),
            _ if is_counter(character) => {}
            _ if character.is_alphanumeric() || is_mark(character) => {
                slug.extend(character.to_lowercase());
            }
            _ => {}
        }
    }
}

/// Numbers that are not digits, such as `²` and `½`.
fn is_counter(character: char) -> bool {
    matches!(character,
        '\u{B2}' | '\u{B3}' | '\u{B9}' | '\u{BC}'..='\u{BE}' | '\u{2070}' | '\u{2074}'..='\u{2079}'
        | '\u{2080}'..='\u{2089}' | '\u{2150}'..='\u{215F}' | '\u{2460}'..='\u{249B}'
        | '\u{24EA}'..='\u{24FF}' | '\u{2776}'..='\u{2793}')
}

/// The combining marks that are not letters by themselves, in the blocks that are in general use.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5BD}' | '\u{64B}'..='\u{65F}'
        | '\u{93C}' | '\u{94D}' | '\u{9BC}' | '\u{9CD}' | '\u{A3C}' | '\u{A4D}' | '\u{ABC}' | '\u{ACD}'
        | '\u{BCD}' | '\u{C4D}' | '\u{CCD}' | '\u{D4D}' | '\u{E38}'..='\u{E3A}' | '\u{E47}'..='\u{E4E}'
        | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20F0}'
        | '\u{302A}'..='\u{302F}' | '\u{3099}' | '\u{309A}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FE20}'..='\u{FE2F}')
}
