//! YAML 1.2 with the core schema.

mod input;
mod reader;
mod schema;
mod writer;

pub use reader::{parse, read};
pub use writer::write;
