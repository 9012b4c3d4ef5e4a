//! The plugin's settings, which an administrator chooses. Extism passes them as strings.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::{transport, Problem};

/// The text of a setting; `None` if it is not set or empty.
pub fn text(name: &str) -> Option<String> {
    transport::config_value(name).filter(|value| !value.is_empty())
}

/// A number within `range`, or `default` if the setting is not set.
///
/// # Errors
/// [`Problem::misconfigured`] if the setting is not a number or is out of range.
pub fn number<T>(name: &str, default: T, range: RangeInclusive<T>) -> Result<T, Problem>
where
    T: FromStr + PartialOrd + Display,
{
    let Some(value) = text(name) else {
        return Ok(default);
    };
    match value.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(Problem::misconfigured(format!(
            "The setting {name} must be a number from {} to {}; it is {value:?}.",
            range.start(),
            range.end()
        ))),
    }
}
