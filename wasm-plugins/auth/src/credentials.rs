//! Makes accounts and verifies passwords, on the host or in here.
//!
//! Both ways an unknown e-mail address costs the same work and gets the same answer as a wrong
//! password, so that a failed log-in does not tell whether the account exists.

use extism_pdk::warn;
use hostbridge_sdk::{found, operations, NewUser, Password, Problem, User, NIL_UUID};

use crate::forms::{Claim, NewAccount};
use crate::hashing;
use crate::settings::Hashing;

/// Creates the account; the host's problems (`email-taken`, a weak password) are passed on.
pub fn create_user(account: &NewAccount<'_>, hashing: Hashing) -> Result<User, Problem> {
    let hash;
    let password = match hashing {
        Hashing::Host => Password::Plain(account.password),
        Hashing::Guest => {
            hash = hashing::hash(account.password)?;
            Password::Hash(&hash)
        }
    };
    operations::db_create_user(NewUser {
        email: account.email,
        name: account.name,
        password,
        profile: None,
    })
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
