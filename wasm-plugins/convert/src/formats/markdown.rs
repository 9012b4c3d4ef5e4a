//! Converts Markdown to an HTML page: CommonMark with tables, footnotes, strikethrough and task
//! lists.
//!
//! The page is safe to show: HTML in the text is escaped, links lead only to the web, to mail or
//! to the page itself, and the page's content security policy forbids scripts and styles.

use pulldown_cmark::{html, CowStr, Event, LinkType, Options as Extensions, Parser, Tag, TagEnd};

use crate::fault::Fault;
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
    let mut title = Title::default();
    let mut body = Output::with_capacity(text.len());
    write(
        &mut body,
        events(text).inspect(|event| title.observe(event)).map(safe),
    );
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
        | Extensions::ENABLE_TASKLISTS
        | Extensions::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    Parser::new_ext(text, extensions)
}

fn safe(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
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
