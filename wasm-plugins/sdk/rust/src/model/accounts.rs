//! Users, sessions and tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Free-form data about a user.
pub type Profile = Map<String, Value>;

/// An id that belongs to no user.
///
/// Verifying a password against it takes as long as against a real user and answers no, which
/// keeps the time of a failed log-in from telling whether the account exists.
pub const NIL_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// A user, as the host gives it.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    /// UUID.
    pub id: String,
    /// E-mail address, as the host normalised it.
    pub email: String,
    /// Display name.
    pub name: String,
    /// Free-form data.
    pub profile: Profile,
    /// Whether the user proved to own the address.
    pub email_verified: bool,
    /// Whether the user may log in.
    pub is_active: bool,
    /// ISO 8601.
    pub created_at: String,
    /// PHC string; only there with the permission `read_password_hash`. Never written out again,
    /// so that passing a user on cannot leak it.
    #[serde(default, skip_serializing)]
    pub password_hash: Option<String>,
}

/// A user to create.
#[derive(Clone, Copy, Serialize)]
pub struct NewUser<'a> {
    /// E-mail address; unique, upper and lower case being the same.
    pub email: &'a str,
    /// Display name.
    pub name: &'a str,
    /// How the user will prove who they are.
    #[serde(flatten)]
    pub password: Password<'a>,
    /// Free-form data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<&'a Profile>,
}

/// A password on its way to the host.
#[derive(Clone, Copy, Serialize)]
pub enum Password<'a> {
    /// The host checks its strength and hashes it.
    #[serde(rename = "password")]
    Plain(&'a str),
    /// The plugin hashed it: a PHC string `$argon2id$…`. The host cannot check its strength.
    #[serde(rename = "password_hash")]
    Hash(&'a str),
}

/// What a change of password goes with; the default ends every session of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PasswordOptions<'a> {
    /// The session that stays: of the user who changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_session_id: Option<&'a str>,
    /// A password-reset token of the user: without a good one nothing is changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_token: Option<&'a str>,
}

/// A session just created: the only time that its token is shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct CreatedSession {
    /// Id, which is no secret.
    pub id: String,
    /// Secret that proves the session.
    pub token: String,
    /// Whose session it is.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
}

/// A live session and its user.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Id, which is no secret.
    pub id: String,
    /// Whose session it is.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
    /// The user, who is active.
    pub user: User,
}

/// An e-mail-verification or password-reset token just created: the only time that it is shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct CreatedToken {
    /// Id, which is no secret.
    pub id: String,
    /// Secret to send to the user.
    pub token: String,
    /// Whom it is for.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
}

/// An e-mail-verification or password-reset token, found by its secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token {
    /// Id, which is no secret.
    pub id: String,
    /// Whom it is for.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
}
