//! Any bytes as a server's message with lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gantry_mcp_fuzz::listing(bytes));
