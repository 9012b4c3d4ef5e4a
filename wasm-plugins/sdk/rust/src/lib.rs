//! A typed client for the Hostbridge host API, for plugins written in Rust.
//!
//! A plugin reaches host data only by HTTP, and only through operations that its manifest requests
//! and an administrator has granted. This crate wraps each operation in a function of the same
//! name ([`operations`]), decodes the plugin's input ([`Input`]), and reports errors in the form
//! that the host understands ([`Problem`]).
//!
//! ```no_run
//! use extism_pdk::{plugin_fn, FnResult, Json};
//! use hostbridge_sdk::{operations, Input, User};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Lookup {
//!     email: String,
//! }
//!
//! #[plugin_fn]
//! pub fn find(Input(input): Input<Lookup>) -> FnResult<Json<User>> {
//!     // With `?`, a 403 or 404 from the host becomes this plugin's own answer.
//!     Ok(Json(operations::db_get_user_by_email(&input.email)?))
//! }
//! ```

#![warn(missing_docs)]

mod client;
mod input;
mod model;
pub mod operations;
mod panic;
mod problem;
pub mod settings;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod transport;

pub use input::Input;
pub use model::*;
pub use panic::set_panic_hook;
pub use problem::{found, FieldError, Problem};
