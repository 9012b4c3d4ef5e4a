//! CSV (RFC 4180) with any of four delimiters.

mod dialect;
mod reader;
mod scanner;
mod writer;

use crate::fault::Fault;

pub use dialect::{Dialect, Separator};
pub use reader::read;
pub use writer::write;

/// The limit of common spreadsheets. Without one, the size of a table in which every row adds
/// columns would grow quadratically.
const MAX_COLUMNS: usize = 16_384;

fn too_many_columns(at: usize) -> Fault {
    Fault::limit(
        Some(at),
        format!("there are more than {MAX_COLUMNS} columns"),
    )
}
