//! Any bytes as an upstream's answer, in any chunks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gantry_mcp_fuzz::stream(bytes));
