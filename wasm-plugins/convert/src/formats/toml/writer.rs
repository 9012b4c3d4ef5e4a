//! Writes tables under headers, and a table's plain values before its tables, as TOML requires.

use toml_writer::{TomlKeyBuilder, TomlStringBuilder, TomlWrite as _};

use crate::document::{Document, Items, Members, Node, Scalar, Value};
use crate::fault::Fault;
use crate::options::{Options, Target};
use crate::output::Output;

/// Refuses a root that is not an object, nulls, and integers of more than 64 bits.
pub fn write(document: &Document<'_>, _: &Options) -> Result<String, Fault> {
    let root = document.root();
    let Value::Object(members) = root.value() else {
        return Err(Fault::inexpressible(
            Target::Toml,
            root.at(),
            "a TOML document is a table, so the outermost value must be an object",
        ));
    };
    let mut writer = Writer {
        out: Output::with_capacity(document.source_len()),
        path: Vec::new(),
    };
    writer.table(members)?;
    writer.out.finish()
}

struct Writer<'d> {
    out: Output,
    /// The keys of the enclosing tables.
    path: Vec<&'d str>,
}

impl<'d> Writer<'d> {
    fn table(&mut self, members: Members<'d>) -> Result<(), Fault> {
        for (key, value) in members.clone() {
            if !has_header(value) {
                self.key(key);
                self.out.push(" = ");
                self.inline(value)?;
                self.out.push("\n");
            }
        }
        for (key, value) in members {
            self.path.push(key);
            match value.value() {
                Value::Object(members) => {
                    // The headers of inner tables already contain the name.
                    if members.is_empty() || members.clone().any(|(_, value)| !has_header(value)) {
                        self.header("[", "]");
                    }
                    self.table(members)?;
                }
                Value::Array(items) if has_header(value) => self.tables(items)?,
                _ => {}
            }
            self.path.pop();
        }
        Ok(())
    }

    fn tables(&mut self, items: Items<'d>) -> Result<(), Fault> {
        for item in items {
            if let Value::Object(members) = item.value() {
                self.header("[[", "]]");
                self.table(members)?;
            }
        }
        Ok(())
    }

    fn header(&mut self, open: &str, close: &str) {
        if !self.out.is_empty() {
            self.out.push("\n");
        }
        self.out.push(open);
        for index in 0..self.path.len() {
            if index > 0 {
                self.out.push(".");
            }
            self.key(self.path[index]);
        }
        self.out.push(close);
        self.out.push("\n");
    }

    fn inline(&mut self, node: Node<'d>) -> Result<(), Fault> {
        match node.value() {
            Value::Scalar(scalar) => return self.scalar(node, scalar),
            Value::Array(items) => {
                self.out.push("[");
                for (index, item) in items.enumerate() {
                    self.out.push(if index > 0 { ", " } else { "" });
                    self.inline(item)?;
                }
                self.out.push("]");
            }
            Value::Object(members) => {
                self.out.push("{");
                for (index, (key, value)) in members.enumerate() {
                    self.out.push(if index > 0 { ", " } else { " " });
                    self.key(key);
                    self.out.push(" = ");
                    self.inline(value)?;
                }
                self.out.push(" }");
            }
        }
        Ok(())
    }

    fn scalar(&mut self, node: Node<'_>, scalar: Scalar<'_>) -> Result<(), Fault> {
        match scalar {
            Scalar::Null => {
                return Err(refused(
                    node,
                    "is null, which TOML does not have; leave it out",
                ))
            }
            Scalar::Integer(text) if text.parse::<i64>().is_err() => {
                return Err(refused(node, "is an integer that does not fit into TOML's 64 bits"))
            }
            Scalar::Bool(true) => self.out.push("true"),
            Scalar::Bool(false) => self.out.push("false"),
            Scalar::Integer(text) | Scalar::Float(text) | Scalar::Datetime(text) => {
                self.out.push(text);
            }
            Scalar::String(text) => {
                // Writing to Output never fails.
                let _ = self.out.value(TomlStringBuilder::new(text).as_default());
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &str) {
        let _ = self.out.key(TomlKeyBuilder::new(key).as_default());
    }
}

/// Whether the value is a table or a list of tables only.
fn has_header(node: Node<'_>) -> bool {
    match node.value() {
        Value::Object(_) => true,
        Value::Array(items) => {
            !items.is_empty()
                && items
                    .clone()
                    .all(|item| matches!(item.value(), Value::Object(_)))
        }
        Value::Scalar(_) => false,
    }
}

fn refused(node: Node<'_>, reason: &str) -> Fault {
    Fault::inexpressible(Target::Toml, node.at(), format!("{} {reason}", node.label()))
}
