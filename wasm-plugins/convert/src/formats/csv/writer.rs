//! Writes a table with commas and `\n`.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::document::{Document, Items, Members, Node, Scalar, Value};
use crate::fault::Fault;
use crate::formats::csv::{too_many_columns, MAX_COLUMNS};
use crate::options::{Options, Target};
use crate::output::Output;

/// Accepts a list of objects, whose keys become the header in order of appearance, a list of lists,
/// or one object.
pub fn write(document: &Document<'_>, _: &Options) -> Result<String, Fault> {
    let root = document.root();
    let mut table = Table::new(document.source_len());
    match root.value() {
        // A table without rows still has its header.
        Value::Array(items) if items.is_empty() && document.columns().is_empty() => {}
        Value::Array(items) if items.is_empty() => table.write_row(document.columns()),
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
    out: Output,
    columns: Vec<&'d str>,
    positions: HashMap<&'d str, usize, BuildHasherDefault<DefaultHasher>>,
}

impl<'d> Table<'d> {
    fn new(capacity: usize) -> Self {
        Self {
            out: Output::with_capacity(capacity),
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
            if self.out.is_full() {
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

    fn write_row(&mut self, cells: &[impl AsRef<str>]) {
        for (index, cell) in cells.iter().enumerate() {
            self.out.push(if index > 0 { "," } else { "" });
            let cell = cell.as_ref();
            // A row of one empty value would be an empty line.
            if needs_quotes(cell) || (cell.is_empty() && cells.len() == 1) {
                self.out.push("\"");
                for (index, part) in cell.split('"').enumerate() {
                    self.out.push(if index > 0 { "\"\"" } else { "" });
                    self.out.push(part);
                }
                self.out.push("\"");
            } else {
                self.out.push(cell);
            }
        }
        self.out.push("\n");
    }

    fn finish(self) -> Result<String, Fault> {
        self.out.finish()
    }
}

/// Without quotes, a line `sep=;` would be an instruction and a byte-order mark part of the encoding.
fn needs_quotes(cell: &str) -> bool {
    let is_special = cell.starts_with('\u{FEFF}')
        || cell
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("sep="));
    is_special
        || cell
            .bytes()
            .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
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
