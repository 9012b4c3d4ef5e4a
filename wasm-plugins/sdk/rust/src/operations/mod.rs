//! One function per host operation, named like the operation and its permission.
//!
//! Every one of them answers `403 operation-not-granted` when no administrator granted it.

mod kv;
mod messages;
mod sessions;
mod tokens;
mod users;

pub use kv::*;
pub use messages::*;
pub use sessions::*;
pub use tokens::*;
pub use users::*;

use serde::Deserialize;

/// The host's answer to a clean-up.
#[derive(Deserialize)]
struct Deleted {
    deleted: u64,
}

#[cfg(test)]
mod tests;
