//! Users, sessions and tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Free-form data about a user.
pub type Profile = Map<String, Value>;

/// An id that belongs to no user.
///
/// Verifying a password against it fails after the same time as against a real user. So the time
/// of a failed log-in does not reveal whether the account exists.
pub const NIL_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// A user, as the host returns it.
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
    /// Whether the user has proved to own the address.
    pub email_verified: bool,
    /// Whether the user may log in.
    pub is_active: bool,
    /// ISO 8601.
    pub created_at: String,
    /// PHC string; only present with the permission `read_password_hash`. It is never serialised,
    /// so that passing a user on cannot leak it.
    #[serde(default, skip_serializing)]
    pub password_hash: Option<String>,
}

/// A user to create.
#[derive(Clone, Copy, Serialize)]
pub struct NewUser<'a> {
    /// E-mail address; unique, ignoring case.
    pub email: &'a str,
    /// Display name.
    pub name: &'a str,
    /// The password, plain or hashed.
    #[serde(flatten)]
    pub password: Password<'a>,
    /// Free-form data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<&'a Profile>,
}

/// A password on its way to the host.
#[derive(Clone, Copy, Serialize)]
pub enum Password<'a> {
    /// A plain password. The host checks its strength and hashes it.
    #[serde(rename = "password")]
    Plain(&'a str),
    /// A PHC string `$argon2id$…` from the plugin. The host cannot check the password's strength.
    #[serde(rename = "password_hash")]
    Hash(&'a str),
}

/// Options of a change of password. The default ends all sessions of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PasswordOptions<'a> {
    /// The session that stays open: that of the user who changes the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_session_id: Option<&'a str>,
    /// A password-reset token of the user. If it is not valid, nothing changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_token: Option<&'a str>,
}

/// A new session. Its token is shown only here.
#[derive(Clone, Serialize, Deserialize)]
pub struct CreatedSession {
    /// Id; not a secret.
    pub id: String,
    /// The secret that authenticates the session.
    pub token: String,
    /// The id of the session's user.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
}

/// An active session and its user.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Id; not a secret.
    pub id: String,
    /// The id of the session's user.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
    /// The user, who is always active.
    pub user: User,
}

/// A new e-mail-verification or password-reset token. The secret is shown only here.
#[derive(Clone, Serialize, Deserialize)]
pub struct CreatedToken {
    /// Id; not a secret.
    pub id: String,
    /// Secret to send to the user.
    pub token: String,
    /// The id of the user it is for.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
}

/// An e-mail-verification or password-reset token, looked up by its secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token {
    /// Id; not a secret.
    pub id: String,
    /// The id of the user it is for.
    pub user_id: String,
    /// ISO 8601.
    pub created_at: String,
    /// ISO 8601.
    pub expires_at: String,
}
