//! The smallest and largest value of every number of the configuration, and the largest length of every list and text.
//!
//! The types in `raw` carry these into the JSON Schema, and the reader enforces the schema: a bound is written once.

use super::quantity::Period;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// A configuration is written by people. What is larger is the wrong file.
pub(super) const FILE_BYTES_MAX: u64 = MIB;
/// Nesting of the file; the deepest key that means anything is on level six.
pub(super) const FILE_DEPTH_MAX: usize = 32;
/// One value, after environment variables have been put in.
pub(super) const TEXT_BYTES_MAX: usize = 8 * KIB as usize;
/// A secret in a file of its own.
pub(super) const SECRET_BYTES_MAX: u64 = 64 * KIB;
/// A file of certificates; the system's whole bundle is about 220 KiB.
pub(super) const CERTIFICATES_BYTES_MAX: u64 = 4 * MIB;
/// More faults than this help nobody; the rest is counted.
pub(super) const FAULTS_MAX: usize = 100;

pub(super) const SERVERS_MAX: u64 = 1_000;
pub(super) const URLS_MAX: u64 = 64;
pub(super) const HOSTS_MAX: u64 = 64;
pub(super) const ORIGINS_MAX: u64 = 64;
pub(super) const ACCESS_RULES_MAX: u64 = 10_000;
/// Agents, teams or values of one claim in one rule.
pub(super) const SUBJECTS_MAX: u64 = 10_000;
pub(super) const CLAIMS_MAX: u64 = 16;
pub(super) const PATTERNS_MAX: u64 = 1_000;

pub(super) const SERVER_NAME_BYTES_MAX: usize = 63;
pub(super) const GATEWAY_NAME_BYTES_MAX: usize = 64;
pub(super) const DATABASE_NAME_BYTES_MAX: usize = 64;

pub(super) const BODY_BYTES_MIN: u64 = KIB;
pub(super) const BODY_BYTES_MAX: u64 = GIB;
pub(super) const HEADER_BYTES_MIN: u64 = 4 * KIB;
pub(super) const HEADER_BYTES_MAX: u64 = MIB;
pub(super) const DEPTH_MIN: u64 = 8;
pub(super) const DEPTH_MAX: u64 = 1_024;
pub(super) const SPOOL_BYTES_MIN: u64 = 16 * MIB;
pub(super) const SPOOL_BYTES_MAX: u64 = 16 * 1_024 * GIB;

pub(super) const READ_MIN: Period = Period::from_ms(SECOND);
pub(super) const READ_MAX: Period = Period::from_ms(HOUR);
pub(super) const CONNECT_MIN: Period = Period::from_ms(10);
pub(super) const CONNECT_MAX: Period = Period::from_ms(2 * MINUTE);
pub(super) const ANSWER_MIN: Period = Period::from_ms(10);
pub(super) const ANSWER_MAX: Period = Period::from_ms(24 * HOUR);
pub(super) const IDLE_MIN: Period = Period::from_ms(10);
pub(super) const IDLE_MAX: Period = Period::from_ms(24 * HOUR);
pub(super) const KEEP_ALIVE_MIN: Period = Period::from_ms(100);
pub(super) const KEEP_ALIVE_MAX: Period = Period::from_ms(10 * MINUTE);

/// The shortest credential of the admin listener, in characters.
pub(super) const CREDENTIAL_CHARS_MIN: usize = 16;
