//! Users and their passwords.

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

use crate::client::{call, call_without_reply, path_id, with_query};
use crate::{NewUser, Password, PasswordOptions, Problem, Profile, User};

#[derive(Serialize)]
struct NewPassword<'a> {
    #[serde(flatten)]
    password: Password<'a>,
    #[serde(flatten)]
    options: PasswordOptions<'a>,
}

/// Create accounts.
///
/// Creates accounts with an e-mail address, a name and a password.
///
/// Operation `db_create_user`: `POST /host/v1/users`.
///
/// # Errors
/// `409 email-taken`; `400 invalid-input` (weak password, invalid e-mail address), with the
/// invalid fields in [`Problem::errors`].
pub fn db_create_user(user: NewUser<'_>) -> Result<User, Problem> {
    call("POST", "users", Some(json!(user)))
}

/// Find an account by e-mail.
///
/// Finds out whether an e-mail address has an account, and reads its name and profile.
///
/// Operation `db_get_user_by_email`: `GET /host/v1/users?email=`.
///
/// # Errors
/// `404 not-found`.
pub fn db_get_user_by_email(email: &str) -> Result<User, Problem> {
    call("GET", &with_query("users", &[("email", Some(email))]), None)
}

/// Read an account.
///
/// Reads the e-mail address, name and profile of any account whose ID the plugin knows.
///
/// Operation `db_get_user_by_uuid`: `GET /host/v1/users/{uuid}`.
///
/// # Errors
/// `404 not-found`.
pub fn db_get_user_by_uuid(user_id: &str) -> Result<User, Problem> {
    call("GET", &format!("users/{}", path_id(user_id)?), None)
}

/// Change passwords.
///
/// Sets the password of any account, even an administrator's, and so can take the account over.
///
/// Operation `db_update_user_password`: `PUT /host/v1/users/{uuid}/password`.
///
/// Ends the user's other sessions and invalidates their reset tokens. A given reset token is used
/// in the same step: it stays valid if the password is refused, and only one of two concurrent
/// changes succeeds.
///
/// # Errors
/// `404 not-found`; `400 invalid-input` (weak password, or an invalid reset token).
pub fn db_update_user_password(
    user_id: &str,
    password: Password<'_>,
    options: PasswordOptions<'_>,
) -> Result<(), Problem> {
    let body = json!(NewPassword { password, options });
    let path = format!("users/{}/password", path_id(user_id)?);
    call_without_reply("PUT", &path, Some(body))
}

/// Mark e-mail addresses as verified.
///
/// Marks the e-mail address of any account as verified or as not verified.
///
/// Operation `db_update_user_email_verified`: `PUT /host/v1/users/{uuid}/email-verified`.
///
/// # Errors
/// `404 not-found`.
pub fn db_update_user_email_verified(user_id: &str, verified: bool) -> Result<User, Problem> {
    let path = format!("users/{}/email-verified", path_id(user_id)?);
    call("PUT", &path, Some(json!({ "email_verified": verified })))
}

/// Change profiles.
///
/// Changes the name and profile of any account.
///
/// Operation `db_update_user_profile`: `PATCH /host/v1/users/{uuid}/profile`.
///
/// `None` leaves a member unchanged.
///
/// # Errors
/// `404 not-found`; `400 invalid-input`.
pub fn db_update_user_profile(
    user_id: &str,
    name: Option<&str>,
    profile: Option<&Profile>,
) -> Result<User, Problem> {
    let mut body = json!({});
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    if let Some(profile) = profile {
        body["profile"] = Value::Object(profile.clone());
    }
    let path = format!("users/{}/profile", path_id(user_id)?);
    call("PATCH", &path, Some(body))
}

/// Delete accounts.
///
/// Deletes any account with everything that belongs to it. This cannot be undone.
///
/// Operation `db_delete_user`: `DELETE /host/v1/users/{uuid}`.
///
/// # Errors
/// `404 not-found`; `409 last-owner`.
pub fn db_delete_user(user_id: &str) -> Result<(), Problem> {
    call_without_reply("DELETE", &format!("users/{}", path_id(user_id)?), None)
}

/// Check passwords.
///
/// Checks whether a password is right. The plugin never sees the hash, but it can guess passwords.
///
/// Operation `verify_password`: `POST /host/v1/users/{uuid}/password/verify`.
///
/// For an unknown user the answer is `false`, after the same time. Verify against
/// [`NIL_UUID`](crate::NIL_UUID) if the account was not found.
///
/// # Errors
/// None specific to this operation.
pub fn verify_password(user_id: &str, password: &str) -> Result<bool, Problem> {
    #[derive(Deserialize)]
    struct Verdict {
        valid: bool,
    }
    let path = format!("users/{}/password/verify", path_id(user_id)?);
    let verdict: Verdict = call("POST", &path, Some(json!({ "password": password })))?;
    Ok(verdict.valid)
}
