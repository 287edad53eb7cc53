//! The driver under test: how it is started, its two streams of lines, and its end.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What starts drivers: one for each case.
pub trait Program: Sync {
    /// Starts one.
    fn start(&self) -> Result<Running, StartError>;
}

/// A driver that runs.
pub struct Running {
    /// Where commands are written.
    pub input: Box<dyn Write + Send>,
    /// Where its reports are read.
    pub output: Box<dyn BufRead + Send>,
    /// What ends it, when it is dropped, and says what it wrote to standard error.
    pub end: Box<dyn End>,
}

/// Ends a driver when it is dropped.
pub trait End: Send {
    /// Ends the driver if it still runs; returns what it wrote last for people.
    fn end(&mut self) -> String {
        String::new()
    }
}

/// For drivers that end when their input ends.
impl End for () {}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

/// A driver could not be started, or did not say that it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// What was started.
    pub program: String,
    /// What happened.
    pub problem: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StartError { program, problem } = self;
        write!(
            f,
            "the driver `{program}` does not start: {problem}; run it by hand, it must write `ready client=NAME`"
        )
    }
}

impl std::error::Error for StartError {}

/// A program of the system that is started as a driver.
#[derive(Clone, Debug)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
}

impl Command {
    /// The program and its arguments.
    pub fn new<A: Into<OsString>>(
        program: impl Into<OsString>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        Command { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }
}

impl Program for Command {
    fn start(&self) -> Result<Running, StartError> {
        let error =
            |problem: String| StartError { program: self.program.to_string_lossy().into_owned(), problem };
        let mut child = std::process::Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|problem| error(problem.to_string()))?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = (input, output, errors) else {
            return Err(error("it has no standard streams".into()));
        };
        let end = ChildEnd { child, said: Said::read(errors) };
        let (input, output) = (Box::new(input), Box::new(BufReader::new(output)));
        Ok(Running { input, output, end: Box::new(end) })
    }
}

/// A process, killed by its id when this is dropped.
struct ChildEnd {
    child: Child,
    said: Said,
}

impl End for ChildEnd {
    fn end(&mut self) -> String {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.said.last()
    }
}

impl Drop for ChildEnd {
    fn drop(&mut self) {
        self.end();
    }
}

/// The end of what a process writes to standard error.
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn read(mut errors: impl Read + Send + 'static) -> Said {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 1024];
            while let Ok(len @ 1..) = errors.read(&mut chunk) {
                let mut text = shared.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend_from_slice(&chunk[..len]);
                let surplus = text.len().saturating_sub(SAID_BYTES_MAX);
                text.drain(..surplus);
            }
        });
        Said { text, reader: Some(reader) }
    }

    /// After the end of the process.
    fn last(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // Nothing in it panics.
            let _ = reader.join();
        }
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&text);
        text.lines().next_back().unwrap_or_default().to_owned()
    }
}

/// Bytes of standard error that are kept.
const SAID_BYTES_MAX: usize = 4096;
