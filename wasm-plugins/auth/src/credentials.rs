//! Creates accounts, and verifies and changes passwords. The host hashes them, or this plugin does.
//!
//! Both ways, an unknown e-mail address takes as long and gets the same answer as a wrong password,
//! so that a failed log-in does not reveal whether the account exists.

use extism_pdk::warn;
use hostbridge_sdk::{
    found, operations, NewUser, Password, PasswordOptions, Problem, Session, User, NIL_UUID,
};

use crate::forms::{Claim, NewAccount, PasswordChange};
use crate::hashing;
use crate::settings::Hashing;

/// Creates the account. Passes on the host's problems, such as `email-taken` or a weak password.
pub fn create_user(account: &NewAccount<'_>, hashing: Hashing) -> Result<User, Problem> {
    with_password(account.password, hashing, |password| {
        operations::db_create_user(NewUser {
            email: account.email,
            name: account.name,
            password,
            profile: None,
        })
    })
}

/// Replaces the password. Passes on the host's problems, such as a weak password or a reset token
/// that is not valid.
pub fn set_password(
    user_id: &str,
    password: &str,
    hashing: Hashing,
    options: PasswordOptions<'_>,
) -> Result<(), Problem> {
    with_password(password, hashing, |password| {
        operations::db_update_user_password(user_id, password, options)
    })
}

/// Replaces the password of the session's user, who must know the current one, and ends the user's
/// other sessions.
pub fn change_password(
    session: &Session,
    change: &PasswordChange<'_>,
    hashing: Hashing,
) -> Result<(), Problem> {
    let is_correct = match hashing {
        Hashing::Host => operations::verify_password(&session.user_id, change.current)?,
        Hashing::Guest => verify_in_guest(Some(&session.user), change.current)?,
    };
    if !is_correct {
        let detail = "This is not your password.";
        return Err(Problem::invalid_input(detail).with_error("/current_password", detail));
    }
    let options = PasswordOptions {
        keep_session_id: Some(&session.id),
        ..PasswordOptions::default()
    };
    set_password(&session.user_id, change.new, hashing, options).map_err(|mut problem| {
        // The host names the field differently.
        for error in &mut problem.errors {
            if error.pointer == "/password" {
                error.pointer = "/new_password".into();
            }
        }
        problem
    })
}

/// Calls `send` with the password in the form that the host gets: plain or hashed.
fn with_password<T>(
    password: &str,
    hashing: Hashing,
    send: impl FnOnce(Password<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    match hashing {
        Hashing::Host => send(Password::Plain(password)),
        Hashing::Guest => send(Password::Hash(&hashing::hash(password)?)),
    }
}

/// Returns the user with these credentials, or fails with `401 invalid-credentials`.
pub fn verify(claim: &Claim<'_>, hashing: Hashing) -> Result<User, Problem> {
    let user = found(operations::db_get_user_by_email(claim.email))?;
    let valid = match hashing {
        Hashing::Host => {
            let id = user.as_ref().map_or(NIL_UUID, |user| &user.id);
            operations::verify_password(id, claim.password)?
        }
        Hashing::Guest => verify_in_guest(user.as_ref(), claim.password)?,
    };
    match user {
        Some(user) if valid && user.is_active => Ok(user),
        _ => Err(Problem::new(
            401,
            "invalid-credentials",
            "Wrong e-mail address or password",
            "No account has this e-mail address and password. Check both and try again.",
        )),
    }
}

fn verify_in_guest(user: Option<&User>, password: &str) -> Result<bool, Problem> {
    let Some(user) = user else {
        return Ok(hashing::verify_nobody(password));
    };
    let Some(hash) = user.password_hash.as_deref() else {
        return Err(Problem::new(
            403,
            "operation-not-granted",
            "The plugin may not read password hashes",
            "The setting hashing is \"guest\", which needs the permission read_password_hash. \
             An administrator can grant it, or set hashing to \"host\".",
        ));
    };
    match hashing::verify(password, hash) {
        Ok(valid) => Ok(valid),
        Err(refused) => {
            warn!("user {}: {refused}", user.id);
            Ok(hashing::verify_nobody(password))
        }
    }
}
