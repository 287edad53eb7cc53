//! Any text as topic filter and topic name.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mqtt_fuzz::checks::any_topic(bytes));
