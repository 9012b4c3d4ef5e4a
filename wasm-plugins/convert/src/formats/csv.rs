//! CSV (RFC 4180) with any of four delimiters.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use csv::{ReaderBuilder, StringRecord};

use crate::document::{Builder, Document, Items, Members, Node, Scalar, Value};
use crate::fault::Fault;
use crate::number::json_number;
use crate::options::{Delimiter, Options, Source, Target};
use crate::output::Output;
use crate::sniff;

/// Reading stops after this many rows of the wrong length.
const MAX_RAGGED_ROWS: usize = 10;
/// The limit of common spreadsheets. Without one, the size of a table in which every row adds
/// columns would grow quadratically.
const MAX_COLUMNS: usize = 16_384;

/// Returns a list of objects, or of lists if there is no header.
pub fn read<'a>(source: &'a str, options: &Options) -> Result<Document<'a>, Fault> {
    let delimiter = options
        .delimiter
        .explicit()
        .or_else(|| sniff::delimiter(source))
        .unwrap_or(Delimiter::Comma);
    let mut rows = Rows::new(source, delimiter);
    let mut builder = Builder::new(source);
    builder.open_array(0)?;
    let header = if options.header { rows.next()? } else { None };
    if let Some((at, names)) = &header {
        check_names(source, *at, names)?;
    }
    let mut width = header.as_ref().map(|(_, names)| names.len());
    let mut ragged: Option<Fault> = None;
    while let Some((at, row)) = rows.next()? {
        let expected = *width.get_or_insert(row.len());
        if row.len() != expected {
            let fault = ragged_row(at, row.len(), expected);
            match &mut ragged {
                Some(first) => first.append(fault),
                None => ragged = Some(fault),
            }
        }
        if ragged
            .as_ref()
            .is_some_and(|fault| fault.len() >= MAX_RAGGED_ROWS)
        {
            break;
        }
        if ragged.is_none() {
            let names = header.as_ref().map(|(_, names)| names);
            add_row(&mut builder, at, &row, names, options.guess_types)?;
        }
        rows.reuse(row);
    }
    if let Some(fault) = ragged {
        return Err(fault);
    }
    builder.close();
    Ok(builder.finish(0))
}

/// The records of a text, each with its byte offset.
struct Rows<'a> {
    source: &'a str,
    delimiter: u8,
    reader: csv::Reader<&'a [u8]>,
    spare: StringRecord,
    last_at: usize,
}

impl<'a> Rows<'a> {
    fn new(source: &'a str, delimiter: Delimiter) -> Self {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter.byte())
            .from_reader(source.as_bytes());
        Self {
            source,
            delimiter: delimiter.byte(),
            reader,
            spare: StringRecord::new(),
            last_at: 0,
        }
    }

    fn next(&mut self) -> Result<Option<(usize, StringRecord)>, Fault> {
        let mut row = std::mem::take(&mut self.spare);
        let start = self.reader.position().byte() as usize;
        // The reader skips empty lines before a record.
        let blank = self.source.as_bytes()[start..]
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        let at = start + blank;
        let more = self
            .reader
            .read_record(&mut row)
            .map_err(|error| Fault::syntax(Source::Csv, at, error.to_string()))?;
        if !more {
            self.check_last()?;
            return Ok(None);
        }
        self.last_at = at;
        Ok(Some((at, row)))
    }

    /// Returns the row's memory for the next one.
    fn reuse(&mut self, row: StringRecord) {
        self.spare = row;
    }

    /// The reader closes an open quote at the end of the text, which would silently make one value
    /// of all rows after the quote. Only the last record can have such a quote.
    fn check_last(&self) -> Result<(), Fault> {
        let at = self.last_at;
        match unclosed_quote(&self.source.as_bytes()[at..], self.delimiter) {
            Some(offset) => Err(Fault::syntax(
                Source::Csv,
                at + offset,
                "this quote is never closed; a quote inside a quoted value is written twice",
            )),
            None => Ok(()),
        }
    }
}

