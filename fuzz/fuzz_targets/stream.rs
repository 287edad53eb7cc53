//! Any bytes as a stream of packets, however it is cut.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mqtt_fuzz::checks::any_stream(bytes));
