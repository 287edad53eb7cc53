//! Foreign programs: started with their output in a file, waited for until they listen, stopped by their id.

use std::fs::{self, File};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A program that runs beside this one; dropping it ends the program.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program whose output goes to a file in `folder`.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Process, String> {
        let log = folder.join(format!("{name}.log"));
        let problem = |error| format!("{} cannot be written: {error}", log.display());
        let output = File::options().create(true).append(true).open(&log).map_err(problem)?;
        let errors = output.try_clone().map_err(problem)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|error| cannot_start(command, &error))?;
        Ok(Process { name: name.to_owned(), child, log })
    }

    /// Waits until the program takes connections at that port of the loopback interface.
    ///
    /// A foreign program says in no common way that it listens, so the port is tried again and again.
    pub(crate) fn wait_for_port(&mut self, port: u16) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(());
            }
            let name = &self.name;
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{name} ended with {status} before it listened; {}", self.last_words()));
            }
            if start.elapsed() > START_MAX {
                return Err(format!(
                    "{name} does not listen on port {port} after {} s; {}",
                    START_MAX.as_secs(),
                    self.last_words()
                ));
            }
            thread::sleep(TRY_AGAIN);
        }
    }

    /// What it wrote last, for a message about its failure.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_WORDS_LINES)..];
        format!("the end of {}:\n{}", self.log.display(), last.join("\n"))
    }
}

impl Drop for Process {
    /// As a power cut would: nothing of what it keeps in memory is written.
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and returns what it wrote to standard output.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let mut stderr = child.stderr.take();
    // Both streams are read at once, so that the program never waits for a reader.
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(stderr) = &mut stderr {
            // What cannot be read is not shown.
            let _ = stderr.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let output = child.wait_with_output();
    let errors = errors.join().unwrap_or_default();
    let output = output.map_err(|error| format!("{} cannot be waited for: {error}", shown(command)))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("`{}` ended with {}:\n{said}{errors}", shown(command), output.status))
    }
}

/// The command as somebody would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` cannot be started: {error}", shown(command))
}

/// A port of the loopback interface that nobody listens on.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| format!("there is no free port: {error}"))
}

/// An empty folder of that name.
pub(crate) fn empty_folder(path: &Path) -> Result<(), String> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(|error| format!("{} cannot be removed: {error}", path.display()))?;
    }
    fs::create_dir_all(path).map_err(|error| format!("{} cannot be made: {error}", path.display()))
}

/// Writes a file whose folder is there.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// RabbitMQ on two busy cores takes half a minute.
const START_MAX: Duration = Duration::from_secs(120);

const TRY_AGAIN: Duration = Duration::from_millis(50);

const LAST_WORDS_LINES: usize = 15;
