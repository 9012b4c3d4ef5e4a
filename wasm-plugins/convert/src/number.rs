//! Numbers stay text, in JSON's grammar, so that a conversion loses no digits.

use crate::document::Scalar;

/// How a document stores not-a-number and the infinities, which JSON does not have.
pub const NOT_A_NUMBER: &str = "nan";
pub const INFINITE: &str = "inf";
pub const MINUS_INFINITE: &str = "-inf";

pub fn is_finite(number: &str) -> bool {
    ![NOT_A_NUMBER, INFINITE, MINUS_INFINITE].contains(&number)
}

/// Parses `text` as a number in JSON's grammar; `None` if it is not one.
pub fn json_number(text: &str) -> Option<Scalar<'_>> {
    let digits = |text: &str| -> usize { text.bytes().take_while(u8::is_ascii_digit).count() };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned.starts_with('0')) {
        return None;
    }
    let mut rest = &unsigned[whole..];
    if rest.is_empty() {
        return Some(Scalar::Integer(text));
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return None;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits(exponent);
        if length == 0 {
            return None;
        }
        rest = &exponent[length..];
    }
    rest.is_empty().then_some(Scalar::Float(text))
}
