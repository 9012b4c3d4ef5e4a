//! The output of the functions. A [`User`] never serialises its password hash.

use hostbridge_sdk::{CreatedSession, Session, User};
use serde::Serialize;

#[derive(Serialize)]
pub struct Account {
    pub user: User,
}

#[derive(Serialize)]
pub struct LoggedIn {
    pub user: User,
    pub session: NewSession,
}

#[derive(Serialize)]
pub struct Verified {
    pub user: User,
    pub session: SessionSummary,
}

#[derive(Serialize)]
pub struct Done {
    ok: bool,
}

/// The answer of functions that have no other output.
pub const DONE: Done = Done { ok: true };

/// The only reply with the token of the session.
#[derive(Serialize)]
pub struct NewSession {
    id: String,
    token: String,
    expires_at: String,
}

impl From<CreatedSession> for NewSession {
    fn from(session: CreatedSession) -> Self {
        Self {
            id: session.id,
            token: session.token,
            expires_at: session.expires_at,
        }
    }
}

#[derive(Serialize)]
pub struct SessionSummary {
    id: String,
    expires_at: String,
}

impl From<&Session> for SessionSummary {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            expires_at: session.expires_at.clone(),
        }
    }
}
