//! The key store. Each plugin has its own.

use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{json, Value};

use crate::client::{call, call_without_reply, path_key, with_query};
use crate::{KvItem, KvListOptions, KvPage, KvSetOptions, KvStored, Problem};

/// Read its store.
///
/// Reads values that the plugin itself stored.
///
/// Operation `kv_get`: `GET /host/v1/kv/{key}`.
///
/// # Errors
/// `404 not-found` (no such key, or it has expired); status 502 if the value is not a `T`.
pub fn kv_get<T: DeserializeOwned>(key: &str) -> Result<KvItem<T>, Problem> {
    call("GET", &format!("kv/{}", path_key(key)?), None)
}

/// Write to its store.
///
/// Stores values under the plugin's own keys, up to a quota.
///
/// Operation `kv_set`: `PUT /host/v1/kv/{key}`. A key has 1 to 200 characters of
/// `A-Z a-z 0-9 . _ : -`, and must not be `.` or `..`. With
/// [`if_version`](KvSetOptions::if_version), only one of two concurrent changes succeeds.
///
/// # Errors
/// `412 version-mismatch` (`if_version` is not the current version; read it and try again);
/// `413 payload-too-large` (over 64 KiB of JSON); `409 quota-exceeded` (the plugin's store is
/// full); `400 invalid-input`.
pub fn kv_set<T: Serialize + ?Sized>(
    key: &str,
    value: &T,
    options: KvSetOptions,
) -> Result<KvStored, Problem> {
    let mut body = json!(options);
    body["value"] = as_json(value)?;
    call("PUT", &format!("kv/{}", path_key(key)?), Some(body))
}

/// Delete from its store.
///
/// Deletes values that the plugin itself stored.
///
/// Operation `kv_delete`: `DELETE /host/v1/kv/{key}`. With `if_version`, deletes only that
/// version.
///
/// # Errors
/// `404 not-found`; `412 version-mismatch` (`if_version` is not the current version).
pub fn kv_delete(key: &str, if_version: Option<u64>) -> Result<(), Problem> {
    let version = if_version.map(|version| version.to_string());
    let path = format!("kv/{}", path_key(key)?);
    let path = with_query(&path, &[("if_version", version.as_deref())]);
    call_without_reply("DELETE", &path, None)
}

/// List its store.
///
/// Lists the keys of the values that the plugin itself stored.
///
/// Operation `kv_list`: `GET /host/v1/kv`, one page at a time.
///
/// # Errors
/// `400 invalid-input`.
pub fn kv_list(options: KvListOptions<'_>) -> Result<KvPage, Problem> {
    let limit = options.limit.map(|limit| limit.to_string());
    let prefix = Some(options.prefix).filter(|prefix| !prefix.is_empty());
    let query = [
        ("prefix", prefix),
        ("limit", limit.as_deref()),
        ("cursor", options.cursor),
    ];
    call("GET", &with_query("kv", &query), None)
}

/// A type that JSON cannot represent is the plugin's mistake, which its caller cannot fix.
fn as_json<T: Serialize + ?Sized>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| {
        let detail = format!("JSON cannot represent the value: {error}.");
        Problem::new(500, "internal-error", "The value cannot be stored", detail)
    })
}
