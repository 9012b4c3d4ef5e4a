//! E-mails and notifications to users.

use serde::Deserialize;
use serde_json::json;

use crate::client::{call, call_without_reply};
use crate::{DeliveredTo, EmailTemplate, Notification, Problem};

/// Send account e-mails.
///
/// Sends this server's own verification and reset e-mails to the account's own address.
///
/// Operation `send_email`: `POST /host/v1/emails`. The token must be valid, belong to this user and
/// fit the template; the host builds the link from it.
///
/// # Errors
/// `404 not-found` (no such user); `400 invalid-input` (no such token);
/// `429 rate-limited`; `503 email-not-sent` (the mail server refused it).
pub fn send_email(user_id: &str, template: EmailTemplate, token: &str) -> Result<(), Problem> {
    let body = json!({ "user_id": user_id, "template": template, "token": token });
    call_without_reply("POST", "emails", Some(body))
}

/// Show notifications.
///
/// Shows one person or the plugin's watchers a short message, marked as coming from this plugin.
///
/// Operation `notify`: `POST /host/v1/notifications`.
///
/// # Errors
/// `404 not-found` (no such user); `400 invalid-input`; `429 rate-limited`.
pub fn notify(notification: Notification<'_>) -> Result<DeliveredTo, Problem> {
    #[derive(Deserialize)]
    struct Delivery {
        delivered_to: DeliveredTo,
    }
    let delivery: Delivery = call("POST", "notifications", Some(json!(notification)))?;
    Ok(delivery.delivered_to)
}
