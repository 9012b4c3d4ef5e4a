//! E-mails and notifications.

use serde::{Deserialize, Serialize};

/// The e-mails that the host can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmailTemplate {
    /// Asks the user to verify an address. Needs an e-mail-verification token.
    VerifyEmail,
    /// Offers to choose a new password. Needs a password-reset token.
    ResetPassword,
}

/// A short message that users see immediately.
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
    /// How important it is.
    pub level: Level,
    /// The recipient; `None` for everyone who watches the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
}

/// How important a [`Notification`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Information.
    #[default]
    Info,
    /// Something worked.
    Success,
    /// Something needs attention.
    Warning,
    /// Something failed.
    Error,
}

/// The recipients of a [`Notification`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveredTo {
    /// The user that it names.
    User,
    /// Everyone who watches the plugin.
    Watchers,
}
