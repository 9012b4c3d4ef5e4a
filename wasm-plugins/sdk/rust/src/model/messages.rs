//! E-mails and notifications.

use serde::{Deserialize, Serialize};

/// The e-mails that the host knows how to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmailTemplate {
    /// Asks to confirm an address; takes an e-mail-verification token.
    VerifyEmail,
    /// Offers to choose a new password; takes a password-reset token.
    ResetPassword,
}

/// A short message that people see at once.
///
/// ```
/// use hostbridge_sdk::{Level, Notification};
///
/// let done = Notification {
///     title: "Import finished",
///     level: Level::Success,
///     ..Notification::default()
/// };
/// # assert!(done.user_id.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notification<'a> {
    /// 1 to 120 characters.
    pub title: &'a str,
    /// Up to 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<&'a str>,
    /// How it looks.
    pub level: Level,
    /// Whom it is for; `None` for those who watch the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
}

/// How a [`Notification`] looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Good to know.
    #[default]
    Info,
    /// Something worked.
    Success,
    /// Something needs a look.
    Warning,
    /// Something failed.
    Error,
}

/// Whom a [`Notification`] went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveredTo {
    /// The user that it named.
    User,
    /// Those who watch the plugin.
    Watchers,
}
