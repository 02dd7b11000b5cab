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
pub(super) const OTLP_HEADERS_MAX: u64 = 16;
pub(super) const SHARDS_MAX: u64 = 64;
pub(super) const HOSTS_MAX: u64 = 64;
pub(super) const ORIGINS_MAX: u64 = 64;
pub(super) const ACCESS_RULES_MAX: u64 = 10_000;
/// Agents, teams or values of one claim in one rule.
pub(super) const SUBJECTS_MAX: u64 = 10_000;
pub(super) const CLAIMS_MAX: u64 = 16;
pub(super) const PATTERNS_MAX: u64 = 1_000;

pub(super) const ISSUERS_MAX: u64 = 32;
pub(super) const ALGORITHMS_MAX: u64 = 9;
pub(super) const AUDIENCES_MAX: u64 = 16;
pub(super) const SCOPE_RULES_MAX: u64 = 1_000;
pub(super) const SCOPES_MAX: u64 = 64;
pub(super) const TEAMS_MAX: u64 = 64;
pub(super) const API_KEYS_MAX: u64 = 10_000;
pub(super) const AGENT_NAME_BYTES_MAX: usize = 256;
/// A set of an issuer's public keys in a file.
pub(super) const KEY_FILE_BYTES_MAX: u64 = MIB;

pub(super) const VERSIONS_MAX: u64 = 16;
pub(super) const CERTIFICATES_MAX: u64 = 64;
pub(super) const PINS_MAX: u64 = 1_000;
pub(super) const TOOLS_MAX: u64 = 1_000;
pub(super) const KEYS_MAX: u64 = 8;
pub(super) const KEY_CHARS_MIN: usize = 32;
pub(super) const WEIGHT_MAX: u64 = 1_000_000;
pub(super) const COUNT_MAX: u64 = 1_000;
pub(super) const ATTEMPTS_MAX: u64 = 10;
pub(super) const CALLS_MAX: u64 = 1_000_000;
pub(super) const CAPACITY_MAX: u64 = 1_000_000;

/// Selectors of operations, or changes to them.
pub(super) const OPERATIONS_MAX: u64 = 10_000;
/// Arguments that one change is about.
pub(super) const ARGUMENTS_MAX: u64 = 1_000;
pub(super) const POINTERS_MAX: u64 = 1_000;
pub(super) const ENVIRONMENT_MAX: u64 = 1_000;
pub(super) const PROCESSES_MAX: u64 = 10_000;
pub(super) const PROGRAM_BYTES_MIN: u64 = 16 * MIB;
pub(super) const PROGRAM_BYTES_MAX: u64 = 1_024 * GIB;
pub(super) const PROGRAM_IDLE_MIN: Period = Period::from_ms(SECOND);
pub(super) const PROGRAM_IDLE_MAX: Period = Period::from_ms(30 * 24 * HOUR);
pub(super) const DEFINITION_BYTES_MIN: u64 = KIB;
pub(super) const DEFINITION_BYTES_MAX: u64 = 16 * MIB;
/// A description of an API; the largest published ones have some 50 MB.
pub(crate) const SPEC_BYTES_MAX: u64 = 256 * MIB;

pub(super) const VERSION_NAME_BYTES_MAX: usize = 64;
pub(super) const LIMITS_MAX: u64 = 2_000;
pub(super) const BOOKS_MAX: u64 = 100;
pub(super) const PRICES_MAX: u64 = 10_000;
pub(super) const BURST_MAX: u64 = 1_000_000_000;
pub(super) const CONCURRENT_MAX: u64 = 1_000_000;
/// A bucket that takes longer to fill up again is a mistake.
pub(super) const REFILL_SECONDS_MAX: u64 = 366 * 24 * 60 * 60;

pub(super) const LIMIT_ID_BYTES_MAX: usize = 128;
pub(super) const GLOB_BYTES_MAX: usize = 512;
pub(super) const GUARD_RULES_MAX: u64 = 1_000;
pub(super) const GUARD_PATTERNS_MAX: u64 = 1_000;
pub(super) const GUARD_WORDS_MAX: u64 = 1_000;
pub(super) const GUARD_KINDS_MAX: u64 = 1_000;
pub(super) const GUARD_TOOLS_MAX: u64 = 1_000;
pub(super) const GUARD_EXAMPLES_MAX: u64 = 100;
pub(super) const GUARD_HOOKS_MAX: u64 = 16;
pub(super) const HOOK_MIN: Period = Period::from_ms(1);
pub(super) const HOOK_MAX: Period = Period::from_ms(10 * SECOND);
pub(super) const MODEL_LABEL_MAX: u64 = 9_999;
/// It stands in placeholders.
pub(crate) const PATTERN_NAME_BYTES_MAX: usize = 64;
pub(super) const HOOK_CACHE_MAX: Period = Period::from_ms(24 * HOUR);

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

pub(super) const SKEW_MAX: Period = Period::from_ms(5 * MINUTE);
pub(super) const CAPTURE_BYTES_MIN: u64 = 64;
/// What is larger is not inspected as a whole, and not kept.
pub const CAPTURE_BYTES_MAX: u64 = MIB;
/// Longer is no short while.
pub(super) const CAPTURE_DAYS_MAX: u64 = 90;
pub(super) const KEEP_DAYS_MIN: u64 = 1;
pub(super) const KEEP_DAYS_MAX: u64 = 36_500;
pub(super) const OTLP_MIN: Period = Period::from_ms(100);
pub(super) const OTLP_MAX: Period = Period::from_ms(MINUTE);
pub(super) const INSERT_MIN: Period = Period::from_ms(100);
pub(super) const INSERT_MAX: Period = Period::from_ms(10 * MINUTE);

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
pub(super) const CHECK_MIN: Period = Period::from_ms(100);
pub(super) const CHECK_MAX: Period = Period::from_ms(10 * MINUTE);
pub(super) const EJECT_MIN: Period = Period::from_ms(100);
pub(super) const EJECT_MAX: Period = Period::from_ms(10 * MINUTE);
pub(super) const WATCH_MIN: Period = Period::from_ms(SECOND);
pub(super) const WATCH_MAX: Period = Period::from_ms(24 * HOUR);
pub(super) const QUEUE_MIN: Period = Period::from_ms(1);
pub(super) const QUEUE_MAX: Period = Period::from_ms(10 * MINUTE);
pub(super) const SESSION_MIN: Period = Period::from_ms(MINUTE);
pub(super) const SESSION_MAX: Period = Period::from_ms(30 * 24 * HOUR);
pub(super) const MEMBER_DEADLINE_MIN: Period = Period::from_ms(10);
pub(super) const MEMBER_DEADLINE_MAX: Period = Period::from_ms(10 * MINUTE);
pub(super) const LIST_TTL_MIN: Period = Period::from_ms(0);
pub(super) const LIST_TTL_MAX: Period = Period::from_ms(HOUR);
pub(super) const REDIS_MIN: Period = Period::from_ms(5);
pub(super) const REDIS_MAX: Period = Period::from_ms(10 * SECOND);

/// What clients call a tool by.
pub(super) const TOOL_NAME_BYTES_MAX: usize = 64;
/// What a tool is said to do.
pub(super) const DESCRIPTION_BYTES_MAX: usize = 4_096;

/// The shortest credential of the admin listener, in characters.
pub(super) const CREDENTIAL_CHARS_MIN: usize = 16;
