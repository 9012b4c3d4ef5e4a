//! Each operation sends the request that the host API documents.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{json, Value};

use super::*;
use crate::testing::{answer_with, Request};
use crate::{found, NewUser, Password, Profile, NIL_UUID};

const ID: &str = "0b6f8f3e-3f0f-4a57-9d3b-6f8e5b1d2c3a";

fn user() -> Value {
    json!({"id": ID, "email": "alice@example.org", "name": "Alice", "profile": {},
           "email_verified": false, "is_active": true, "created_at": "2026-01-01T00:00:00Z",
           "password_hash": "$argon2id$secret", "later_member": 1})
}

fn token() -> Value {
    json!({"id": "t1", "token": "secret", "user_id": ID,
           "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
           "user": user()})
}

/// What `operation` sent, with the host answering `status` and `reply`.
fn sent<T>(status: u16, reply: Value, operation: impl FnOnce() -> T) -> (Request, T) {
    let seen = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&seen);
    answer_with(move |request| {
        *slot.borrow_mut() = Some(request);
        (status, reply.clone())
    });
    let result = operation();
    let request = seen.borrow_mut().take().expect("a request");
    (request, result)
}

fn check<T>(
    method: &str,
    path: &str,
    body: Value,
    reply: Value,
    operation: impl FnOnce() -> Result<T, crate::Problem>,
) -> T {
    let (request, result) = sent(200, reply, operation);
    let path = format!("/host/v1/{path}").replace("{id}", ID);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        (method, path.as_str())
    );
    assert_eq!(request.body, body, "{path}");
    result.unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

#[test]
fn user_operations() {
    let none = Value::Null;
    let new = |password| NewUser {
        email: "a@b.c",
        name: "A",
        password,
        profile: None,
    };
    check(
        "POST",
        "users",
        json!({"email": "a@b.c", "name": "A", "password": "pw"}),
        user(),
        || db_create_user(new(Password::Plain("pw"))),
    );
    check(
        "POST",
        "users",
        json!({"email": "a@b.c", "name": "A", "password_hash": "$a"}),
        user(),
        || db_create_user(new(Password::Hash("$a"))),
    );
    check(
        "GET",
        "users?email=a%2Bb%40c.d",
        none.clone(),
        user(),
        || db_get_user_by_email("a+b@c.d"),
    );
    check("GET", "users/{id}", none.clone(), user(), || {
        db_get_user_by_uuid(ID)
    });
    let body = json!({"password": "pw", "keep_session_id": "s1"});
    check("PUT", "users/{id}/password", body, none.clone(), || {
        db_update_user_password(ID, Password::Plain("pw"), Some("s1"))
    });
    check(
        "PUT",
        "users/{id}/email-verified",
        json!({"email_verified": true}),
        user(),
        || db_update_user_email_verified(ID, true),
    );
    check(
        "PATCH",
        "users/{id}/profile",
        json!({"profile": {}}),
        user(),
        || db_update_user_profile(ID, None, Some(&Profile::new())),
    );
    check("DELETE", "users/{id}", none, Value::Null, || {
        db_delete_user(ID)
    });
    let path = format!("users/{NIL_UUID}/password/verify");
    let valid = check(
        "POST",
        &path,
        json!({"password": "pw"}),
        json!({"valid": false}),
        || verify_password(NIL_UUID, "pw"),
    );
    assert!(!valid);
}

#[test]
fn session_operations() {
    let body = json!({"user_id": ID, "ttl_seconds": 60});
    check("POST", "sessions", body, token(), || {
        db_create_session(ID, 60)
    });
    let session = check(
        "POST",
        "sessions/lookup",
        json!({"token": "x"}),
        token(),
        || db_get_session("x"),
    );
    assert_eq!(session.user.name, "Alice");
    check("DELETE", "sessions/s-1", Value::Null, Value::Null, || {
        db_delete_session("s-1")
    });
    let deleted = json!({"deleted": 3});
    let count = check(
        "DELETE",
        "users/{id}/sessions",
        Value::Null,
        deleted.clone(),
        || db_delete_user_sessions(ID),
    );
    assert_eq!(count, 3);
    check(
        "POST",
        "sessions/cleanup",
        json!({}),
        deleted,
        db_cleanup_expired_sessions,
    );
}

#[test]
fn token_operations() {
    let create = json!({"user_id": ID, "ttl_seconds": 60});
    let present = json!({"token": "x"});
    check(
        "POST",
        "email-verification-tokens",
        create.clone(),
        token(),
        || db_create_email_verification_token(ID, 60),
    );
    check(
        "POST",
        "email-verification-tokens/lookup",
        present.clone(),
        token(),
        || db_get_email_verification_token("x"),
    );
    check(
        "POST",
        "email-verification-tokens/use",
        present.clone(),
        token(),
        || db_use_email_verification_token("x"),
    );
    check("POST", "password-reset-tokens", create, token(), || {
        db_create_password_reset_token(ID, 60)
    });
    check(
        "POST",
        "password-reset-tokens/lookup",
        present.clone(),
        token(),
        || db_get_password_reset_token("x"),
    );
    check(
        "POST",
        "password-reset-tokens/use",
        present,
        token(),
        || db_use_password_reset_token("x"),
    );
    check(
        "POST",
        "tokens/cleanup",
        json!({}),
        json!({"deleted": 0}),
        db_cleanup_expired_tokens,
    );
}

#[test]
fn a_password_hash_is_read_but_never_written_out() {
    let (_, user) = sent(200, user(), || db_get_user_by_uuid(ID));
    let user = user.unwrap();
    assert_eq!(user.password_hash.as_deref(), Some("$argon2id$secret"));
    assert!(!json!(user).to_string().contains("argon2id"));
}

#[test]
fn the_hosts_problem_is_passed_on() {
    let reply = json!({"type": "urn:hostbridge:problem:not-found", "title": "T", "status": 404, "detail": "D"});
    let (_, result) = sent(404, reply, || found(db_get_user_by_email("a@b.c")));
    assert!(result.unwrap().is_none());
    let (_, result) = sent(500, json!("oops"), || db_get_user_by_email("a@b.c"));
    assert_eq!(result.err().unwrap().status, 500);
}

#[test]
fn an_id_that_would_change_the_route_is_refused_before_any_request() {
    answer_with(|_| panic!("no request expected"));
    assert_eq!(
        db_delete_user("../sessions").unwrap_err().code,
        "invalid-input"
    );
}
