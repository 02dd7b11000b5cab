//! Any bytes as a message that names something.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gantry_mcp_fuzz::mentions(bytes));
