//! A typed client for the Hostbridge host API, for plugins written in Rust.
//!
//! A plugin reaches host data only by HTTP, and only through the operations that its manifest
//! asks for and an administrator granted. This crate wraps each of them in one function of the
//! same name ([`operations`]), decodes the plugin's input ([`Input`]) and carries errors in the
//! shape that the host understands ([`Problem`]).
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
//!     // The host's 403 or 404 becomes this plugin's own answer through `?`.
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