/// The offset in the record of a quoted value that never ends.
fn unclosed_quote(record: &[u8], delimiter: u8) -> Option<usize> {
    let mut opened = None;
    let mut value_begins = true;
    for (index, &byte) in record.iter().enumerate() {
        match (byte, opened) {
            (b'"', Some(_)) => opened = None,
            // The second of two quotes, which stand for one: the value goes on.
            (b'"', None) if value_begins || record[index - 1] == b'"' => opened = Some(index),
            _ => {}
        }
        value_begins = opened.is_none() && (byte == delimiter || byte == b'\n' || byte == b'\r');
    }
    opened
}

fn check_names(source: &str, at: usize, names: &StringRecord) -> Result<(), Fault> {
    if names.len() > MAX_COLUMNS {
        return Err(too_many_columns(at));
    }
    // Build an object with all names, only to find duplicates.
    let mut builder = Builder::new(source);
    builder.open_object(at)?;
    for name in names {
        builder.key(at, name).map_err(|_| {
            let shown: String = name.chars().take(64).collect();
            Fault::syntax(
                Source::Csv,
                at,
                format!("two columns are named {shown:?}"),
            )
        })?;
        builder.scalar(at, Scalar::Null)?;
    }
    Ok(())
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
    at: usize,
    row: &StringRecord,
    names: Option<&StringRecord>,
    guess_types: bool,
) -> Result<(), Fault> {
    let typed = |cell| match guess_types {
        true => guess_type(cell),
        false => Scalar::String(cell),
    };
    match names {
        None => {
            builder.open_array(at)?;
            for cell in row {
                builder.scalar(at, typed(cell))?;
            }
        }
        Some(names) => {
            builder.open_object(at)?;
            for (name, cell) in names.iter().zip(row) {
                builder.unique_key(at, name);
                builder.scalar(at, typed(cell))?;
            }
        }
    }
    builder.close();
    Ok(())
}

/// Converts only what would be written as the same text: `007` and `+1` stay text.
fn guess_type(cell: &str) -> Scalar<'_> {
    match cell {
        "" => Scalar::Null,
        "true" => Scalar::Bool(true),
        "false" => Scalar::Bool(false),
        _ => json_number(cell).unwrap_or(Scalar::String(cell)),
    }
}

/// Accepts a list of objects, whose keys become the header in order of appearance, a list of lists,
/// or one object.
pub fn write(document: &Document<'_>, _: &Options) -> Result<String, Fault> {
    let root = document.root();
    let mut table = Table::new(document.source_len());
    match root.value() {
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) => match items.clone().next().map(Node::value) {
            Some(Value::Array(_)) => table.write_lists(items)?,
            _ => table.write_objects(items)?,
        },
        Value::Object(members) => {
            table.add_columns(root, members.clone())?;
            table.write_header(root)?;
            table.write_object(members)?;
        }
        Value::Scalar(_) => return Err(not_a_row(root)),
    }
    table.finish()
}

struct Table<'d> {
    writer: csv::Writer<Output>,
    columns: Vec<&'d str>,
    positions: HashMap<&'d str, usize, BuildHasherDefault<DefaultHasher>>,
}

impl<'d> Table<'d> {
    fn new(capacity: usize) -> Self {
        Self {
            writer: csv::Writer::from_writer(Output::with_capacity(capacity)),
            columns: Vec::new(),
            positions: HashMap::default(),
        }
    }

    fn write_objects(&mut self, items: Items<'d>) -> Result<(), Fault> {
        let mut first = None;
        for item in items.clone() {
            first.get_or_insert(item);
            match item.value() {
                Value::Object(members) => self.add_columns(item, members)?,
                _ => return Err(not_a_row(item)),
            }
        }
        if let Some(first) = first {
            self.write_header(first)?;
        }
        for item in items {
            if let Value::Object(members) = item.value() {
                self.write_object(members)?;
            }
            if self.writer.get_ref().is_full() {
                break;
            }
        }
        Ok(())
    }

