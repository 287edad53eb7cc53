//! A good driver with one fault: its lines and its packets pass through here, and some are changed on the way.
//!
//! So each case of the kit is seen to fail for a client that does wrong, and for the wrong that it is about.

use std::io::{BufRead, BufReader, PipeWriter, Read, Write, pipe};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use mqtt_conformance::{End, Line, Program, Running, StartError};
use mqtt_proto::{Context, PACKET_SIZE_MAX, Packet, Version, decode, frame_len};

/// What is done to the traffic of a good client. Each function gets one packet or line, and returns what passes on.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// A packet of the client.
    pub(crate) out: fn(&mut State, Vec<u8>) -> Vec<Vec<u8>>,
    /// A packet of the server.
    pub(crate) back: fn(&mut State, Vec<u8>) -> Vec<Vec<u8>>,
    /// A line of the driver.
    pub(crate) report: fn(&mut State, Line) -> Vec<Line>,
    /// A command; if it returns a packet, the packet is sent, the command counts as obeyed, and the client never
    /// sees it.
    pub(crate) command: fn(&mut State, &Line) -> Option<Vec<u8>>,
    /// Whether the server sees that the client closes a connection.
    pub(crate) closes: bool,
    /// Whether a connection follows one that the client has closed.
    pub(crate) comes_back: bool,
}

pub(crate) const GOOD: Fault = Fault {
    out: |_state, packet| vec![packet],
    back: |_state, packet| vec![packet],
    report: |_state, line| vec![line],
    command: |_state, _line| None,
    closes: true,
    comes_back: false,
};

/// What a fault remembers, and its ways around the good client.
pub(crate) struct State {
    pub(crate) version: Version,
    /// Connections so far.
    pub(crate) links: usize,
    /// Packets to come back to.
    pub(crate) kept: Vec<Vec<u8>>,
    /// Lines that were seen.
    pub(crate) reports: usize,
    /// Lines to the kit beside those of the driver.
    pub(crate) lines: Vec<Line>,
    /// To the server.
    server: Option<TcpStream>,
    /// To the client.
    client: Option<TcpStream>,
    port: u16,
}

impl State {
    /// Sends a packet to the server beside those of the client.
    pub(crate) fn send(&mut self, packet: &[u8]) {
        if let Some(server) = &mut self.server {
            // The case sees it, or does not.
            let _ = server.write_all(packet);
        }
    }

    /// Sends a packet to the client beside those of the server.
    pub(crate) fn answer(&mut self, packet: &[u8]) {
        if let Some(client) = &mut self.client {
            let _ = client.write_all(packet);
        }
    }

    /// Ends the newest connection to the server.
    pub(crate) fn hang_up(&mut self) {
        if let Some(server) = &self.server {
            let _ = server.shutdown(Shutdown::Both);
        }
    }

    /// Opens a connection of its own, and sends a packet.
    pub(crate) fn dial(&mut self, packet: &[u8]) {
        self.server = TcpStream::connect(("127.0.0.1", self.port)).ok();
        self.send(packet);
    }

    pub(crate) fn packet<'a>(&self, frame: &'a [u8]) -> Packet<'a> {
        decode(frame, Context { version: self.version, sender: None })
            .expect("the good client and the kit write it")
    }
}

/// The good driver, with the fault.
pub(crate) struct Faulty(pub(crate) Fault);

