//! Links by e-mail: one proves that an address is its account's, the other lets its owner choose a new password.
//!
//! Asking for one gets the same answer whether there is such an account or not.

use extism_pdk::warn;
use hostbridge_sdk::{
    found, operations, CreatedToken, EmailTemplate, PasswordOptions, Problem, User,
};

use crate::credentials;
use crate::forms::NewPassword;
use crate::settings::Hashing;

const VERIFICATION_SECONDS: u32 = 24 * 3600;
const RESET_SECONDS: u32 = 3600;

/// Sends the link with which the owner of `email` confirms it, if that is still to be done.
pub fn send_verification(email: &str) -> Result<(), Problem> {
    let Some(user) = recipient(email)?.filter(|user| !user.email_verified) else {
        return Ok(());
    };
    let token = operations::db_create_email_verification_token(&user.id, VERIFICATION_SECONDS)?;
    send(&user, EmailTemplate::VerifyEmail, &token)
}

/// Sends the link with which the owner of `email` chooses a new password.
pub fn send_reset(email: &str) -> Result<(), Problem> {
    let Some(user) = recipient(email)? else {
        return Ok(());
    };
    let token = operations::db_create_password_reset_token(&user.id, RESET_SECONDS)?;
    send(&user, EmailTemplate::ResetPassword, &token)
}

/// Confirms the address of the link's account, or `400 token-invalid`.
pub fn verify_email(token: &str) -> Result<User, Problem> {
    let link = found(operations::db_use_email_verification_token(token))?.ok_or_else(dead)?;
    operations::db_update_user_email_verified(&link.user_id, true)
}

/// Sets the password of the link's account, or `400 token-invalid`. A refused password leaves the
/// link good.
pub fn reset_password(form: &NewPassword<'_>, hashing: Hashing) -> Result<(), Problem> {
    let link = found(operations::db_get_password_reset_token(form.token))?.ok_or_else(dead)?;
    let options = PasswordOptions {
        reset_token: Some(form.token),
        ..PasswordOptions::default()
    };
    credentials::set_password(&link.user_id, form.password, hashing, options).map_err(
        |problem| {
            // Somebody else used it just now.
            let is_dead = problem
                .errors
                .iter()
                .any(|error| error.pointer == "/reset_token");
            if is_dead {
                dead()
            } else {
                problem
            }
        },
    )?;
    // The link went to this address, and whoever has it read it there.
    operations::db_update_user_email_verified(&link.user_id, true).map(drop)
}

fn recipient(email: &str) -> Result<Option<User>, Problem> {
    Ok(found(operations::db_get_user_by_email(email))?.filter(|user| user.is_active))
}

fn send(user: &User, template: EmailTemplate, token: &CreatedToken) -> Result<(), Problem> {
    match operations::send_email(&user.id, template, &token.token) {
        // To say so would tell that there is an account. This person has several links already.
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

fn dead() -> Problem {
    Problem::new(
        400,
        "token-invalid",
        "This link no longer works",
        "It was used already, has expired or is incomplete. Ask for a new one.",
    )
}
