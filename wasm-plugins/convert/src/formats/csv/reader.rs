//! Builds a document from the rows of a table.

use crate::document::{Builder, Document, Scalar};
use crate::fault::Fault;
use crate::formats::csv::dialect::{choose, filled};
use crate::formats::csv::scanner::{Cell, Scanner};
use crate::formats::csv::{too_many_columns, MAX_COLUMNS};
use crate::number::json_number;
use crate::options::{Options, Source};

/// Reading stops after this many rows of the wrong length.
const MAX_RAGGED_ROWS: usize = 10;

/// Returns a list of objects, or of lists if there is no header.
pub fn read<'a>(source: &'a str, options: &Options) -> Result<Document<'a>, Fault> {
    let (delimiter, start) = choose(source, options.delimiter.explicit())?;
    let mut rows = Rows {
        scanner: Scanner::new(source, start, delimiter.byte()),
    };
    let mut builder = Builder::new(source);
    let mut row = Vec::new();
    let mut width = None;
    let mut columns = None;
    if options.header && rows.read(&mut row)? {
        let names = Columns::of(source, std::mem::take(&mut row))?;
        let names = names.without_empty(&rows)?;
        width = Some(names.width);
        builder.columns(names.kept().map(|name| name.text.as_ref()));
        columns = Some(names);
    }
    builder.open_array(0)?;
    let mut ragged: Option<Fault> = None;
    while rows.read(&mut row)? {
        let expected = *width.get_or_insert(row.len());
        if row.len() != expected {
            let len = filled(&row);
            // Spreadsheets add empty values, also in rows that are empty otherwise.
            if len == 0 {
                continue;
            }
            if row.len() > expected && len <= expected {
                row.truncate(expected);
            } else {
                let fault = ragged_row(row[0].at, row.len(), expected);
                match &mut ragged {
                    Some(first) => first.append(fault),
                    None => ragged = Some(fault),
                }
            }
        }
        match &ragged {
            Some(fault) if fault.len() >= MAX_RAGGED_ROWS => break,
            Some(_) => {}
            None => add_row(&mut builder, &row, columns.as_ref(), options.guess_types)?,
        }
    }
    if let Some(fault) = ragged {
        return Err(fault);
    }
    builder.close();
    Ok(builder.finish(0))
}

struct Rows<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Rows<'a> {
    fn read(&mut self, row: &mut Vec<Cell<'a>>) -> Result<bool, Fault> {
        self.scanner
            .read(row)
            .map_err(|error| Fault::syntax(Source::Csv, error.at, error.message))
    }
}

struct Columns<'a> {
    names: Vec<Cell<'a>>,
    /// The columns that have a name or, below it, a value.
    is_kept: Vec<bool>,
    width: usize,
}

impl<'a> Columns<'a> {
    fn of(source: &str, names: Vec<Cell<'a>>) -> Result<Self, Fault> {
        if names.len() > MAX_COLUMNS {
            return Err(too_many_columns(names[0].at));
        }
        // Build an object with all names, only to find duplicates.
        let at = names[0].at;
        let mut builder = Builder::new(source);
        builder.open_object(at)?;
        for name in names.iter().filter(|name| !name.text.is_empty()) {
            builder.key(at, &name.text).map_err(|_| {
                let shown: String = name.text.chars().take(64).collect();
                let message = format!("two columns are named {shown:?}");
                Fault::syntax(Source::Csv, at, message)
            })?;
            builder.scalar(at, Scalar::Null)?;
        }
        Ok(Self {
            is_kept: vec![true; names.len()],
            width: names.len(),
            names,
        })
    }

    /// If there are several columns without a name, leaves out those without a value. Spreadsheets
    /// add such columns.
    fn without_empty(mut self, rows: &Rows<'a>) -> Result<Self, Fault> {
        let nameless = self.names.iter().filter(|name| name.text.is_empty());
        if nameless.count() < 2 {
            return Ok(self);
        }
        for (name, is_kept) in self.names.iter().zip(&mut self.is_kept) {
            *is_kept = !name.text.is_empty();
        }
        let mut rows = Rows {
            scanner: rows.scanner.clone(),
        };
        let mut row = Vec::new();
        let mut first = None;
        while rows.read(&mut row)? {
            for (column, cell) in row.iter().enumerate().take(self.width) {
                if cell.is_blank() || !self.names[column].text.is_empty() {
                    continue;
                }
                if *first.get_or_insert(column) != column {
                    return Err(Fault::syntax(
                        Source::Csv,
                        self.names[column].at,
                        "two columns with values have no name",
                    ));
                }
                self.is_kept[column] = true;
            }
        }
        Ok(self)
    }

    fn kept(&self) -> impl Iterator<Item = &Cell<'a>> {
        let names = self.names.iter().zip(&self.is_kept);
        names.filter(|(_, &is_kept)| is_kept).map(|(name, _)| name)
    }
}

fn ragged_row(at: usize, len: usize, expected: usize) -> Fault {
    let values = if len == 1 { "value" } else { "values" };
    Fault::syntax(
        Source::Csv,
        at,
        format!("this row has {len} {values}, but the first row has {expected}"),
    )
}

fn add_row(
    builder: &mut Builder<'_>,
    row: &[Cell<'_>],
    columns: Option<&Columns<'_>>,
    guess_types: bool,
) -> Result<(), Fault> {
    let at = row[0].at;
    match columns {
        None => {
            builder.open_array(at)?;
            for cell in row {
                builder.scalar(cell.at, typed(cell, guess_types))?;
            }
        }
        Some(columns) => {
            builder.open_object(at)?;
            for (column, cell) in row.iter().enumerate() {
                if columns.is_kept[column] {
                    builder.unique_key(cell.at, &columns.names[column].text);
                    builder.scalar(cell.at, typed(cell, guess_types))?;
                }
            }
        }
    }
    builder.close();
    Ok(())
}

/// With `guess_types`, converts only what would be written as the same text: `007` and `+1` stay
/// text.
fn typed<'c>(cell: &'c Cell<'_>, guess_types: bool) -> Scalar<'c> {
    match cell.text.as_ref() {
        text if !guess_types => Scalar::String(text),
        "" => Scalar::Null,
        "true" => Scalar::Bool(true),
        "false" => Scalar::Bool(false),
        text => json_number(text).unwrap_or(Scalar::String(text)),
    }
}
