//! A mosquitto of one's own: started on a free port, stopped by its process, started again where it was.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A running mosquitto; dropping it stops the process and removes its files.
pub(crate) struct Mosquitto {
    process: Option<Child>,
    log: Receiver<String>,
    pub(crate) port: u16,
    folder: PathBuf,
}

/// Tries to find a free port before it counts as a failure.
const PORT_TRIES: usize = 10;

impl Mosquitto {
    /// A mosquitto that lets everyone in and keeps sessions on disk; none if it is not installed.
    pub(crate) fn start() -> Option<Mosquitto> {
        Mosquitto::start_with("allow_anonymous true\n")
    }

    /// Starts it with further lines of configuration.
    pub(crate) fn start_with(lines: &str) -> Option<Mosquitto> {
        if !is_installed() {
            assert!(std::env::var_os("CI").is_none(), "mosquitto is not installed; CI needs it");
            eprintln!(
                "\n*** mosquitto is not installed: THIS TEST CHECKED NOTHING; apt-get install mosquitto ***\n"
            );
            return None;
        }
        let folder = new_folder();
        for _ in 0..PORT_TRIES {
            let port = free_port();
            write_config(&folder, port, lines);
            if let Some((process, log)) = launch(&folder) {
                return Some(Mosquitto { process: Some(process), log, port, folder });
            }
        }
        panic!("mosquitto did not start on any of {PORT_TRIES} ports; see its messages above");
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Ends the process as an administrator would; it writes its sessions to disk.
    pub(crate) fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let id = process.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().expect("kill runs");
        assert!(status.success(), "mosquitto was there to be stopped");
        process.wait().expect("the process ends");
    }

    /// Starts it again on the same port with what it has stored.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "it was stopped before");
        let (process, log) = launch(&self.folder).expect("the port is still free");
        self.process = Some(process);
        self.log = log;
    }

    /// Waits until the server logs a line with that text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let found = self.log.iter().any(|line| line.contains(text));
        assert!(found, "mosquitto ended before it logged {text:?}");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; the folder is removed all the same.
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The command, also where the search path of a user lacks the folder for servers.
pub(crate) fn command(name: &str) -> Command {
    let server = PathBuf::from("/usr/sbin").join(name);
    if server.exists() { Command::new(server) } else { Command::new(name) }
}

fn is_installed() -> bool {
    command("mosquitto").arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("mosquitto-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
    folder
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}

fn write_config(folder: &Path, port: u16, lines: &str) {
    let config = format!(
        "listener {port} 127.0.0.1\n\
         user root\n\
         persistence true\n\
         persistence_location {}/\n\
         max_queued_messages 0\n\
         log_dest stderr\n\
         log_type all\n\
         {lines}",
        folder.display()
    );
    fs::write(folder.join("mosquitto.conf"), config).expect("the folder can be written");
}

/// Starts the process and waits until it says that it runs; none if it ends instead.
fn launch(folder: &Path) -> Option<(Child, Receiver<String>)> {
    let mut process = command("mosquitto")
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mosquitto can be started");
    let mut log = BufReader::new(process.stderr.take().expect("it is piped"));
    let mut said = String::new();
    loop {
        let start = said.len();
        if log.read_line(&mut said).unwrap_or(0) == 0 {
            eprintln!("mosquitto ended: {said}");
            process.wait().expect("the process has ended");
            return None;
        }
        if said[start..].contains(" running") {
            break;
        }
    }
    // What it says later is read whether anybody wants to know or not, so that it never waits for a reader.
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    Some((process, receiver))
}