    fn write_lists(&mut self, items: Items<'d>) -> Result<(), Fault> {
        let mut width = None;
        for item in items {
            let Value::Array(cells) = item.value() else {
                return Err(Fault::inexpressible(
                    Target::Csv,
                    item.at(),
                    format!("{} is not a list, but the first row is", item.label()),
                ));
            };
            let cells: Vec<_> = cells.map(cell_text).collect::<Result<_, _>>()?;
            let expected = *width.get_or_insert(cells.len());
            if cells.len() != expected || cells.is_empty() {
                return Err(Fault::inexpressible(
                    Target::Csv,
                    item.at(),
                    format!(
                        "{} has {} values, but the first row has {expected}; \
                         all rows need the same number of values, and at least one",
                        item.label(),
                        cells.len()
                    ),
                ));
            }
            self.write_row(&cells);
        }
        Ok(())
    }

    fn add_columns(&mut self, row: Node<'d>, members: Members<'d>) -> Result<(), Fault> {
        for (index, (key, _)) in members.enumerate() {
            if self.columns.get(index) == Some(&key) || self.positions.contains_key(key) {
                continue;
            }
            if self.columns.len() == MAX_COLUMNS {
                return Err(too_many_columns(row.at()));
            }
            self.positions.insert(key, self.columns.len());
            self.columns.push(key);
        }
        Ok(())
    }

    fn write_header(&mut self, first: Node<'d>) -> Result<(), Fault> {
        if self.columns.is_empty() {
            return Err(Fault::inexpressible(
                Target::Csv,
                first.at(),
                "all objects are empty, so there are no columns",
            ));
        }
        let columns = std::mem::take(&mut self.columns);
        self.write_row(&columns);
        self.columns = columns;
        Ok(())
    }

    fn write_object(&mut self, members: Members<'d>) -> Result<(), Fault> {
        let mut cells = vec![""; self.columns.len()];
        for (index, (key, value)) in members.enumerate() {
            let column = match self.columns.get(index) == Some(&key) {
                true => index,
                false => self.positions[key],
            };
            cells[column] = cell_text(value)?;
        }
        self.write_row(&cells);
        Ok(())
    }

    fn write_row(&mut self, cells: &[&str]) {
        self.writer
            .write_record(cells)
            .expect("writing to Output never fails, and all rows have the same length");
    }

    fn finish(self) -> Result<String, Fault> {
        self.writer
            .into_inner()
            .map_err(|_| Fault::limit(None, "the result could not be written"))?
            .finish()
    }
}

fn cell_text(node: Node<'_>) -> Result<&str, Fault> {
    match node.value() {
        Value::Scalar(scalar) => Ok(match scalar {
            Scalar::Null => "",
            Scalar::Bool(true) => "true",
            Scalar::Bool(false) => "false",
            Scalar::Integer(text)
            | Scalar::Float(text)
            | Scalar::Datetime(text)
            | Scalar::String(text) => text,
        }),
        Value::Array(_) => Err(not_a_cell(node, "a list")),
        Value::Object(_) => Err(not_a_cell(node, "an object")),
    }
}

fn not_a_cell(node: Node<'_>, kind: &str) -> Fault {
    Fault::inexpressible(
        Target::Csv,
        node.at(),
        format!(
            "{} is {kind}, but a CSV cell holds a single value",
            node.label()
        ),
    )
}

fn not_a_row(node: Node<'_>) -> Fault {
    Fault::inexpressible(
        Target::Csv,
        node.at(),
        format!(
            "{} is not a row; CSV needs a list of objects, a list of lists, or one object",
            node.label()
        ),
    )
}

fn too_many_columns(at: usize) -> Fault {
    Fault::limit(
        Some(at),
        format!("there are more than {MAX_COLUMNS} columns"),
    )
}
