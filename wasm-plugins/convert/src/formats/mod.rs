//! A reader and a writer for each format.

pub mod csv;
pub mod json;
pub mod markdown;
pub mod toml;
pub mod yaml;
