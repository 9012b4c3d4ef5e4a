//! The plugin's settings, which the administrator chose.

use hostbridge_sdk::{settings, Problem};

const DEFAULT_TTL_SECONDS: u32 = 14 * 24 * 3600;
/// The host's own limits for a session.
const TTL_SECONDS: std::ops::RangeInclusive<u32> = 60..=30 * 24 * 3600;

/// Where passwords are hashed and verified.
#[derive(Clone, Copy)]
pub enum Hashing {
    Host,
    Guest,
}

pub struct Settings {
    pub hashing: Hashing,
    pub session_ttl_seconds: u32,
}

impl Settings {
    /// Fails if a setting is invalid. The administrator finds the message in the history.
    pub fn read() -> Result<Self, Problem> {
        let hashing = match settings::text("hashing").as_deref() {
            None | Some("host") => Hashing::Host,
            Some("guest") => Hashing::Guest,
            Some(other) => {
                return Err(Problem::misconfigured(format!(
                    "The setting hashing must be \"host\" or \"guest\"; it is {other:?}."
                )))
            }
        };
        Ok(Self {
            hashing,
            session_ttl_seconds: settings::number(
                "session_ttl_seconds",
                DEFAULT_TTL_SECONDS,
                TTL_SECONDS,
            )?,
        })
    }
}
