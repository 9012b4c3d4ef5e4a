//! Argon2id inside the sandbox, with the parameters of the host's own hasher (OWASP's first
//! choice: 19 MiB, two passes, one lane). Host and plugin can verify each other's PHC strings.

use std::fmt;
use std::ops::RangeInclusive;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use hostbridge_sdk::Problem;

/// The parameters of new hashes: `m=19456,t=2,p=1`, 32 bytes out, and 16 random bytes of salt.
const PARAMS: Params = Params::DEFAULT;

/// The parameters that this plugin accepts. Weaker hashes cannot be trusted; costlier ones exceed
/// its memory and time, and a stored string must not decide how much of either a log-in takes.
const MEMORY_KIB: RangeInclusive<u32> = 7 * 1024..=46 * 1024;
const PASSES: RangeInclusive<u32> = 1..=10;
const LANES: RangeInclusive<u32> = 1..=4;
const SALT_BYTES: RangeInclusive<usize> = 8..=64;
const OUTPUT_BYTES: RangeInclusive<usize> = 16..=64;

/// A hash that no password matches, at the cost of [`PARAMS`].
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
                      bm9ib2R5LW5vYm9keS0wMA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a stored hash was not verified.
#[derive(Debug)]
pub struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stored password hash is refused: {}", self.0)
    }
}

/// Hashes a new password with a random salt and returns the PHC string.
pub fn hash(password: &str) -> Result<String, Problem> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Problem::misconfigured(format!("The password cannot be hashed: {error}.")))
}

/// Whether `password` matches the PHC string `stored`. Compares in constant time.
pub fn verify(password: &str, stored: &str) -> Result<bool, Refused> {
    let stored = PasswordHash::new(stored).map_err(|_| Refused("it is not a PHC string"))?;
    check(&stored)?;
    // This uses the parameters of the stored hash, which were checked above.
    Ok(Argon2::default()
        .verify_password(password.as_bytes(), &stored)
        .is_ok())
}

/// Does the work of [`verify`] for an account that does not exist: always false.
pub fn verify_nobody(password: &str) -> bool {
    // Ignore the result: the log-in must fail whatever the hash says.
    let _ = std::hint::black_box(verify(password, NOBODY));
    false
}

fn check(hash: &PasswordHash) -> Result<(), Refused> {
    if hash.algorithm != Algorithm::Argon2id.ident() || hash.version != Some(Version::V0x13.into())
    {
        return Err(Refused("it is not Argon2id version 19"));
    }
    let params = Params::try_from(hash).map_err(|_| Refused("its parameters are invalid"))?;
    if !MEMORY_KIB.contains(&params.m_cost())
        || !PASSES.contains(&params.t_cost())
        || !LANES.contains(&params.p_cost())
    {
        return Err(Refused("its parameters are out of range"));
    }
    let salt_bytes = hash.salt.as_ref().map_or(0, |salt| salt.len());
    let output_bytes = hash.hash.as_ref().map_or(0, |output| output.len());
    if !SALT_BYTES.contains(&salt_bytes) || !OUTPUT_BYTES.contains(&output_bytes) {
        return Err(Refused("the length of its salt or output is out of range"));
    }
    Ok(())
}
