//! Sends a request to the host API and reads the reply.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{settings, transport, Problem};

/// Calls the host and decodes its reply.
pub(crate) fn call<T: DeserializeOwned>(
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<T, Problem> {
    let reply = send(method, path, body)?;
    serde_json::from_slice(&reply).map_err(|error| {
        Problem::new(
            502,
            "internal-error",
            "Unexpected reply from the host",
            format!(
                "The host's reply to {method} {path} does not have the shape that this plugin \
                 expects ({:?} error, column {}).",
                error.classify(),
                error.column()
            ),
        )
    })
}

/// Calls the host and ignores the body of a successful reply.
pub(crate) fn call_without_reply(
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<(), Problem> {
    send(method, path, body).map(|_| ())
}

fn send(method: &str, path: &str, body: Option<Value>) -> Result<Vec<u8>, Problem> {
    let host_url = settings::text("host_url").ok_or_else(|| {
        Problem::misconfigured("The host did not pass host_url, so its API cannot be reached.")
    })?;
    let url = format!("{}/host/v1/{path}", host_url.trim_end_matches('/'));
    let body = body.map(|value| value.to_string().into_bytes());
    let (status, reply) = transport::send(method, &url, body).map_err(|reason| {
        Problem::new(
            502,
            "internal-error",
            "The host cannot be reached",
            format!("{method} {path} failed: {reason}"),
        )
    })?;
    match status {
        200..=299 => Ok(reply),
        _ => Err(Problem::from_reply(status, &reply)),
    }
}

/// Appends to the path a query of those members that have a value.
pub(crate) fn with_query(path: &str, members: &[(&str, Option<&str>)]) -> String {
    let mut whole = path.to_owned();
    for (name, value) in members {
        if let Some(value) = value {
            let mark = if whole.contains('?') { '&' } else { '?' };
            whole.push_str(&format!("{mark}{name}={}", query_escape(value)));
        }
    }
    whole
}

/// Escapes a value for a query string: everything but the unreserved characters of RFC 3986.
fn query_escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Checks that an id is safe in a path: an id such as `../sessions` would reach another route.
pub(crate) fn path_id(id: &str) -> Result<&str, Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=64).contains(&id.len()) && id.bytes().all(is_allowed) {
        Ok(id)
    } else {
        Err(Problem::invalid_input(
            "An id may contain only letters, digits and dashes, and at most 64 of them.",
        ))
    }
}

/// Checks that a key of the key store is safe in a path, as [`path_id`] does for ids.
pub(crate) fn path_key(key: &str) -> Result<&str, Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let is_dots = [".", ".."].contains(&key);
    if (1..=200).contains(&key.len()) && key.bytes().all(is_allowed) && !is_dots {
        Ok(key)
    } else {
        Err(Problem::invalid_input(
            "A key may contain only letters, digits and . _ : -, at most 200 of them, and must not \
             be \".\" or \"..\".",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_value_is_escaped_byte_by_byte() {
        assert_eq!(
            query_escape("zoë+a&b=c@x.org"),
            "zo%C3%AB%2Ba%26b%3Dc%40x.org"
        );
    }

    #[test]
    fn a_query_contains_only_members_with_a_value() {
        assert_eq!(with_query("kv", &[("prefix", None)]), "kv");
        assert_eq!(
            with_query("kv", &[("a", Some("1")), ("b", None), ("c", Some(""))]),
            "kv?a=1&c="
        );
    }

    #[test]
    fn a_key_that_would_change_the_path_is_refused() {
        for key in [
            "",
            ".",
            "..",
            "a/b",
            "a?b",
            "%2e",
            "ä",
            "a b",
            &"a".repeat(201),
        ] {
            assert_eq!(path_key(key).unwrap_err().status, 400, "{key}");
        }
        for key in ["a", "...", "A.b_c:d-9", &"a".repeat(200)] {
            assert_eq!(path_key(key), Ok(key));
        }
    }

    #[test]
    fn an_id_that_would_change_the_path_is_refused() {
        for id in [
            "",
            "..",
            "../sessions",
            "a/b",
            "a?b",
            "%2e",
            &"a".repeat(65),
        ] {
            assert_eq!(path_id(id).unwrap_err().status, 400, "{id}");
        }
        assert!(path_id(crate::NIL_UUID).is_ok());
    }
}
