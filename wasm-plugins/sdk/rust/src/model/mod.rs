//! What the host API takes and gives. Members that this version does not know are ignored.

mod accounts;
mod kv;
mod messages;

pub use accounts::*;
pub use kv::*;
pub use messages::*;
