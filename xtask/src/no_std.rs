//! The crates without I/O link without std.
//!
//! `tests/no_std` is a program that links them and brings a panic handler of its own. `std` brings one too,
//! so the program stops compiling as soon as any crate in the tree links it. This holds on the machine's own
//! target: no other has to be installed.

use std::path::Path;
use std::process::Command;

/// Checks the program; the compiler's own words say what is wrong with it.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let target_folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let status = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--locked", "--manifest-path", PROGRAM, "--target-dir"])
        .arg(root.join(target_folder).join("no_std"))
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !status.success() {
        return Err(format!("{PROGRAM} does not compile\n{HELP}"));
    }
    println!("no-std: the crates without I/O link without std");
    Ok(())
}

const PROGRAM: &str = "tests/no_std/Cargo.toml";

const HELP: &str = "\
if it is E0152, a duplicate `panic_impl`: a crate in the tree links std;
    give it `#![no_std]`, or take it with `default-features = false`
if it is a lock file that needs an update:
    run `cargo update --workspace --manifest-path tests/no_std/Cargo.toml`";
