//! The plugin's key store.

use serde::{Deserialize, Serialize};

/// A stored value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KvItem<T> {
    /// Its key.
    pub key: String,
    /// The value, decoded.
    pub value: T,
    /// Changes with every write. Pass it as [`KvSetOptions::if_version`].
    pub version: u64,
    /// ISO 8601; `None` for a value that does not expire.
    pub expires_at: Option<String>,
}

/// How to store a value. The default overwrites any value and never expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KvSetOptions {
    /// Seconds until the value expires, 1 to 31,536,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    /// Store only if this is the current version; 0 means only if the key does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// The result of storing a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvStored {
    /// Its key.
    pub key: String,
    /// The new version.
    pub version: u64,
    /// ISO 8601; `None` for a value that does not expire.
    pub expires_at: Option<String>,
}

/// Which keys to list. The default is the first page of all keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KvListOptions<'a> {
    /// The prefix of the keys; empty for all keys.
    pub prefix: &'a str,
    /// The most keys to return, 1 to 100. For `None` the host returns up to 50.
    pub limit: Option<u32>,
    /// [`KvPage::next_cursor`] of the previous page.
    pub cursor: Option<&'a str>,
}

/// A page of keys, without their values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvPage {
    /// The keys.
    pub items: Vec<KvEntry>,
    /// The cursor of the next page; `None` on the last one.
    pub next_cursor: Option<String>,
}

/// One key of a [`KvPage`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvEntry {
    /// The key.
    pub key: String,
    /// The current version.
    pub version: u64,
    /// Its share of the plugin's quota, in bytes.
    pub size_bytes: u64,
    /// ISO 8601; `None` for a value that does not expire.
    pub expires_at: Option<String>,
}
