//! A plugin to copy: four functions with JSON input and output, and the error patterns to follow.
//!
//! None of them needs the host, so they run on the server and in the browser alike. A function
//! that does looks like this, and needs the permission `db_get_user_by_email` in `plugin.json`:
//!
//! ```ignore
//! use hostbridge_sdk::{found, operations};
//!
//! #[plugin_fn]
//! pub fn is_member(Input(input): Input<Lookup>) -> FnResult<Json<Answer>> {
//!     // `found` turns the host's 404 into None. With `?`, any other problem, such as an
//!     // operation that is not granted, becomes this function's own answer.
//!     let user = found(operations::db_get_user_by_email(&input.email))?;
//!     Ok(Json(Answer { member: user.is_some() }))
//! }
//! ```

mod text;
mod validation;

use extism_pdk::{plugin_fn, FnResult, Json};
use hostbridge_sdk::{FieldError, Input, Problem};
use serde::{Deserialize, Serialize};

const MAX_NAME_CHARS: usize = 100;
const MAX_TEXT_CHARS: usize = 1000;
const MAX_TIMES: u32 = 100;

#[derive(Deserialize)]
// An unknown field is more likely a typo than an extension, so report it.
#[serde(deny_unknown_fields)]
struct Greet {
    name: String,
}

#[derive(Serialize)]
struct Greeting {
    message: String,
}

#[plugin_fn]
pub fn greet(Input(input): Input<Greet>) -> FnResult<Json<Greeting>> {
    let name = input.name.trim();
    text::check_length("name", name, 1, MAX_NAME_CHARS)?;
    Ok(Json(Greeting {
        message: format!("Hello, {name}!"),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    text: String,
    times: u32,
}

#[derive(Serialize)]
struct Repeated {
    text: String,
}

#[plugin_fn]
pub fn repeat(Input(input): Input<Repeat>) -> FnResult<Json<Repeated>> {
    // Check first: a caller must not be able to choose how much memory the function uses.
    text::check_length("text", &input.text, 0, MAX_TEXT_CHARS)?;
    if !(1..=MAX_TIMES).contains(&input.times) {
        let range = format!("Choose a number from 1 to {MAX_TIMES}.");
        return Err(
            Problem::invalid_input(format!("times is out of range. {range}"))
                .with_error("/times", range)
                .into(),
        );
    }
    Ok(Json(Repeated {
        text: input.text.repeat(input.times as usize),
    }))
}

#[derive(Serialize)]
struct Verdict {
    valid: bool,
    errors: Vec<FieldError>,
}

#[plugin_fn]
pub fn validate(
    Input(form): Input<serde_json::Map<String, serde_json::Value>>,
) -> FnResult<Json<Verdict>> {
    // Invalid data is a normal result of this function, so it is output rather than an error.
    let errors = validation::errors_in(&form);
    Ok(Json(Verdict {
        valid: errors.is_empty(),
        errors,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoInput {}

#[derive(Serialize)]
struct Info {
    name: &'static str,
    version: &'static str,
    functions: [&'static str; 4],
    limits: Limits,
}

#[derive(Serialize)]
struct Limits {
    name_chars: usize,
    text_chars: usize,
    times: u32,
}

#[plugin_fn]
pub fn get_info(Input(_): Input<NoInput>) -> FnResult<Json<Info>> {
    Ok(Json(Info {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        functions: ["greet", "repeat", "validate", "get_info"],
        limits: Limits {
            name_chars: MAX_NAME_CHARS,
            text_chars: MAX_TEXT_CHARS,
            times: MAX_TIMES,
        },
    }))
}
