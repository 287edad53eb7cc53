//! The command on a pseudo-terminal: what never reaches it raw, colours, and JSON over several lines.
#![cfg(unix)]

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use mqtt_smol::broker::{self, Config, User};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::process::{Running, failure, mqtt, run_with_input};

/// A pseudo-terminal: what a user sees, and what the command writes to.
pub(crate) fn terminal() -> (File, File) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&user).and_then(|()| unlockpt(&user)).expect("it is ours");
    let name = ptsname(&user, Vec::new()).expect("it has a name");
    let command =
        rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it can be opened");
    (File::from(user), File::from(command))
}

/// What `mqtt sub -C 1` shows on a terminal of one message.
fn shown(args: &[&str], variables: &[(&str, &str)], payload: &[u8]) -> String {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let url = broker.url();
    let publish = ["pub", &url, "-t", "a/b", "-q", "1", "-r", "-s"];
    assert!(run_with_input(&publish, payload).status.success());
    let (mut user, command_side) = terminal();
    let mut command = mqtt(&[&["sub", &url, "-t", "a/#", "-C", "1", "-W", "20"], args].concat());
    command.env("TERM", "xterm").envs(variables.iter().copied()).stdout(Stdio::from(command_side));
    let mut running = Running::start(command);
    let status = running.child().wait().expect("the command ends");
    assert!(status.success());
    drop(running);
    let mut seen = Vec::new();
    // Once nobody holds the other side, reading ends with an error on Linux.
    let _ = user.read_to_end(&mut seen);
    String::from_utf8(seen).expect("what a terminal gets is text")
}

#[test]
fn what_controls_a_terminal_is_escaped_in_every_form_of_output() {
    let payload = b"\x1b]0;owned\x07\xff\x9b31m";
    for args in [&[][..], &["-v"], &["-F", "%t %p"], &["-F", "%j"], &["--json"]] {
        let seen = shown(args, &[("NO_COLOR", "1")], payload);
        assert!(!seen.contains(['\x1b', '\x07', '\u{9b}']), "{args:?}: {seen:?}");
        assert!(seen.contains("owned") || seen.contains("payload_base64"), "{args:?}: {seen:?}");
    }
    let seen = shown(&["-F", "\\e[1m%p"], &[], payload);
    assert!(seen.starts_with("\x1b[1m\\u{1b}]0;"), "an escape of the template is the user's own: {seen:?}");
}

#[test]
fn json_is_coloured_and_spread_on_a_terminal_only() {
    let seen = shown(&["--json"], &[], b"on");
    assert!(seen.contains("\r\n  \x1b[34m\"topic\"\x1b[0m: \x1b[32m\"a/b\"\x1b[0m,"), "{seen:?}");
    for variables in [&[("NO_COLOR", "1")], &[("TERM", "dumb")]] {
        let seen = shown(&["--json"], variables, b"on");
        assert!(seen.contains("\r\n  \"topic\": \"a/b\","), "{seen:?}");
    }
    let coloured = shown(&["--json"], &[("NO_COLOR", "")], b"on");
    assert!(coloured.contains('\x1b'), "an empty NO_COLOR says nothing: {coloured:?}");
}

/// `setsid` gives it a terminal that controls it, which a test cannot do by itself.
#[cfg(target_os = "linux")]
#[test]
fn a_password_is_asked_for_and_not_shown() {
    use std::io::Write;

    let users = vec![User { name: "me".into(), password: b"se cret".to_vec() }];
    let config = Config::default().users(users).allows_anonymous(false);
    let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-u", "me", "-P", "se cret", "-t", "a", "-C", "1"]);
    let (mut user, command_side) = terminal();
    let asking = mqtt(&["pub", &url, "-u", "me", "--ask-password", "-t", "a", "-m", "x", "-q", "1"]);
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait"]).arg(asking.get_program()).args(asking.get_args());
    let side = || Stdio::from(command_side.try_clone().expect("there are descriptors"));
    command.stdin(side()).stdout(side()).stderr(side());
    let mut running = Running::start(command);
    // It asks before it turns the echo off.
    while tcgetattr(&command_side).expect("it is a terminal").local_modes.contains(LocalModes::ECHO) {
        std::thread::yield_now();
    }
    user.write_all(b"se cret\n").expect("it reads");
    assert!(running.child().wait().expect("it ends").success());
    drop((running, command_side));
    let mut seen = Vec::new();
    // Once nobody holds the other side, reading ends with an error.
    let _ = user.read_to_end(&mut seen);
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("Password: ") && !seen.contains("cret"), "{seen:?}");
    assert_eq!(reader.finish(), (Some(0), b"x\n".to_vec()));
}

/// Without a terminal there is nobody to ask.
#[test]
fn a_password_that_cannot_be_asked_for_is_reported() {
    let asking = mqtt(&["pub", "-u", "me", "--ask-password", "-t", "a", "-m", "x"]);
    // A session of its own has no terminal that controls it.
    let mut detached = Command::new("setsid");
    detached.arg("--wait").arg(asking.get_program()).args(asking.get_args());
    let output =
        detached.stdin(Stdio::null()).stderr(Stdio::piped()).output().expect("the command can be started");
    let (code, said) = failure(&output);
    assert!(code == Some(2) && said.contains("there is no terminal"), "{code:?}: {said}");
}
