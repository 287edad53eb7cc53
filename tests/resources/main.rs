//! What connections of mqtt-std cost the system: threads and descriptors, counted while they are dialled and while they
//! are idle. The tests run one after the other, since they count for the whole process.

#![cfg(target_os = "linux")]

mod counts;
mod dialing;
mod idle;
mod large;
