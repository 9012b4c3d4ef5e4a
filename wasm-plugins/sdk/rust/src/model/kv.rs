//! The plugin's key store.

use serde::{Deserialize, Serialize};

/// A stored value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KvItem<T> {
    /// Its key.
    pub key: String,
    /// The value, decoded.
    pub value: T,
    /// Another one after every change; pass it as [`KvSetOptions::if_version`].
    pub version: u64,
    /// ISO 8601; `None` for a value that stays until it is deleted.
    pub expires_at: Option<String>,
}

/// How to store a value; the default stores it for good, whatever was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KvSetOptions {
    /// After how many seconds the value is gone, 1 to 31,536,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    /// Store only if this version is there now; 0 means: only if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvStored {
    /// Its key.
    pub key: String,
    /// The new version.
    pub version: u64,
    /// ISO 8601; `None` for a value that stays until it is deleted.
    pub expires_at: Option<String>,
}

/// Which keys to list; the default lists the first ones of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KvListOptions<'a> {
    /// What the keys begin with; empty for all.
    pub prefix: &'a str,
    /// How many at most, 1 to 100; the host gives up to 50 when this is `None`.
    pub limit: Option<u32>,
    /// [`KvPage::next_cursor`] of the page before.
    pub cursor: Option<&'a str>,
}

/// Some keys, without their values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvPage {
    /// The keys.
    pub items: Vec<KvEntry>,
    /// Gets the next page; `None` on the last one.
    pub next_cursor: Option<String>,
}

/// One key of a [`KvPage`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvEntry {
    /// The key.
    pub key: String,
    /// The version stored now.
    pub version: u64,
    /// What it takes of the plugin's quota.
    pub size_bytes: u64,
    /// ISO 8601; `None` for a value that stays until it is deleted.
    pub expires_at: Option<String>,
}
