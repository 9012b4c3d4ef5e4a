//! Errors, both from the host to a guest and from a guest to the host.

use std::fmt;

use serde::{Deserialize, Serialize};

const TYPE_PREFIX: &str = "urn:hostbridge:problem:";

/// An error that callers can act on.
///
/// Its [`Display`](fmt::Display) text, which `?` in a `#[plugin_fn]` function uses, is the error
/// text that the host turns into an `application/problem+json` reply:
///
/// ```
/// # use hostbridge_sdk::Problem;
/// let taken = Problem::new(409, "email-taken", "E-mail taken", "Use another address.");
/// assert_eq!(
///     taken.to_string(),
///     r#"{"problem":{"status":409,"code":"email-taken","title":"E-mail taken","detail":"Use another address."}}"#
/// );
/// ```
///
/// The host accepts statuses 400 to 429 from a plugin. A problem with any other status becomes
/// plain text, and the caller gets `422 plugin-error` with that text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable name for programs, such as `email-taken`.
    pub code: String,
    /// Short summary, the same for every problem with this code.
    pub title: String,
    /// A plain sentence: what is wrong, and how to fix it.
    pub detail: String,
    /// The invalid fields of the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// An invalid field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) to the field, such as `/email`.
    pub pointer: String,
    /// What is wrong with the field, and how to fix it.
    pub detail: String,
}

/// The members of a host's problem body that a guest needs (RFC 9457).
#[derive(Deserialize)]
struct HostProblem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of the plugin's own.
    pub fn new(
        status: u16,
        code: impl Into<String>,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            title: title.into(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// `400 invalid-input`. Add the invalid fields with [`with_error`](Self::with_error).
    pub fn invalid_input(detail: impl Into<String>) -> Self {
        Self::new(400, "invalid-input", "Invalid input", detail)
    }

    /// A mistake in the plugin's configuration, which its caller cannot fix.
    ///
    /// It becomes plain text, so the caller gets `422 plugin-error`.
    pub fn misconfigured(detail: impl Into<String>) -> Self {
        Self::new(500, "internal-error", "The plugin is misconfigured", detail)
    }

    /// Adds an invalid field by its JSON Pointer.
    #[must_use]
    pub fn with_error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// True if the host found no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status == 404
    }

    /// Reads the host's error reply. A body that is not a problem document leaves only the status.
    pub(crate) fn from_reply(status: u16, body: &[u8]) -> Self {
        let Ok(problem) = serde_json::from_slice::<HostProblem>(body) else {
            return Self::new(
                status,
                "internal-error",
                "Unexpected reply from the host",
                format!("The host answered with status {status} and no details."),
            );
        };
        let code = problem
            .kind
            .strip_prefix(TYPE_PREFIX)
            .unwrap_or(&problem.kind);
        Self {
            status,
            code: code.to_owned(),
            title: problem.title,
            detail: problem.detail,
            errors: problem.errors,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[derive(Serialize)]
        struct Envelope<'a> {
            problem: &'a Problem,
        }
        if !(400..=429).contains(&self.status) {
            return write!(f, "{}: {}", self.title, self.detail);
        }
        let text = serde_json::to_string(&Envelope { problem: self }).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl std::error::Error for Problem {}

/// Turns a `404` from the host into `None`, for callers that expect it.
///
/// # Errors
/// Passes on every other problem.
pub fn found<T>(result: Result<T, Problem>) -> Result<Option<T>, Problem> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(problem) if problem.is_not_found() => Ok(None),
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_renders_its_wrong_fields() {
        let problem =
            Problem::invalid_input("Fix it.").with_error("/email", "Not an e-mail address.");
        assert_eq!(
            problem.to_string(),
            concat!(
                r#"{"problem":{"status":400,"code":"invalid-input","title":"Invalid input","#,
                r#""detail":"Fix it.","errors":[{"pointer":"/email","detail":"Not an e-mail address."}]}}"#
            )
        );
    }

    #[test]
    fn a_status_that_the_host_does_not_accept_renders_as_text() {
        let problem = Problem::new(503, "overloaded", "Busy", "Try again.");
        assert_eq!(problem.to_string(), "Busy: Try again.");
    }

    #[test]
    fn a_host_problem_keeps_its_code_and_fields() {
        let body = br#"{"type":"urn:hostbridge:problem:email-taken","title":"T","status":409,
            "detail":"D","errors":[{"pointer":"/email","detail":"taken"}],"operation":"x"}"#;
        let problem = Problem::from_reply(409, body);
        assert_eq!(problem.code, "email-taken");
        assert_eq!(problem.errors[0].pointer, "/email");
    }

    #[test]
    fn a_reply_that_is_not_a_problem_becomes_one_with_its_status() {
        let problem = Problem::from_reply(502, b"<html>");
        assert_eq!(problem.status, 502);
        assert!(problem.detail.contains("502"));
    }

    #[test]
    fn found_passes_on_other_problems() {
        assert_eq!(found(Ok(1)), Ok(Some(1)));
        assert_eq!(
            found::<()>(Err(Problem::new(404, "not-found", "", ""))),
            Ok(None)
        );
        assert!(found::<()>(Err(Problem::new(403, "forbidden", "", ""))).is_err());
    }
}
