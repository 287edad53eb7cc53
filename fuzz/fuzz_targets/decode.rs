//! Any bytes as one frame, by the rules of every version and side.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mqtt_fuzz::checks::any_frame(bytes));
