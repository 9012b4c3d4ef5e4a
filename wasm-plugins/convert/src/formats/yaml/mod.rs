//! YAML 1.2 with the core schema.

mod reader;
mod schema;
mod writer;

pub use reader::read;
pub use writer::write;
