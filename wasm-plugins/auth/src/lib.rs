//! Authentication as a sandboxed, replaceable plugin: sign-up, log-in, sessions, e-mail
//! verification and passwords.
//!
//! The host stores users and sessions; this plugin decides who gets a session. The host hashes
//! passwords or, with the setting `hashing` = `guest`, this plugin does (see [`credentials`]).

mod credentials;
mod forms;
mod hashing;
mod links;
mod replies;
mod settings;

use extism_pdk::{plugin_fn, FnResult, Json};
use hostbridge_sdk::{found, operations, Input, Problem, Session};

use forms::{ChangePassword, EmailForm, Login, ResetPassword, Signup, TokenForm};
use replies::{Account, Done, LoggedIn, SessionSummary, Verified, DONE};
use settings::Settings;

#[plugin_fn]
pub fn signup(Input(form): Input<Signup>) -> FnResult<Json<Account>> {
    let settings = Settings::read()?;
    let user = credentials::create_user(&form.checked()?, settings.hashing)?;
    Ok(Json(Account { user }))
}

#[plugin_fn]
pub fn login(Input(form): Input<Login>) -> FnResult<Json<LoggedIn>> {
    let settings = Settings::read()?;
    let user = credentials::verify(&form.checked()?, settings.hashing)?;
    // Always create a new session, so that a token planted before the log-in is worthless.
    let session = operations::db_create_session(&user.id, settings.session_ttl_seconds)?;
    Ok(Json(LoggedIn {
        user,
        session: session.into(),
    }))
}

#[plugin_fn]
pub fn verify_session(Input(form): Input<TokenForm>) -> FnResult<Json<Verified>> {
    let session = live_session(form.checked()?)?;
    Ok(Json(Verified {
        session: SessionSummary::from(&session),
        user: session.user,
    }))
}

#[plugin_fn]
pub fn logout(Input(form): Input<TokenForm>) -> FnResult<Json<Done>> {
    let session = live_session(form.checked()?)?;
    // A concurrent log-out may have deleted the session already, which is just as good.
    found(operations::db_delete_session(&session.id))?;
    Ok(Json(DONE))
}

#[plugin_fn]
pub fn request_email_verification(Input(form): Input<EmailForm>) -> FnResult<Json<Done>> {
    links::send_verification(form.checked()?)?;
    Ok(Json(DONE))
}

#[plugin_fn]
pub fn verify_email(Input(form): Input<TokenForm>) -> FnResult<Json<Account>> {
    let user = links::verify_email(form.checked()?)?;
    Ok(Json(Account { user }))
}

#[plugin_fn]
pub fn request_password_reset(Input(form): Input<EmailForm>) -> FnResult<Json<Done>> {
    links::send_reset(form.checked()?)?;
    Ok(Json(DONE))
}

#[plugin_fn]
pub fn reset_password(Input(form): Input<ResetPassword>) -> FnResult<Json<Done>> {
    let settings = Settings::read()?;
    links::reset_password(&form.checked()?, settings.hashing)?;
    Ok(Json(DONE))
}

#[plugin_fn]
pub fn change_password(Input(form): Input<ChangePassword>) -> FnResult<Json<Done>> {
    let settings = Settings::read()?;
    let change = form.checked()?;
    let session = live_session(change.token)?;
    credentials::change_password(&session, &change, settings.hashing)?;
    Ok(Json(DONE))
}

fn live_session(token: &str) -> Result<Session, Problem> {
    let session = found(operations::db_get_session(token))?;
    session.ok_or_else(|| {
        Problem::new(
            401,
            "session-expired",
            "The session has ended",
            "This session is unknown or has ended. Log in again.",
        )
    })
}
