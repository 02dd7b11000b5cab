//! Any bytes as a client's message.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gantry_mcp_fuzz::frame(bytes));
