//! The types of plain scalars in YAML's core schema (YAML 1.2.2, section 10.3).

use std::borrow::Cow;

use crate::document::Scalar;
use crate::number::{INFINITE, MINUS_INFINITE, NOT_A_NUMBER};

/// The type and value of a plain scalar. `String` leaves the text with the caller.
#[derive(Debug, PartialEq)]
pub enum Plain<'a> {
    Null,
    Bool(bool),
    Integer(Cow<'a, str>),
    Float(Cow<'a, str>),
    String,
}

impl Plain<'_> {
    pub fn to_static(&self) -> Plain<'static> {
        match self {
            Self::Null => Plain::Null,
            Self::Bool(value) => Plain::Bool(*value),
            Self::Integer(number) => Plain::Integer(number.to_string().into()),
            Self::Float(number) => Plain::Float(number.to_string().into()),
            Self::String => Plain::String,
        }
    }

    /// `text` is the text that was resolved.
    pub fn scalar<'s>(&'s self, text: &'s str) -> Scalar<'s> {
        match self {
            Self::Null => Scalar::Null,
            Self::Bool(value) => Scalar::Bool(*value),
            Self::Integer(number) => Scalar::Integer(number),
            Self::Float(number) => Scalar::Float(number),
            Self::String => Scalar::String(text),
        }
    }
}

/// True for `0x…` and `0o…` with more than 128 bits, which would otherwise be text.
pub fn is_too_large(text: &str) -> bool {
    let (digits, radix) = match text.split_at_checked(2) {
        Some(("0x", digits)) => (digits, 16),
        Some(("0o", digits)) => (digits, 8),
        _ => return false,
    };
    !digits.is_empty()
        && digits.chars().all(|digit| digit.is_digit(radix))
        && u128::from_str_radix(digits, radix).is_err()
}

pub fn resolve(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Plain::Float(NOT_A_NUMBER.into()),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Plain::Float(INFINITE.into()),
        "-.inf" | "-.Inf" | "-.INF" => Plain::Float(MINUS_INFINITE.into()),
        _ => with_radix(text)
            .or_else(|| decimal(text))
            .unwrap_or(Plain::String),
    }
}

/// Parses `0x1F` and `0o17`. Numbers of more than 128 bits stay text.
fn with_radix(text: &str) -> Option<Plain<'_>> {
    let (digits, radix) = match text.split_at_checked(2)? {
        ("0x", digits) => (digits, 16),
        ("0o", digits) => (digits, 8),
        _ => return None,
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = u128::from_str_radix(digits, radix).ok()?;
    Some(Plain::Integer(number.to_string().into()))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn decimal(text: &str) -> Option<Plain<'_>> {
    let (minus, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent_digits =
        exponent.map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    let is_number = are_digits(whole)
        && fraction.is_none_or(are_digits)
        && !(whole.is_empty() && fraction.is_none_or(str::is_empty))
        && exponent_digits.is_none_or(|digits| !digits.is_empty() && are_digits(digits));
    if !is_number {
        return None;
    }
    // Normalise to JSON's grammar: no leading zeros, digits on both sides of the point.
    let digits = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    if fraction.is_none() && exponent.is_none() {
        return Some(Plain::Integer(borrow_or(text, format!("{minus}{digits}"))));
    }
    let fraction = match fraction {
        None => String::new(),
        Some("") => ".0".to_owned(),
        Some(fraction) => format!(".{fraction}"),
    };
    let exponent = exponent.map_or(String::new(), |exponent| format!("e{exponent}"));
    let number = format!("{minus}{digits}{fraction}{exponent}");
    Some(Plain::Float(borrow_or(text, number)))
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Borrows the text if it already is the number, so that nothing needs to be copied later.
fn borrow_or(text: &str, number: String) -> Cow<'_, str> {
    if number == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(number)
    }
}
