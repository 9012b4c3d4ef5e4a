//! Sign-up, log-in and sessions: authentication as a sandboxed, replaceable plugin.
//!
//! Users and sessions live in the host; this plugin decides who gets one. Passwords are hashed
//! by the host or, with the setting `hashing` = `guest`, in here (see [`credentials`]).

mod credentials;
mod forms;
mod hashing;
mod replies;
mod settings;

use extism_pdk::{plugin_fn, FnResult, Json};
use hostbridge_sdk::{found, operations, Input, Problem, Session};

use forms::{Login, Signup, TokenForm};
use replies::{Ended, LoggedIn, SessionSummary, SignedUp, Verified};
use settings::Settings;

#[plugin_fn]
pub fn signup(Input(form): Input<Signup>) -> FnResult<Json<SignedUp>> {
    let settings = Settings::read()?;
    let user = credentials::create_user(&form.checked()?, settings.hashing)?;
    Ok(Json(SignedUp { user }))
}

#[plugin_fn]
pub fn login(Input(form): Input<Login>) -> FnResult<Json<LoggedIn>> {
    let settings = Settings::read()?;
    let user = credentials::verify(&form.checked()?, settings.hashing)?;
    // Always a new session, so that a token planted before the log-in is worth nothing after it.
    let session = operations::db_create_session(&user.id, settings.session_ttl_seconds)?;
    Ok(Json(LoggedIn {
        user,
        session: session.into(),
    }))
}

#[plugin_fn]
pub fn verify_session(Input(form): Input<TokenForm>) -> FnResult<Json<Verified>> {
    let session = live_session(&form)?;
    Ok(Json(Verified {
        session: SessionSummary::from(&session),
        user: session.user,
    }))
}

#[plugin_fn]
pub fn logout(Input(form): Input<TokenForm>) -> FnResult<Json<Ended>> {
    let session = live_session(&form)?;
    // Another log-out may have come in between: the session is gone, which is what was asked.
    found(operations::db_delete_session(&session.id))?;
    Ok(Json(Ended { ok: true }))
}

fn live_session(form: &TokenForm) -> Result<Session, Problem> {
    let session = found(operations::db_get_session(form.checked()?))?;
    session.ok_or_else(|| {
        Problem::new(
            401,
            "session-expired",
            "The session has ended",
            "This session is unknown or has ended. Log in again.",
        )
    })
}
