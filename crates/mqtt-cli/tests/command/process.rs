//! Runs the command and looks at what it says and how it ends.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::process::{Child, Command, Output, Stdio};

/// The command with arguments, its streams piped; variables of the environment that it reads are removed.
pub(crate) fn mqtt(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let of_the_user = std::env::vars_os().map(|(name, _)| name);
    for variable in of_the_user.filter(|name| name.to_string_lossy().starts_with("MQTT_")) {
        command.env_remove(variable);
    }
    // Nor has it a profile.
    command.env("XDG_CONFIG_HOME", "/nowhere");
    command
}

/// Runs the command to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    mqtt(args).output().expect("the command can be started")
}

/// Runs the command to its end with something on standard input, which it need not read if it refuses its arguments.
pub(crate) fn run_with_input(args: &[&str], input: &[u8]) -> Output {
    let mut child = mqtt(args).stdin(Stdio::piped()).spawn().expect("the command can be started");
    let written = child.stdin.take().expect("it is piped").write_all(input);
    let is_refused = written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
    assert!(written.is_ok() || is_refused, "{written:?}");
    child.wait_with_output().expect("the command ends")
}

/// The exit code, and what was said on standard error.
pub(crate) fn failure(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A command that runs beside the test; it is killed if the test fails.
pub(crate) struct Running(Child);

impl Running {
    /// Starts `mqtt sub` with `-d` and waits until its subscription is granted.
    pub(crate) fn subscribe(args: &[&str]) -> Running {
        let mut child = mqtt(&[&["sub", "-d"], args].concat()).spawn().expect("the command can be started");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        while !said.contains("subscribed to") {
            let len = stderr.read_line(&mut said).expect("the command writes text");
            assert!(len > 0, "the command ended: {said}");
        }
        // It must not wait for a reader of what it says later.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Running(child)
    }

    pub(crate) fn start(mut command: Command) -> Running {
        Running(command.spawn().expect("the command can be started"))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn interrupt(&self) {
        let id = self.0.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status().expect("kill runs");
        assert!(status.success(), "the command was there to be interrupted");
    }

    /// Waits for the end: the exit code and all that was said on standard output.
    pub(crate) fn finish(mut self) -> (Option<i32>, Vec<u8>) {
        let mut said = Vec::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_end(&mut said).expect("the command writes");
        }
        (self.0.wait().expect("the command ends").code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has usually ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
