//! One function for each host operation, named after the operation and its permission.
//!
//! Each fails with `403 operation-not-granted` unless an administrator granted the operation.

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

/// The host's reply to deletions.
#[derive(Deserialize)]
struct Deleted {
    deleted: u64,
}

#[cfg(test)]
mod tests;
