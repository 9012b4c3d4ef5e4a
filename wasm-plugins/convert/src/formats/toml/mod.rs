//! TOML 1.1.

mod reader;
mod writer;

pub use reader::read;
pub use writer::write;
