//! Finds all errors in a form instead of stopping at the first.

use hostbridge_sdk::FieldError;
use serde_json::{Map, Value};

const MAX_EMAIL_CHARS: usize = 254;
const MAX_AGE: u64 = 150;
const MAX_TAGS: usize = 10;
const MAX_TAG_CHARS: usize = 30;

/// All errors in `form`, in the order of its fields. Every field is optional.
pub fn errors_in(form: &Map<String, Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (field, value) in form {
        let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
        match field.as_str() {
            "email" => report(&mut errors, pointer, email_fault(value)),
            "age" => report(&mut errors, pointer, age_fault(value)),
            "tags" => tag_faults(&mut errors, &pointer, value),
            _ => report(
                &mut errors,
                pointer,
                Some("Unknown field. Remove it.".into()),
            ),
        }
    }
    errors
}

fn report(errors: &mut Vec<FieldError>, pointer: String, fault: Option<String>) {
    errors.extend(fault.map(|detail| FieldError { pointer, detail }));
}

fn email_fault(value: &Value) -> Option<String> {
    let Some(email) = value.as_str() else {
        return Some("Enter the address as text.".into());
    };
    if email.chars().count() > MAX_EMAIL_CHARS {
        return Some(format!("Enter at most {MAX_EMAIL_CHARS} characters."));
    }
    let looks_right = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty())
            && !email.contains(char::is_whitespace)
    });
    (!looks_right).then(|| "Enter an e-mail address such as alice@example.org.".into())
}

fn age_fault(value: &Value) -> Option<String> {
    match value.as_u64() {
        Some(age) if age <= MAX_AGE => None,
        _ => Some(format!("Enter a whole number from 0 to {MAX_AGE}.")),
    }
}

fn tag_faults(errors: &mut Vec<FieldError>, pointer: &str, value: &Value) {
    let Some(tags) = value.as_array() else {
        return report(
            errors,
            pointer.to_owned(),
            Some("Enter a list of tags.".into()),
        );
    };
    if tags.len() > MAX_TAGS {
        return report(
            errors,
            pointer.to_owned(),
            Some(format!("Enter at most {MAX_TAGS} tags.")),
        );
    }
    for (index, tag) in tags.iter().enumerate() {
        let length = tag.as_str().map_or(0, |text| text.chars().count());
        let fault = (!(1..=MAX_TAG_CHARS).contains(&length))
            .then(|| format!("Enter a tag of 1 to {MAX_TAG_CHARS} characters."));
        report(errors, format!("{pointer}/{index}"), fault);
    }
}
