//! Lines of a text that end with `\n`, `\r\n` or `\r`.

/// The lines without their ends, each with its byte offset.
pub struct Lines<'a> {
    text: &'a str,
    offset: usize,
}

pub fn lines(text: &str) -> Lines<'_> {
    Lines { text, offset: 0 }
}

impl Lines<'_> {
    /// Byte offset of the next line.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.offset;
        let rest = &self.text[at..];
        if rest.is_empty() {
            return None;
        }
        let len = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let end = match &rest[len..] {
            end if end.starts_with("\r\n") => 2,
            "" => 0,
            _ => 1,
        };
        self.offset = at + len + end;
        Some((at, &rest[..len]))
    }
}
