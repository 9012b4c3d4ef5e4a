//! Each format's reader and writer.

pub mod csv;
pub mod json;
pub mod markdown;
pub mod toml;
pub mod yaml;
