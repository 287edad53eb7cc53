//! Help, suggestions, completions and manual pages.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::process::{failure, mqtt, run};

const COMMANDS: [&str; 15] = [
    "pub",
    "sub",
    "rr",
    "check",
    "bench",
    "bench conn",
    "bench pub",
    "bench sub",
    "bench rtt",
    "broker",
    "sim",
    "store",
    "replay",
    "completions",
    "man",
];

/// The page of `--help` on a terminal of 80 columns.
fn help(command: &str, option: &str) -> String {
    let words: Vec<&str> = command.split(' ').filter(|word| !word.is_empty()).chain([option]).collect();
    let output = mqtt(&words).env("COLUMNS", "80").output().expect("the command can be started");
    assert_eq!(failure(&output), (Some(0), String::new()));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn help_is_one_page_with_the_common_options_and_examples() {
    for command in COMMANDS.into_iter().chain([""]) {
        let page = help(command, "--help");
        let (lines, width) = (page.lines().count(), page.lines().map(|line| line.chars().count()).max());
        assert!(lines <= 40 && width <= Some(80), "mqtt {command}: {lines} lines, {width:?} columns\n{page}");
    }
    for command in
        ["pub", "sub", "rr", "check", "bench conn", "bench pub", "bench sub", "bench rtt", "broker"]
    {
        let (short, long) = (help(command, "--help"), help(command, "--help-all"));
        assert!(short.contains("Example") && long.contains("--help-all"), "{short}");
        assert!(long.lines().count() > 2 * short.lines().count(), "mqtt {command} --help-all has the rest");
    }
    let sub = help("sub", "--help");
    let place = |text: &str| sub.find(text).expect(text);
    assert!(
        place("--topic") < place("--host") && place("--host") < place("--cafile"),
        "the common ones first"
    );
}

#[test]
fn help_may_be_asked_for_by_a_word() {
    for command in ["", "sub", "bench pub"] {
        let words: Vec<&str> =
            ["help"].into_iter().chain(command.split(' ')).filter(|word| !word.is_empty()).collect();
        let output = mqtt(&words).env("COLUMNS", "80").output().expect("the command can be started");
        assert_eq!(String::from_utf8_lossy(&output.stdout), help(command, "--help"));
    }
}

#[test]
fn a_lone_h_says_how_to_get_help() {
    for (args, text) in [
        (&["-h"][..], "mqtt --help"),
        (&["sub", "-h"], "mqtt sub --help"),
        (&["pub", "-h"], "mqtt pub --help"),
    ] {
        let (code, said) = failure(&run(args));
        assert!(code == Some(2) && said.contains("-h names the host") && said.contains(text), "{said}");
    }
}

#[test]
fn wrong_options_suggest_the_right_one() {
    for (args, text) in [
        (&["sub", "-t", "a", "--retain-only"][..], "--retained-only"),
        (&["pub", "-t", "a", "--mesage", "x"], "--message"),
        (&["sub", "-t", "a", "--ca-file", "x"], "--cafile"),
        (&["sbu"], "sub"),
    ] {
        let (code, said) = failure(&run(args));
        assert!(code == Some(2) && said.contains(text), "{args:?}: {said}");
    }
    // What belongs to a value is no option.
    let (_, said) = failure(&run(&["pub", "-p", "1", "-h", "127.0.0.1", "-t", "a", "-m", "--psk"]));
    assert!(!said.contains("--cafile"), "{said}");
}

#[test]
fn completions_know_every_command_and_shells_accept_them() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).expect("text");
        assert!(script.contains("retained-only") && script.contains("completions"), "{shell}");
        if shell == "bash" {
            let mut bash =
                Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash is there");
            bash.stdin.take().expect("it is piped").write_all(script.as_bytes()).expect("it reads");
            assert!(bash.wait().expect("it ends").success());
        }
    }
}

#[test]
fn manual_pages_have_every_option_the_variables_and_the_exit_codes() {
    let page = String::from_utf8(run(&["man", "sub"]).stdout).expect("text");
    for text in
        [".TH MQTT-SUB 1", "remove\\-retained", "Remove each retained message", "MQTT_", "EXIT STATUS"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    let folder = std::env::temp_dir().join(format!("mqtt-man-{}", std::process::id()));
    let name = folder.to_str().expect("a path of plain characters");
    assert!(run(&["man", "--folder", name]).status.success());
    for page in ["mqtt.1", "mqtt-pub.1", "mqtt-check.1", "mqtt-bench-pub.1"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
    std::fs::remove_dir_all(&folder).expect("it was made above");
    let (code, said) = failure(&run(&["man", "nothing"]));
    assert!(code == Some(2) && said.contains("nothing"), "{said}");
}
