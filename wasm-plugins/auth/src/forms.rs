//! The input of the functions, and its validation. Lengths count code points, as in JSON Schema.

use hostbridge_sdk::Problem;
use serde::Deserialize;

const MAX_EMAIL_CHARS: usize = 254;
const MAX_EMAIL_LOCAL_CHARS: usize = 64;
const MAX_NAME_CHARS: usize = 150;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;
const MAX_TOKEN_CHARS: usize = 512;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signup {
    email: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailForm {
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    token: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    token: String,
    current_password: String,
    new_password: String,
}

/// A valid sign-up.
pub struct NewAccount<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub password: &'a str,
}

/// A valid log-in.
pub struct Claim<'a> {
    pub email: &'a str,
    pub password: &'a str,
}

/// A valid new password, and the token from the link that permits it.
pub struct NewPassword<'a> {
    pub token: &'a str,
    pub password: &'a str,
}

/// A valid change of password.
pub struct PasswordChange<'a> {
    pub token: &'a str,
    pub current: &'a str,
    pub new: &'a str,
}

impl Signup {
    /// Reports all invalid fields at once.
    pub fn checked(&self) -> Result<NewAccount<'_>, Problem> {
        let (email, name) = (self.email.trim(), self.name.trim());
        let mut faults = Faults::default();
        faults.add("/email", email_fault(email));
        faults.add("/name", name_fault(name));
        faults.add("/password", new_password_fault(&self.password));
        faults.into_result()?;
        Ok(NewAccount {
            email,
            name,
            password: &self.password,
        })
    }
}

impl Login {
    /// Accepts anything that could be the credentials of an account, however it was created.
    pub fn checked(&self) -> Result<Claim<'_>, Problem> {
        let email = self.email.trim();
        let mut faults = Faults::default();
        faults.add("/email", existing_email_fault(email));
        faults.add("/password", existing_password_fault(&self.password));
        faults.into_result()?;
        Ok(Claim {
            email,
            password: &self.password,
        })
    }
}

impl TokenForm {
    pub fn checked(&self) -> Result<&str, Problem> {
        let mut faults = Faults::default();
        faults.add("/token", token_fault(&self.token));
        faults.into_result()?;
        Ok(&self.token)
    }
}

impl EmailForm {
    /// Accepts anything that could be the address of an account.
    pub fn checked(&self) -> Result<&str, Problem> {
        let email = self.email.trim();
        let mut faults = Faults::default();
        faults.add("/email", existing_email_fault(email));
        faults.into_result()?;
        Ok(email)
    }
}

impl ResetPassword {
    pub fn checked(&self) -> Result<NewPassword<'_>, Problem> {
        let mut faults = Faults::default();
        faults.add("/token", token_fault(&self.token));
        faults.add("/password", new_password_fault(&self.password));
        faults.into_result()?;
        Ok(NewPassword {
            token: &self.token,
            password: &self.password,
        })
    }
}

impl ChangePassword {
    pub fn checked(&self) -> Result<PasswordChange<'_>, Problem> {
        let mut faults = Faults::default();
        faults.add("/token", token_fault(&self.token));
        faults.add(
            "/current_password",
            existing_password_fault(&self.current_password),
        );
        faults.add("/new_password", new_password_fault(&self.new_password));
        faults.into_result()?;
        Ok(PasswordChange {
            token: &self.token,
            current: &self.current_password,
            new: &self.new_password,
        })
    }
}

/// The invalid fields found so far.
#[derive(Default)]
struct Faults(Vec<(&'static str, String)>);

impl Faults {
    fn add(&mut self, pointer: &'static str, fault: Option<String>) {
        self.0.extend(fault.map(|detail| (pointer, detail)));
    }

    fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let problem =
            Problem::invalid_input("Some fields are invalid. Correct them and try again.");
        Err(self
            .0
            .into_iter()
            .fold(problem, |problem, (pointer, detail)| {
                problem.with_error(pointer, detail)
            }))
    }
}

/// Checks only the form. Whether the address works, a message to it must show.
fn email_fault(email: &str) -> Option<String> {
    if let Some(fault) = length_fault("address", email, 1..=MAX_EMAIL_CHARS) {
        return Some(fault);
    }
    let looks_right = email.split_once('@').is_some_and(|(local, domain)| {
        (1..=MAX_EMAIL_LOCAL_CHARS).contains(&local.chars().count())
            && domain.contains('.')
            && domain.split('.').all(is_domain_label)
    });
    let forbidden = |c: char| c.is_whitespace() || c.is_control();
    (!looks_right || email.contains(forbidden))
        .then(|| "Enter an e-mail address such as alice@example.org.".into())
}

/// For the address of an existing account, however it was created.
fn existing_email_fault(email: &str) -> Option<String> {
    length_fault("address", email, 1..=MAX_EMAIL_CHARS)
}

fn is_domain_label(label: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || c == '-';
    !label.is_empty()
        && label.chars().all(is_plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn name_fault(name: &str) -> Option<String> {
    if name.contains(char::is_control) {
        return Some("Remove line breaks and other control characters.".into());
    }
    length_fault("name", name, 1..=MAX_NAME_CHARS)
}

fn new_password_fault(password: &str) -> Option<String> {
    length_fault("password", password, PASSWORD_CHARS)
}

/// For the password of an existing account, however it was created.
fn existing_password_fault(password: &str) -> Option<String> {
    length_fault("password", password, 1..=*PASSWORD_CHARS.end())
}

fn token_fault(token: &str) -> Option<String> {
    length_fault("token", token, 1..=MAX_TOKEN_CHARS)
}

fn length_fault(what: &str, text: &str, range: std::ops::RangeInclusive<usize>) -> Option<String> {
    let length = text.chars().count();
    if length == 0 {
        Some(format!("Enter the {what}."))
    } else if length < *range.start() {
        Some(format!(
            "The {what} must have at least {} characters.",
            range.start()
        ))
    } else if length > *range.end() {
        Some(format!(
            "The {what} must have at most {} characters.",
            range.end()
        ))
    } else {
        None
    }
}
