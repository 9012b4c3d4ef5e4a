//! Checks on text. Lengths are code points, as in JSON Schema; bytes would punish non-English.

use hostbridge_sdk::Problem;

/// Refuses text outside `min..=max` characters, pointing at `field`.
pub fn check_length(field: &str, text: &str, min: usize, max: usize) -> Result<(), Problem> {
    let length = text.chars().count();
    if (min..=max).contains(&length) {
        return Ok(());
    }
    let limits = if length < min {
        format!(
            "Give at least {min} character{}.",
            if min == 1 { "" } else { "s" }
        )
    } else {
        format!("Give at most {max} characters; these are {length}.")
    };
    Err(
        Problem::invalid_input(format!("The length of {field} is wrong. {limits}"))
            .with_error(format!("/{field}"), limits),
    )
}
