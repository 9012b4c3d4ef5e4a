//! The data types of the host API. Unknown members of replies are ignored.

mod accounts;
mod kv;
mod messages;

pub use accounts::*;
pub use kv::*;
pub use messages::*;
