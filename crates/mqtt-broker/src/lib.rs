//! A small, strict MQTT broker without I/O, for tests, demos and simulation.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;
