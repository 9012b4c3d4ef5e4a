//! E-mail-verification and password-reset tokens. Each expires and can be used once.

use serde_json::json;

use super::Deleted;
use crate::client::call;
use crate::{CreatedToken, Problem, Token};

/// Create e-mail verification tokens.
///
/// Creates tokens that let people prove that an e-mail address is theirs.
///
/// Operation `db_create_email_verification_token`: `POST /host/v1/email-verification-tokens`.
/// `ttl_seconds` is 60 to 2,592,000.
///
/// # Errors
/// `404 not-found` (no such user); `409 user-disabled`; `400 invalid-input`.
pub fn db_create_email_verification_token(
    user_id: &str,
    ttl_seconds: u32,
) -> Result<CreatedToken, Problem> {
    create("email-verification-tokens", user_id, ttl_seconds)
}

/// Look up e-mail verification tokens.
///
/// Finds the account that a verification token belongs to. The token stays valid.
///
/// Operation `db_get_email_verification_token`:
/// `POST /host/v1/email-verification-tokens/lookup`.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_get_email_verification_token(token: &str) -> Result<Token, Problem> {
    present("email-verification-tokens/lookup", token)
}

/// Use e-mail verification tokens.
///
/// Uses up a verification token. Marking the address as verified is another permission.
///
/// Operation `db_use_email_verification_token`: `POST /host/v1/email-verification-tokens/use`.
///
/// Only one of two concurrent uses succeeds.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_use_email_verification_token(token: &str) -> Result<Token, Problem> {
    present("email-verification-tokens/use", token)
}

/// Create password reset tokens.
///
/// Creates tokens that can reset the password of any account, and sees them.
///
/// Operation `db_create_password_reset_token`: `POST /host/v1/password-reset-tokens`.
/// `ttl_seconds` is 60 to 2,592,000.
///
/// # Errors
/// `404 not-found` (no such user); `409 user-disabled`; `400 invalid-input`.
pub fn db_create_password_reset_token(
    user_id: &str,
    ttl_seconds: u32,
) -> Result<CreatedToken, Problem> {
    create("password-reset-tokens", user_id, ttl_seconds)
}

/// Look up password reset tokens.
///
/// Finds the account that a reset token belongs to. The token stays valid.
///
/// Operation `db_get_password_reset_token`: `POST /host/v1/password-reset-tokens/lookup`.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_get_password_reset_token(token: &str) -> Result<Token, Problem> {
    present("password-reset-tokens/lookup", token)
}

/// Use password reset tokens.
///
/// Uses up a reset token. Changing the password is another permission.
///
/// Operation `db_use_password_reset_token`: `POST /host/v1/password-reset-tokens/use`.
///
/// Only one of two concurrent uses succeeds.
///
/// # Errors
/// `404 not-found` (unknown, used or expired).
pub fn db_use_password_reset_token(token: &str) -> Result<Token, Problem> {
    present("password-reset-tokens/use", token)
}

/// Remove expired tokens.
///
/// Deletes verification and reset tokens that have expired.
///
/// Operation `db_cleanup_expired_tokens`: `POST /host/v1/tokens/cleanup`, for both kinds.
///
/// Returns the number of deleted tokens.
///
/// # Errors
/// None specific to this operation.
pub fn db_cleanup_expired_tokens() -> Result<u64, Problem> {
    call("POST", "tokens/cleanup", None).map(|reply: Deleted| reply.deleted)
}

fn create(route: &str, user_id: &str, ttl_seconds: u32) -> Result<CreatedToken, Problem> {
    let body = json!({ "user_id": user_id, "ttl_seconds": ttl_seconds });
    call("POST", route, Some(body))
}

fn present(route: &str, token: &str) -> Result<Token, Problem> {
    call("POST", route, Some(json!({ "token": token })))
}
