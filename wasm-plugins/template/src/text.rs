//! Checks text. Lengths count code points, as in JSON Schema; bytes would penalise most languages.

use hostbridge_sdk::Problem;

/// Fails with an error for `field` unless the text has `min..=max` characters.
pub fn check_length(field: &str, text: &str, min: usize, max: usize) -> Result<(), Problem> {
    let length = text.chars().count();
    if (min..=max).contains(&length) {
        return Ok(());
    }
    let limits = if length < min {
        format!(
            "Enter at least {min} character{}.",
            if min == 1 { "" } else { "s" }
        )
    } else {
        format!("Enter at most {max} characters; this text has {length}.")
    };
    Err(
        Problem::invalid_input(format!("The length of {field} is out of range. {limits}"))
            .with_error(format!("/{field}"), limits),
    )
}
