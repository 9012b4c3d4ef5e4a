//! E-mail-verification and password-reset tokens: single use, and with an end.

use serde_json::json;

use super::Deleted;
use crate::client::call;
use crate::{CreatedToken, Problem, Token};

/// Operation `db_create_email_verification_token`: `POST /host/v1/email-verification-tokens`.
///
/// # Errors
/// `404 not-found` (no such user); `400 invalid-input`.
pub fn db_create_email_verification_token(
    user_id: &str,
    ttl_seconds: u32,
) -> Result<CreatedToken, Problem> {
    create("email-verification-tokens", user_id, ttl_seconds)
}

/// Operation `db_get_email_verification_token`:
/// `POST /host/v1/email-verification-tokens/lookup`. Looks without using it up.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_get_email_verification_token(token: &str) -> Result<Token, Problem> {
    present("email-verification-tokens/lookup", token)
}

/// Operation `db_use_email_verification_token`: `POST /host/v1/email-verification-tokens/use`.
///
/// Of two concurrent uses one succeeds.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_use_email_verification_token(token: &str) -> Result<Token, Problem> {
    present("email-verification-tokens/use", token)
}

/// Operation `db_create_password_reset_token`: `POST /host/v1/password-reset-tokens`.
///
/// # Errors
/// `404 not-found` (no such user); `400 invalid-input`.
pub fn db_create_password_reset_token(
    user_id: &str,
    ttl_seconds: u32,
) -> Result<CreatedToken, Problem> {
    create("password-reset-tokens", user_id, ttl_seconds)
}

/// Operation `db_get_password_reset_token`: `POST /host/v1/password-reset-tokens/lookup`.
/// Looks without using it up.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_get_password_reset_token(token: &str) -> Result<Token, Problem> {
    present("password-reset-tokens/lookup", token)
}

/// Operation `db_use_password_reset_token`: `POST /host/v1/password-reset-tokens/use`.
///
/// Of two concurrent uses one succeeds.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_use_password_reset_token(token: &str) -> Result<Token, Problem> {
    present("password-reset-tokens/use", token)
}

/// Operation `db_cleanup_expired_tokens`: `POST /host/v1/tokens/cleanup`, of both kinds.
///
/// Answers how many there were.
///
/// # Errors
/// None of its own.
pub fn db_cleanup_expired_tokens() -> Result<u64, Problem> {
    call("POST", "tokens/cleanup", Some(json!({}))).map(|reply: Deleted| reply.deleted)
}

fn create(route: &str, user_id: &str, ttl_seconds: u32) -> Result<CreatedToken, Problem> {
    let body = json!({ "user_id": user_id, "ttl_seconds": ttl_seconds });
    call("POST", route, Some(body))
}

fn present(route: &str, token: &str) -> Result<Token, Problem> {
    call("POST", route, Some(json!({ "token": token })))
}
