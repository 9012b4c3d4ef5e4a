//! Makes accounts, verifies passwords and changes them, on the host or in here.
//!
//! Both ways an unknown e-mail address costs the same work and gets the same answer as a wrong
//! password, so that a failed log-in does not tell whether the account exists.

use extism_pdk::warn;
use hostbridge_sdk::{
    found, operations, NewUser, Password, PasswordOptions, Problem, Session, User, NIL_UUID,
};

use crate::forms::{Claim, NewAccount, PasswordChange};
use crate::hashing;
use crate::settings::Hashing;

/// Creates the account; the host's problems (`email-taken`, a weak password) are passed on.
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

/// Replaces the password; the host's problems (a weak one, a reset token that is no good) are passed on.
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

/// Replaces the password of the session's user, who knows the current one; the other sessions end.
pub fn change_password(
    session: &Session,
    change: &PasswordChange<'_>,
    hashing: Hashing,
) -> Result<(), Problem> {
    let known = match hashing {
        Hashing::Host => operations::verify_password(&session.user_id, change.current)?,
        Hashing::Guest => verify_here(Some(&session.user), change.current)?,
    };
    if !known {
        let detail = "This is not your password.";
        return Err(Problem::invalid_input(detail).with_error("/current_password", detail));
    }
    let options = PasswordOptions {
        keep_session_id: Some(&session.id),
        ..PasswordOptions::default()
    };
    set_password(&session.user_id, change.new, hashing, options).map_err(|mut problem| {
        // The host's name of the field; here it has another.
        for error in &mut problem.errors {
            if error.pointer == "/password" {
                error.pointer = "/new_password".into();
            }
        }
        problem
    })
}

/// Hands `send` the password as the host is to have it: as it is, or hashed.
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

/// The user whose credentials these are, or `401 invalid-credentials`.
pub fn verify(claim: &Claim<'_>, hashing: Hashing) -> Result<User, Problem> {
    let user = found(operations::db_get_user_by_email(claim.email))?;
    let valid = match hashing {
        Hashing::Host => {
            let id = user.as_ref().map_or(NIL_UUID, |user| &user.id);
            operations::verify_password(id, claim.password)?
        }
        Hashing::Guest => verify_here(user.as_ref(), claim.password)?,
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

fn verify_here(user: Option<&User>, password: &str) -> Result<bool, Problem> {
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
