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
    // Below those that the system gives to whoever asks for any.
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("it is small");
    let port =
        (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port");
    // A shell that is stopped takes its jobs with it.
    let lines = format!("trap 'kill $(jobs -p) || true' EXIT\n{}", lines.replace("18830", &port.to_string()));
    let binary = Path::new(env!("CARGO_BIN_EXE_mqtt"));
    let folder = binary.parent().expect("it is in a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let shell = Command::new("timeout").args(["60", "bash", "-ec", &lines]).env("PATH", path).output();
    let output = shell.expect("bash is there");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("lab/temperature 21.5\n"), "{said}");
}
