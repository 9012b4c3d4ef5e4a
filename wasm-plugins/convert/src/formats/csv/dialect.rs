//! Finds out how a CSV file separates its values.

use crate::fault::Fault;
use crate::formats::csv::scanner::{Cell, Scanner};
use crate::options::{Delimiter, Source};

const SAMPLE_BYTES: usize = 64 << 10;
const SAMPLE_ROWS: usize = 100;

/// How the first rows are split.
pub struct Dialect {
    pub separator: Separator,
    /// Number of values in the first row.
    pub width: usize,
    /// Whether each row of the sample has as many values as the first.
    pub is_even: bool,
    /// Whether a value of the first row is empty or starts with a space.
    pub is_spaced: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Separator {
    /// The line `sep=;`, which spreadsheets understand.
    Named(Delimiter),
    Guessed(Delimiter),
    /// There is only one column.
    None,
    /// Two or more fit, or none does.
    Unclear,
}

impl Dialect {
    pub fn of(source: &str) -> Self {
        let start = match instruction(source) {
            Some((Some(delimiter), start)) => {
                let found = Split::of(source, start, delimiter);
                return found.dialect(Separator::Named(delimiter));
            }
            Some((None, start)) => start,
            None => 0,
        };
        let all = Delimiter::ALL.map(|delimiter| Split::of(source, start, delimiter));
        let mut splitting: Vec<_> = all.iter().filter(|split| split.width > 1).collect();
        if splitting.is_empty() {
            // A title above the table would make one column of it all.
            let separator = match all.iter().any(|split| split.is_table_below) {
                true => Separator::Unclear,
                false => Separator::None,
            };
            return all[0].dialect(separator);
        }
        if let [only] = splitting[..] {
            return only.dialect(Separator::Guessed(only.delimiter));
        }
        let widest = *splitting
            .iter()
            .rev()
            .max_by_key(|split| (split.is_even(), split.width))
            .expect("there are two or more");
        splitting.retain(|split| split.is_even());
        if splitting.len() > 1 {
            // Commas that could be decimal commas or belong to a sentence.
            splitting.retain(|split| !split.could_be_text);
        }
        match splitting[..] {
            [only] => only.dialect(Separator::Guessed(only.delimiter)),
            _ => widest.dialect(Separator::Unclear),
        }
    }
}

/// The delimiter to read the text with, and the offset at which the table starts.
pub fn choose(source: &str, chosen: Option<Delimiter>) -> Result<(Delimiter, usize), Fault> {
    let instruction = instruction(source);
    let start = instruction.map_or(0, |(_, start)| start);
    if let Some(delimiter) = chosen {
        return Ok((delimiter, start));
    }
    if let Some((None, _)) = instruction {
        return Err(Fault::syntax(
            Source::Csv,
            0,
            "this line names a delimiter other than comma, semicolon, tab and `|`",
        ));
    }
    match Dialect::of(source).separator {
        Separator::Named(delimiter) | Separator::Guessed(delimiter) => Ok((delimiter, start)),
        Separator::None => Ok((Delimiter::Comma, start)),
        Separator::Unclear => Err(Fault::syntax(
            Source::Csv,
            start,
            "it is unclear which character separates the values; choose the delimiter",
        )),
    }
}

/// The first line if it is `sep=` and a character: the delimiter, if it is one of ours, and the
/// offset of the next line.
fn instruction(source: &str) -> Option<(Option<Delimiter>, usize)> {
    let mut lines = crate::lines::lines(source);
    let (_, line) = lines.next()?;
    let (name, value) = line.split_at_checked(4)?;
    let mut characters = value.chars();
    let character = characters.next()?;
    if !name.eq_ignore_ascii_case("sep=") || character.is_alphanumeric() {
        return None;
    }
    // Some programs fill the line up with delimiters.
    if !characters.all(|other| other == character) {
        return None;
    }
    let delimiter = Delimiter::ALL
        .into_iter()
        .find(|delimiter| char::from(delimiter.byte()) == character);
    Some((delimiter, lines.offset()))
}

/// How one delimiter splits the first rows.
struct Split {
    delimiter: Delimiter,
    width: usize,
    rows: usize,
    even: usize,
    is_spaced: bool,
    is_misquoted: bool,
    could_be_text: bool,
    /// Whether most rows below the first have the same number of values, but more than the first.
    is_table_below: bool,
}

impl Split {
    fn of(source: &str, start: usize, delimiter: Delimiter) -> Self {
        let sample = &source[..sample_end(source, start)];
        let is_whole = sample.len() == source.len();
        let mut scanner = Scanner::new(sample, start, delimiter.byte());
        let mut split = Self {
            delimiter,
            width: 0,
            rows: 0,
            even: 0,
            is_spaced: false,
            is_misquoted: false,
            could_be_text: delimiter == Delimiter::Comma,
            is_table_below: false,
        };
        let mut row = Vec::new();
        let mut below = Vec::new();
        while split.rows < SAMPLE_ROWS {
            match scanner.read(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    // A quoted value may continue after the sample.
                    split.is_misquoted |= is_whole || !scanner.is_done();
                    break;
                }
            }
            // So may the last row, but the only one tells more than none.
            if !is_whole && scanner.is_done() && split.rows > 0 {
                break;
            }
            let len = filled(&row);
            split.rows += 1;
            if split.rows == 1 {
                split.width = row.len();
                split.is_spaced = row
                    .iter()
                    .any(|cell| cell.text.is_empty() || cell.text.starts_with(' '));
            } else {
                below.push(row.len());
            }
            let has_extra = row.len() > split.width && len <= split.width;
            split.even += usize::from(row.len() == split.width || has_extra || len == 0);
            split.could_be_text &= could_be_text(&row);
        }
        split.is_misquoted |= scanner.has_bare_quote;
        let width = below.iter().copied().max().unwrap_or(0);
        let most = below.iter().filter(|&&len| len == width).count();
        split.is_table_below = split.width == 1 && width > 1 && most > 1 && most * 2 > below.len();
        split
    }

    fn is_even(&self) -> bool {
        self.even == self.rows && !self.is_misquoted
    }

    fn dialect(&self, separator: Separator) -> Dialect {
        Dialect {
            separator,
            width: self.width,
            is_even: self.even == self.rows,
            is_spaced: self.is_spaced,
        }
    }
}

/// Whether the commas between these values could be decimal commas or belong to a sentence.
fn could_be_text(row: &[Cell<'_>]) -> bool {
    row.windows(2).all(|pair| {
        let (before, after) = (&pair[0].text, &pair[1].text);
        after.starts_with(' ')
            || (before.ends_with(|c: char| c.is_ascii_digit())
                && after.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// The number of values without the empty ones at the end.
pub fn filled(row: &[Cell<'_>]) -> usize {
    row.iter()
        .rposition(|cell| !cell.is_blank())
        .map_or(0, |last| last + 1)
}

/// The first [`SAMPLE_BYTES`] after `start`, up to a line end if there is one.
fn sample_end(source: &str, start: usize) -> usize {
    if source.len() - start <= SAMPLE_BYTES {
        return source.len();
    }
    let mut end = start + SAMPLE_BYTES;
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    end
}
