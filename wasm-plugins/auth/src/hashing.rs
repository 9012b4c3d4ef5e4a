//! Argon2id inside the sandbox, with the parameters of the host's own hasher (OWASP's first
//! choice: 19 MiB, two passes, one lane), as PHC strings that either side verifies.

use std::fmt;
use std::ops::RangeInclusive;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use hostbridge_sdk::Problem;

/// What this plugin makes: `m=19456,t=2,p=1`, 32 bytes out, and 16 random bytes of salt.
const PARAMS: Params = Params::DEFAULT;

/// What this plugin accepts. Below: too weak to trust; above: more than its own memory and time
/// allow, since a stored string must not decide how much of either a log-in takes.
const MEMORY_KIB: RangeInclusive<u32> = 7 * 1024..=46 * 1024;
const PASSES: RangeInclusive<u32> = 1..=10;
const LANES: RangeInclusive<u32> = 1..=4;
const SALT_BYTES: RangeInclusive<usize> = 8..=64;
const OUTPUT_BYTES: RangeInclusive<usize> = 16..=64;

/// Nobody's password, at the cost of [`PARAMS`].
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
                      bm9ib2R5LW5vYm9keS0wMA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a stored hash is not even tried.
#[derive(Debug)]
pub struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stored password hash is refused: {}", self.0)
    }
}

/// Hashes a new password with a random salt; the PHC string.
pub fn hash(password: &str) -> Result<String, Problem> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Problem::misconfigured(format!("The password cannot be hashed: {error}.")))
}

/// Whether `password` is the one behind the PHC string `stored`; compared in constant time.
pub fn verify(password: &str, stored: &str) -> Result<bool, Refused> {
    let stored = PasswordHash::new(stored).map_err(|_| Refused("it is no PHC string"))?;
    check(&stored)?;
    // The parameters are those of the stored hash, checked above.
    Ok(Argon2::default()
        .verify_password(password.as_bytes(), &stored)
        .is_ok())
}

/// Does the work of [`verify`] for an account that does not exist: always false.
pub fn verify_nobody(password: &str) -> bool {
    // The result is kept out of the answer: nobody logs in as nobody, whatever the hash says.
    let _ = std::hint::black_box(verify(password, NOBODY));
    false
}

fn check(hash: &PasswordHash) -> Result<(), Refused> {
    if hash.algorithm != Algorithm::Argon2id.ident() || hash.version != Some(Version::V0x13.into())
    {
        return Err(Refused("it is not Argon2id version 19"));
    }
    let params = Params::try_from(hash).map_err(|_| Refused("its parameters make no sense"))?;
    if !MEMORY_KIB.contains(&params.m_cost())
        || !PASSES.contains(&params.t_cost())
        || !LANES.contains(&params.p_cost())
    {
        return Err(Refused("its parameters are out of range"));
    }
    let salt_bytes = hash.salt.as_ref().map_or(0, |salt| salt.len());
    let output_bytes = hash.hash.as_ref().map_or(0, |output| output.len());
    if !SALT_BYTES.contains(&salt_bytes) || !OUTPUT_BYTES.contains(&output_bytes) {
        return Err(Refused("its salt or its output has an odd length"));
    }
    Ok(())
}
