//! Log-in sessions.

use serde_json::json;

use super::Deleted;
use crate::client::{call, call_without_reply, path_id};
use crate::{CreatedSession, Problem, Session};

/// Log people in.
///
/// Starts a session for any account, even an administrator's. Authentication plugins need this.
///
/// Operation `db_create_session`: `POST /host/v1/sessions`. `ttl_seconds` is 60 to 2,592,000.
///
/// # Errors
/// `404 not-found` (no such user); `409 user-disabled`; `400 invalid-input`.
pub fn db_create_session(user_id: &str, ttl_seconds: u32) -> Result<CreatedSession, Problem> {
    let body = json!({ "user_id": user_id, "ttl_seconds": ttl_seconds });
    call("POST", "sessions", Some(body))
}

/// Look up sessions.
///
/// Finds the account that a session token belongs to.
///
/// Operation `db_get_session`: `POST /host/v1/sessions/lookup`.
///
/// # Errors
/// `404 not-found` (unknown or expired token, or its user is disabled).
pub fn db_get_session(token: &str) -> Result<Session, Problem> {
    call("POST", "sessions/lookup", Some(json!({ "token": token })))
}

/// End a session.
///
/// Logs a person out of a session whose ID the plugin knows.
///
/// Operation `db_delete_session`: `DELETE /host/v1/sessions/{id}`.
///
/// # Errors
/// `404 not-found`.
pub fn db_delete_session(session_id: &str) -> Result<(), Problem> {
    let path = format!("sessions/{}", path_id(session_id)?);
    call_without_reply("DELETE", &path, None)
}

/// End all sessions of a person.
///
/// Logs a person out everywhere.
///
/// Operation `db_delete_user_sessions`: `DELETE /host/v1/users/{uuid}/sessions`.
///
/// Returns the number of deleted sessions.
///
/// # Errors
/// `404 not-found`.
pub fn db_delete_user_sessions(user_id: &str) -> Result<u64, Problem> {
    let path = format!("users/{}/sessions", path_id(user_id)?);
    call("DELETE", &path, None).map(|reply: Deleted| reply.deleted)
}

/// Remove expired sessions.
///
/// Deletes sessions that have expired.
///
/// Operation `db_cleanup_expired_sessions`: `POST /host/v1/sessions/cleanup`.
///
/// Returns the number of deleted sessions.
///
/// # Errors
/// None specific to this operation.
pub fn db_cleanup_expired_sessions() -> Result<u64, Problem> {
    call("POST", "sessions/cleanup", None).map(|reply: Deleted| reply.deleted)
}
