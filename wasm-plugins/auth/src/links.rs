//! Links in e-mails: one verifies the address of an account, the other resets its password.
//!
//! The answer to a request for a link does not reveal whether the account exists.

use extism_pdk::warn;
use hostbridge_sdk::{
    found, operations, CreatedToken, EmailTemplate, PasswordOptions, Problem, User,
};

use crate::credentials;
use crate::forms::NewPassword;
use crate::settings::Hashing;

const VERIFICATION_SECONDS: u32 = 24 * 3600;
const RESET_SECONDS: u32 = 3600;

/// Sends the link that verifies `email`, unless that is already done.
pub fn send_verification(email: &str) -> Result<(), Problem> {
    let Some(user) = recipient(email)?.filter(|user| !user.email_verified) else {
        return Ok(());
    };
    let token = operations::db_create_email_verification_token(&user.id, VERIFICATION_SECONDS)?;
    send(&user, EmailTemplate::VerifyEmail, &token)
}

/// Sends the link that lets the owner of `email` choose a new password.
pub fn send_reset(email: &str) -> Result<(), Problem> {
    let Some(user) = recipient(email)? else {
        return Ok(());
    };
    let token = operations::db_create_password_reset_token(&user.id, RESET_SECONDS)?;
    send(&user, EmailTemplate::ResetPassword, &token)
}

/// Marks the address of the link's account as verified, or fails with `400 token-invalid`.
pub fn verify_email(token: &str) -> Result<User, Problem> {
    let link = found(operations::db_use_email_verification_token(token))?.ok_or_else(invalid_link)?;
    operations::db_update_user_email_verified(&link.user_id, true)
}

/// Sets the password of the link's account, or fails with `400 token-invalid`. The link stays valid
/// if the password is refused.
pub fn reset_password(form: &NewPassword<'_>, hashing: Hashing) -> Result<(), Problem> {
    let link =
        found(operations::db_get_password_reset_token(form.token))?.ok_or_else(invalid_link)?;
    let options = PasswordOptions {
        reset_token: Some(form.token),
        ..PasswordOptions::default()
    };
    credentials::set_password(&link.user_id, form.password, hashing, options).map_err(
        |problem| {
            // The token was used just now by another request.
            let is_used = problem
                .errors
                .iter()
                .any(|error| error.pointer == "/reset_token");
            if is_used {
                invalid_link()
            } else {
                problem
            }
        },
    )?;
    // The link was sent to this address, so its holder can read messages there.
    operations::db_update_user_email_verified(&link.user_id, true).map(drop)
}

fn recipient(email: &str) -> Result<Option<User>, Problem> {
    Ok(found(operations::db_get_user_by_email(email))?.filter(|user| user.is_active))
}

fn send(user: &User, template: EmailTemplate, token: &CreatedToken) -> Result<(), Problem> {
    match operations::send_email(&user.id, template, &token.token) {
        // Reporting this would reveal that the account exists. Its owner already has several links.
        Err(problem) if problem.code == "rate-limited" => {
            warn!("user {}: {}", user.id, problem.detail);
            Ok(())
        }
        Err(problem) if problem.code == "email-not-sent" => Err(Problem::new(
            424,
            problem.code,
            problem.title,
            problem.detail,
        )),
        result => result,
    }
}

fn invalid_link() -> Problem {
    Problem::new(
        400,
        "token-invalid",
        "This link no longer works",
        "The link was already used, has expired or is incomplete. Request a new one.",
    )
}
