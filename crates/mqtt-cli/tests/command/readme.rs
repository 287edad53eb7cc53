//! The copyable block of the README, run line by line as it stands.
#![cfg(unix)]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../../../README.md");

/// The first line of the block, which a test does not repeat.
const INSTALL: &str = "```sh\ncargo install --path crates/mqtt-cli\n";

#[test]
fn the_first_block_of_the_command_works_as_it_stands() {
    let (_, block) = README.split_once(INSTALL).expect("the README says how to install the command");
    let (lines, _) = block.split_once("```").expect("the block ends");
    let free = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = free.local_addr().expect("it has an address").port();
    drop(free);
    let lines = lines.replace("18830", &port.to_string());
    let binary = Path::new(env!("CARGO_BIN_EXE_mqtt"));
    let folder = binary.parent().expect("it is in a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    // Job control is what a shell of a person has.
    let shell = Command::new("timeout").args(["60", "bash", "-mec", &lines]).env("PATH", path).output();
    let output = shell.expect("bash is there");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("lab/temperature 21.5\n"), "{said}");
}