impl Program for Faulty {
    fn start(&self) -> Result<Running, StartError> {
        let error = |problem: std::io::Error| StartError {
            program: "the driver with a fault".into(),
            problem: problem.to_string(),
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_driver-mqtt-std"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(error)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (stdin, stdout) = (stdin.expect("it is piped"), stdout.expect("it is piped"));
        let (commands, input) = pipe().map_err(error)?;
        let (output, reports) = pipe().map_err(error)?;
        let state = State {
            version: Version::V5_0,
            links: 0,
            kept: Vec::new(),
            reports: 0,
            lines: Vec::new(),
            server: None,
            client: None,
            port: 0,
        };
        let shared = Shared {
            fault: self.0,
            state: Arc::new(Mutex::new(state)),
            reports: Arc::new(Mutex::new(reports)),
        };
        let own = shared.clone();
        thread::spawn(move || own.pass_commands(BufReader::new(commands), stdin));
        thread::spawn(move || shared.pass_reports(BufReader::new(stdout)));
        let output = Box::new(BufReader::new(output));
        Ok(Running { input: Box::new(input), output, end: Box::new(Killed(child)) })
    }
}

struct Killed(Child);

impl End for Killed {}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone)]
struct Shared {
    fault: Fault,
    state: Arc<Mutex<State>>,
    reports: Arc<Mutex<PipeWriter>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: &Line) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        // The case may be over.
        let _ = writeln!(reports, "{line}");
    }

    fn pass_commands(&self, commands: impl BufRead, mut driver: ChildStdin) {
        for text in commands.lines() {
            let Ok(text) = text else { return };
            let mut line = Line::parse(&text).expect("the kit writes lines");
            if line.name == "connect" {
                line = self.on_connect(&line);
            }
            let packet = (self.fault.command)(&mut self.state(), &line);
            if let Some(packet) = packet {
                self.say(&Line::new("ok"));
                let mut state = self.state();
                if line.name == "connect" { state.dial(&packet) } else { state.send(&packet) }
            } else if writeln!(driver, "{line}").is_err() {
                return;
            }
            let lines = std::mem::take(&mut self.state().lines);
            lines.iter().for_each(|line| self.say(line));
        }
    }

    /// The client is to connect here, where its packets are passed on.
    fn on_connect(&self, line: &Line) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let own_port = listener.local_addr().expect("it has an address").port();
        let port =
            line.number("port").and_then(|port| u16::try_from(port).ok()).expect("the kit names its port");
        {
            let mut state = self.state();
            state.version = if line.get("version") == Some("5.0") { Version::V5_0 } else { Version::V3_1_1 };
            state.port = port;
        }
        let shared = self.clone();
        thread::spawn(move || {
            while let Ok((client, _peer)) = listener.accept() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
                shared.pass_packets(&client, &server);
            }
        });
        let text = line.to_string().replace(&format!("port={port} "), &format!("port={own_port} "));
        Line::parse(&text).expect("it was a line")
    }

    fn pass_packets(&self, client: &TcpStream, server: &TcpStream) {
        let clone = |stream: &TcpStream| stream.try_clone().expect("a socket has further handles");
        {
            let mut state = self.state();
            state.links += 1;
            (state.server, state.client) = (Some(clone(server)), Some(clone(client)));
        }
        let (own, from, mut to) = (self.clone(), clone(client), clone(server));
        thread::spawn(move || {
            read_frames(from, |frame| {
                let frames = (own.fault.out)(&mut own.state(), frame);
                frames.iter().try_for_each(|frame| to.write_all(frame)).is_ok()
            });
            if own.fault.closes {
                // It may be closed already.
                let _ = to.shutdown(Shutdown::Both);
            }
            if own.fault.comes_back {
                own.state().dial(&[]);
            }
        });
        let (own, from, mut to) = (self.clone(), clone(server), clone(client));
        thread::spawn(move || {
            read_frames(from, |frame| {
                let frames = (own.fault.back)(&mut own.state(), frame);
                frames.iter().try_for_each(|frame| to.write_all(frame)).is_ok()
            });
            let _ = to.shutdown(Shutdown::Both);
        });
    }

    fn pass_reports(&self, driver: impl BufRead) {
        for text in driver.lines() {
            let Ok(text) = text else { return };
            let line = Line::parse(&text).expect("the good driver writes lines");
            let lines = (self.fault.report)(&mut self.state(), line);
            lines.iter().for_each(|line| self.say(line));
        }
    }
}

/// Hands over one packet after the other; bytes that are none pass as they come.
fn read_frames(mut from: TcpStream, mut pass: impl FnMut(Vec<u8>) -> bool) {
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut chunk) {
        received.extend_from_slice(&chunk[..len]);
        loop {
            let len = match frame_len(&received, PACKET_SIZE_MAX) {
                Ok(Some(len)) if received.len() >= len => len,
                Ok(_) => break,
                Err(_error) => received.len(),
            };
            let rest = received.split_off(len);
            if !pass(std::mem::replace(&mut received, rest)) {
                return;
            }
            if received.is_empty() {
                break;
            }
        }
    }
}
