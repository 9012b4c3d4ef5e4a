//! Decodes a function's JSON input and reports errors by field.

use extism_pdk::{Error, FromBytesOwned};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use crate::{set_panic_hook, Problem};

/// A function's input, decoded from a JSON object.
///
/// Take it as the argument of a `#[plugin_fn]` function. Input that is not JSON becomes
/// `400 malformed-json`; a missing, unknown (with `#[serde(deny_unknown_fields)]`) or wrongly
/// typed field becomes `400 invalid-input` with a pointer to it. Errors never repeat values of the
/// input: they may be secrets, and the host's history stores errors.
pub struct Input<T>(pub T);

impl<T: DeserializeOwned> FromBytesOwned for Input<T> {
    fn from_bytes_owned(data: &[u8]) -> Result<Self, Error> {
        set_panic_hook();
        Ok(Input(decode(data)?))
    }
}

fn decode<T: DeserializeOwned>(data: &[u8]) -> Result<T, Problem> {
    if !data.trim_ascii_start().starts_with(b"{") {
        return Err(not_an_object(data));
    }
    let mut parser = serde_json::Deserializer::from_slice(data);
    let value = serde_path_to_error::deserialize(&mut parser)
        .map_err(|error| explain(error.inner(), pointer(error.path())))?;
    parser.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Refuses lists too: Serde would decode one into a struct, field by field.
fn not_an_object(data: &[u8]) -> Problem {
    match serde_json::from_slice::<IgnoredAny>(data) {
        Err(error) if !data.trim_ascii().is_empty() => malformed(&error),
        Err(_) => malformed_because("The input is empty. Send a JSON object."),
        Ok(_) => Problem::invalid_input("The input must be a JSON object.")
            .with_error("", "Expected a JSON object."),
    }
}

fn explain(error: &serde_json::Error, path: String) -> Problem {
    if error.classify() != Category::Data {
        return malformed(error);
    }
    let message = error.to_string();
    if let Some(field) = quoted_after(&message, "missing field `") {
        let pointer = format!("{path}/{}", escape(field));
        return Problem::invalid_input(format!("The field {field:?} is missing."))
            .with_error(pointer, "This field is required.");
    }
    if let Some(field) = quoted_after(&message, "unknown field `") {
        let field = shorten(field);
        // The path already ends in the unknown field.
        return Problem::invalid_input(format!("The field {field:?} is unknown. Remove it."))
            .with_error(path, "Unknown field.");
    }
    if let Some(field) = quoted_after(&message, "duplicate field `") {
        return Problem::invalid_input(format!("The field {field:?} appears twice."))
            .with_error(path, "This field appears twice.");
    }
    // "invalid type: string \"hunter2\", expected u32 at line 1 column 9": the part before the last
    // ", expected " may contain a secret.
    let expected = match message.rsplit_once(", expected ") {
        Some((_, rest)) => plain_words(rest.split(" at line ").next().unwrap_or(rest)),
        None => "another value".to_owned(),
    };
    Problem::invalid_input(format!(
        "The value at {path} is invalid: expected {expected}."
    ))
    .with_error(path, format!("Expected {expected}."))
}

/// Serde's name of a type, in words for people who do not know Rust.
fn plain_words(expected: &str) -> String {
    let largest = match expected {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" | "usize" => u64::MAX,
        "i8" | "i16" | "i32" | "i64" | "isize" => return "a whole number".to_owned(),
        "f32" | "f64" => return "a number".to_owned(),
        "a sequence" => return "a list".to_owned(),
        "a map" => return "a JSON object".to_owned(),
        other if other.starts_with("struct ") => return "a JSON object".to_owned(),
        other => return other.to_owned(),
    };
    format!("a whole number from 0 to {largest}")
}

fn malformed(error: &serde_json::Error) -> Problem {
    malformed_because(format!(
        "The input is not valid JSON (line {}, column {}).",
        error.line(),
        error.column()
    ))
}

fn malformed_because(detail: impl Into<String>) -> Problem {
    Problem::new(400, "malformed-json", "Malformed JSON", detail)
}

fn quoted_after<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.split('`').next()
}

/// A field name from the input may be as long as the input.
fn shorten(name: &str) -> String {
    name.chars().take(64).collect()
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&escape(&shorten(key))),
            Segment::Enum { variant } => pointer.push_str(&escape(variant)),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        email: String,
        #[serde(default)]
        tags: Vec<u8>,
    }

    fn problem(text: &str) -> Problem {
        decode::<Form>(text.as_bytes()).unwrap_err()
    }

    fn pointers(problem: &Problem) -> Vec<&str> {
        problem.errors.iter().map(|e| e.pointer.as_str()).collect()
    }

    #[test]
    fn valid_input_is_decoded() {
        let form: Form = decode(br#" {"email": "a@b.c", "tags": [1]} "#).unwrap();
        assert_eq!(form.tags, [1]);
    }

    #[test]
    fn text_that_is_not_json_is_malformed() {
        for text in ["", "{", "nonsense", r#"{"email":"a"} x"#] {
            assert_eq!(problem(text).code, "malformed-json", "{text}");
        }
    }

    #[test]
    fn an_error_points_at_a_missing_field() {
        let missing = problem("{}");
        assert_eq!(missing.code, "invalid-input");
        assert_eq!(pointers(&missing), ["/email"]);
    }

    #[test]
    fn an_error_points_at_an_unknown_field() {
        let unknown = problem(r#"{"email":"a","x/y":1}"#);
        assert_eq!(pointers(&unknown), ["/x~1y"]);
        assert!(unknown.detail.contains("x/y"));
    }

    #[test]
    fn an_error_about_a_type_does_not_repeat_the_value() {
        let wrong = problem(r#"{"email":12345678}"#);
        assert_eq!(pointers(&wrong), ["/email"]);
        assert_eq!(wrong.errors[0].detail, "Expected a string.");
        assert!(!wrong.to_string().contains("12345678"));
        let nested = problem(r#"{"email":"a","tags":[1,"hunter2, expected no"]}"#);
        assert_eq!(pointers(&nested), ["/tags/1"]);
        assert!(!nested.to_string().contains("hunter2"));
    }

    #[test]
    fn input_that_is_not_an_object_is_refused() {
        for text in ["[]", r#"["a@b.c"]"#, "7", "null", r#""x""#] {
            assert_eq!(
                problem(text).detail,
                "The input must be a JSON object.",
                "{text}"
            );
        }
        assert!(problem("  ").detail.contains("is empty"));
    }

    #[test]
    fn expected_types_are_named_in_plain_words() {
        let wrong = problem(r#"{"email":"a","tags":[-1]}"#);
        assert_eq!(
            wrong.errors[0].detail,
            "Expected a whole number from 0 to 255."
        );
        let wrong = problem(r#"{"email":"a","tags":7}"#);
        assert_eq!(wrong.errors[0].detail, "Expected a list.");
    }
}
