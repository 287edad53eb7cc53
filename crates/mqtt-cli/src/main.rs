//! The mqtt command.

#![forbid(unsafe_code)]

fn main() {}
