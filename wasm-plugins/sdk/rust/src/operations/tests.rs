//! Each operation sends the request that the host API documents.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{json, Value};

use super::*;
use crate::testing::{answer_with, Request};
use crate::{
    found, DeliveredTo, EmailTemplate, KvListOptions, KvSetOptions, Level, NewUser, Notification,
    Password, PasswordOptions, Profile, NIL_UUID,
};

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

/// The request that `operation` sends, and its result if the host answers `status` and `reply`.
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
        let options = PasswordOptions {
            keep_session_id: Some("s1"),
            ..PasswordOptions::default()
        };
        db_update_user_password(ID, Password::Plain("pw"), options)
    });
    let body = json!({"password_hash": "$argon2id$", "reset_token": "hbr_1"});
    check("PUT", "users/{id}/password", body, none.clone(), || {
        let options = PasswordOptions {
            reset_token: Some("hbr_1"),
            ..PasswordOptions::default()
        };
        db_update_user_password(ID, Password::Hash("$argon2id$"), options)
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
        Value::Null,
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
        Value::Null,
        json!({"deleted": 0}),
        db_cleanup_expired_tokens,
    );
}

#[test]
fn messages() {
    for (template, name) in [
        (EmailTemplate::VerifyEmail, "verify-email"),
        (EmailTemplate::ResetPassword, "reset-password"),
    ] {
        let body = json!({"user_id": ID, "template": name, "token": "x"});
        check("POST", "emails", body, json!({"sent": true}), || {
            send_email(ID, template, "x")
        });
    }
    let plain = Notification {
        title: "Hi",
        ..Notification::default()
    };
    let delivered = check(
        "POST",
        "notifications",
        json!({"title": "Hi", "level": "info"}),
        json!({"delivered_to": "watchers"}),
        || notify(plain),
    );
    assert_eq!(delivered, DeliveredTo::Watchers);
    let full = Notification {
        body: Some("There"),
        level: Level::Warning,
        user_id: Some(ID),
        ..plain
    };
    let delivered = check(
        "POST",
        "notifications",
        json!({"title": "Hi", "body": "There", "level": "warning", "user_id": ID}),
        json!({"delivered_to": "user"}),
        || notify(full),
    );
    assert_eq!(delivered, DeliveredTo::User);
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Counter {
    count: u32,
}

#[test]
fn key_store_operations() {
    let none = Value::Null;
    let stored = json!({"key": "a:b", "version": 7, "expires_at": null});
    let mut item = stored.clone();
    item["value"] = json!({"count": 3});
    let found = check("GET", "kv/a:b", none.clone(), item, || {
        kv_get::<Counter>("a:b")
    });
    assert_eq!((found.value, found.version), (Counter { count: 3 }, 7));
    let after = check(
        "PUT",
        "kv/a:b",
        json!({"value": {"count": 3}}),
        stored.clone(),
        || kv_set("a:b", &Counter { count: 3 }, KvSetOptions::default()),
    );
    assert_eq!((after.version, after.expires_at), (7, None));
    let options = KvSetOptions {
        ttl_seconds: Some(60),
        if_version: Some(0),
    };
    let body = json!({"value": "x", "ttl_seconds": 60, "if_version": 0});
    check("PUT", "kv/a:b", body, stored, || {
        kv_set("a:b", "x", options)
    });
    check("DELETE", "kv/a:b", none.clone(), none.clone(), || {
        kv_delete("a:b", None)
    });
    check(
        "DELETE",
        "kv/a:b?if_version=7",
        none.clone(),
        none.clone(),
        || kv_delete("a:b", Some(7)),
    );
    let empty = json!({"items": [], "next_cursor": null});
    check("GET", "kv", none.clone(), empty, || {
        kv_list(KvListOptions::default())
    });
    let page = json!({"items": [{"key": "a:b", "version": 7, "size_bytes": 9,
                                 "expires_at": "2026-01-01T00:00:00Z"}], "next_cursor": "a:b"});
    let options = KvListOptions {
        prefix: "a:",
        limit: Some(1),
        cursor: Some("a:a"),
    };
    let path = "kv?prefix=a%3A&limit=1&cursor=a%3Aa";
    let page = check("GET", path, none, page, || kv_list(options));
    assert_eq!(page.items[0].size_bytes, 9);
    assert_eq!(page.next_cursor.as_deref(), Some("a:b"));
}

#[test]
fn a_stored_value_of_another_type_is_an_error_and_not_a_panic() {
    let item = json!({"key": "k", "value": "text", "version": 1, "expires_at": null});
    let (_, result) = sent(200, item, || kv_get::<Counter>("k"));
    let problem = result.unwrap_err();
    assert_eq!(problem.status, 502);
    assert!(!problem.detail.contains("text"));
}

#[test]
fn a_stored_null_is_a_value() {
    let item = json!({"key": "k", "value": null, "version": 1, "expires_at": null});
    let (_, result) = sent(200, item, || kv_get::<Option<Counter>>("k"));
    assert_eq!(result.unwrap().value, None);
}

#[test]
fn a_value_that_json_cannot_represent_is_refused_before_any_request() {
    answer_with(|_| panic!("no request expected"));
    let value = std::collections::HashMap::from([([1, 2], "x")]);
    let problem = kv_set("k", &value, KvSetOptions::default()).unwrap_err();
    assert!(problem.detail.contains("JSON cannot represent"));
}

#[test]
fn a_version_mismatch_is_passed_on() {
    let reply = json!({"type": "urn:hostbridge:problem:version-mismatch", "title": "T",
                       "status": 412, "detail": "D", "version": 8});
    let (_, result) = sent(412, reply, || kv_delete("k", Some(7)));
    assert_eq!(result.unwrap_err().code, "version-mismatch");
}

#[test]
fn a_password_hash_is_read_but_never_serialised() {
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
fn an_id_or_key_that_would_change_the_route_is_refused_before_any_request() {
    answer_with(|_| panic!("no request expected"));
    for problem in [
        kv_get::<Value>("..").unwrap_err(),
        kv_set("a/b", &1, KvSetOptions::default()).unwrap_err(),
        kv_delete("a?if_version=1", None).unwrap_err(),
    ] {
        assert_eq!(problem.code, "invalid-input");
    }
    assert_eq!(
        db_delete_user("../sessions").unwrap_err().code,
        "invalid-input"
    );
}
