//! Any text as a string of a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| gantry_guard_fuzz::redact(text));
