//! What a case plays on: the driver's lines, the connections of the scripted server, and waiting for both.
//!
//! Everything that happens goes into one queue. A step waits for the first thing that fits, for a bounded time, and
//! takes it out; what does not fit stays for later steps. Each packet is decoded as it comes, and one that breaks
//! the codec's rules ends the case, as does anything before CONNECT or after DISCONNECT.

mod drive;

use std::collections::VecDeque;
use std::io::{BufRead, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{Context, PacketKind, Sender as Peer, Version, decode};

use crate::line::Line;
use crate::outcome::{Step, Stop, ensure};
use crate::packets::{Frame, hex};
use crate::program::{End, Program, StartError};
use crate::server::{Event, Server};

pub(crate) use drive::{PERSISTENT, Reply, granted};

/// A driver and a server, for one case.
pub(crate) struct Stage {
    pub(crate) version: Version,
    /// How long what is due may take.
    pub(crate) patience: Duration,
    /// Whether a PINGREQ is answered.
    pub(crate) answers_pings: bool,
    server: Server,
    events: Receiver<Event>,
    queue: VecDeque<Item>,
    links: Vec<Link>,
    input: Option<Box<dyn Write + Send>>,
    end: Box<dyn End>,
    has_ended: bool,
    /// What was sent, received and reported, for people.
    transcript: Vec<String>,
    /// What the driver said of itself.
    pub(crate) ready: Line,
    next_id: u32,
}

/// Something that happened, and no step has taken yet.
#[derive(Debug)]
pub(crate) enum Item {
    Opened(usize),
    Packet(usize, Frame),
    Closed(usize),
    Line(Line),
}

struct Link {
    stream: TcpStream,
    /// Kind of the last packet that came.
    last: Option<PacketKind>,
    last_at: Instant,
    is_closed: bool,
}

impl Stage {
    /// Starts a driver and waits until it is ready.
    pub(crate) fn open(
        program: &dyn Program,
        version: Version,
        patience: Duration,
    ) -> Result<Stage, StartError> {
        let error = |problem: String| StartError { program: "driver".into(), problem };
        let (sender, events) = mpsc::channel();
        let server = Server::start(sender.clone()).map_err(|problem| error(problem.to_string()))?;
        let running = program.start()?;
        read_lines(running.output, sender);
        let mut stage = Stage {
            version,
            patience,
            answers_pings: true,
            server,
            events,
            queue: VecDeque::new(),
            links: Vec::new(),
            input: Some(running.input),
            end: running.end,
            has_ended: false,
            transcript: Vec::new(),
            ready: Line::new("ready"),
            next_id: 0,
        };
        match stage.wait_for(START_MAX, "`ready` from the driver", |item| line_named(item, "ready")) {
            Ok(ready) => stage.ready = ready,
            Err(Stop::Broke(why) | Stop::NotOffered(why)) => {
                let (words, _transcript) = stage.close();
                return Err(error(format!("{why} {words}")));
            }
        }
        Ok(stage)
    }

    /// Ends the driver; returns its last words, and the last of what was seen.
    pub(crate) fn close(mut self) -> (String, Vec<String>) {
        self.input = None;
        let words = self.end.end();
        let from = self.transcript.len().saturating_sub(TRANSCRIPT_LINES);
        (words, self.transcript.split_off(from))
    }

    /// The first thing that fits, which is taken out of the queue.
    pub(crate) fn wait<T>(&mut self, what: &str, fits: impl FnMut(&Item) -> Option<T>) -> Step<T> {
        self.wait_for(self.patience, what, fits)
    }

    pub(crate) fn wait_for<T>(
        &mut self,
        patience: Duration,
        what: &str,
        mut fits: impl FnMut(&Item) -> Option<T>,
    ) -> Step<T> {
        let deadline = Instant::now() + patience;
        let mut seen = 0;
        loop {
            while let Some(item) = self.queue.get(seen) {
                if let Some(found) = fits(item) {
                    self.queue.remove(seen);
                    return Ok(found);
                }
                seen += 1;
            }
            ensure(!self.has_ended, || format!("the driver ended while {what} was due"))?;
            let has_come = self.pump(deadline)?;
            ensure(has_come, || format!("no {what} within {} s", patience.as_secs_f32()))?;
        }
    }

    /// Nothing that fits is there or comes for a while.
    pub(crate) fn none(&mut self, quiet: Duration, what: &str, fits: impl Fn(&Item) -> bool) -> Step {
        let deadline = Instant::now() + quiet;
        loop {
            let unwanted = self.queue.iter().find(|item| fits(item)).map(shown);
            if let Some(unwanted) = unwanted {
                return Err(Stop::Broke(format!("{what}: {unwanted}")));
            }
            if self.has_ended || !self.pump(deadline)? {
                return Ok(());
            }
        }
    }

    /// Everything that is there and fits, in order, without waiting.
    pub(crate) fn take<T>(&mut self, mut fits: impl FnMut(&Item) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        self.queue.retain(|item| match fits(item) {
            Some(fitting) => {
                found.push(fitting);
                false
            }
            None => true,
        });
        found
    }

    /// Index of the newest connection.
    pub(crate) fn link(&self) -> usize {
        self.links.len().saturating_sub(1)
    }

    /// When the last packet came on the newest connection.
    pub(crate) fn last_packet_at(&self) -> Instant {
        self.links.last().map_or_else(Instant::now, |link| link.last_at)
    }

    /// Whether the driver has closed its output.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.links.last().is_none_or(|link| link.is_closed)
    }

    /// Writes to the newest connection. A connection that the client has closed takes the bytes too.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let context = Context { version: self.version, sender: Some(Peer::Server) };
        let shown = decode(bytes, context).map_or_else(|_error| hex(bytes), |packet| packet.to_string());
        self.transcript.push(format!("server: {shown}"));
        if let Some(link) = self.links.last_mut() {
            // If it fails, what is due next does not come, and the case says so.
            let _ = link.stream.write_all(bytes);
        }
    }

    /// Ends the newest connection without a word.
    pub(crate) fn cut(&mut self) {
        self.transcript.push("server: closes the connection".into());
        if let Some(link) = self.links.last_mut() {
            // It may be closed already.
            let _ = link.stream.shutdown(Shutdown::Both);
            link.is_closed = true;
        }
    }

    /// Writes a line to the driver.
    fn tell(&mut self, line: &Line) -> Step {
        self.transcript.push(format!("kit: {}", cut_short(&line.to_string())));
        let written = self.input.as_mut().map(|input| writeln!(input, "{line}").and_then(|()| input.flush()));
        let is_written = matches!(written, Some(Ok(())));
        ensure(is_written, || format!("the driver does not take `{}`: its input is closed", line.name))
    }

    /// Takes one event; false if none comes until the deadline.
    fn pump(&mut self, deadline: Instant) -> Step<bool> {
        let event = match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => {
                self.has_ended = true;
                return Ok(true);
            }
        };
        match event {
            Event::Opened(stream) => {
                self.transcript.push("client: connects".into());
                let link = Link { stream, last: None, last_at: Instant::now(), is_closed: false };
                self.links.push(link);
                self.queue.push_back(Item::Opened(self.link()));
            }
            Event::Packet(index, bytes) => self.on_packet(index, bytes)?,
            Event::Garbage(_index, bytes) => {
                return Err(Stop::Broke(format!("the client sends what is no packet: {}", hex(&bytes))));
            }
            Event::Closed(index) => {
                if let Some(link) = self.links.get_mut(index) {
                    if !link.is_closed {
                        self.transcript.push("client: closes the connection".into());
                    }
                    link.is_closed = true;
                }
                self.queue.push_back(Item::Closed(index));
            }
            Event::Line(Ok(line)) => {
                self.transcript.push(format!("driver: {}", cut_short(&line.to_string())));
                self.queue.push_back(Item::Line(line));
            }
            Event::Line(Err((text, error))) => {
                return Err(Stop::Broke(format!("the driver writes `{}`: {error}", cut_short(&text))));
            }
            Event::Ended => self.has_ended = true,
        }
        Ok(true)
    }

    fn on_packet(&mut self, index: usize, bytes: Vec<u8>) -> Step {
        let frame = Frame::new(bytes.clone(), self.version).map_err(|error| {
            Stop::Broke(format!("the client sends a wrong packet: {error}; {}", hex(&bytes)))
        })?;
        let kind = frame.packet().kind();
        if kind != PacketKind::Pingreq {
            self.transcript.push(format!("client: {frame}"));
        }
        let Some(link) = self.links.get_mut(index) else { return Ok(()) };
        let order = match link.last {
            None => ensure(kind == PacketKind::Connect, || {
                format!("the first packet is {kind} [5.0 MQTT-3.1.0-1] [3.1.1 MQTT-3.1.0-1]")
            }),
            Some(PacketKind::Disconnect) => Err(Stop::Broke(format!(
                "{kind} comes behind DISCONNECT [5.0 MQTT-3.14.4-1] [3.1.1 MQTT-3.14.4-2]"
            ))),
            Some(_) => ensure(kind != PacketKind::Connect, || "a second CONNECT comes".into()),
        };
        order?;
        link.last = Some(kind);
        link.last_at = Instant::now();
        if kind == PacketKind::Pingreq && self.answers_pings {
            // A broken connection shows as its end.
            let _ = link.stream.write_all(&[0xd0, 0]);
        }
        self.queue.push_back(Item::Packet(index, frame));
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.input = None;
        for link in &self.links {
            // Ends the thread that reads it.
            let _ = link.stream.shutdown(Shutdown::Both);
        }
    }
}

/// The line of that name, if the item is one.
pub(crate) fn line_named(item: &Item, name: &str) -> Option<Line> {
    if let Item::Line(line) = item { (line.name == name).then(|| line.clone()) } else { None }
}

fn read_lines(output: Box<dyn BufRead + Send>, events: Sender<Event>) {
    thread::spawn(move || {
        for text in output.lines() {
            let Ok(text) = text else { break };
            let line = Line::parse(&text).map_err(|error| (text, error));
            if events.send(Event::Line(line)).is_err() {
                return;
            }
        }
        // The case may be over.
        let _ = events.send(Event::Ended);
    });
}

fn shown(item: &Item) -> String {
    match item {
        Item::Opened(_) => "the client connects".into(),
        Item::Packet(_, frame) => frame.to_string(),
        Item::Closed(_) => "the client closes the connection".into(),
        Item::Line(line) => format!("the driver reports `{}`", cut_short(&line.to_string())),
    }
}

fn cut_short(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An interpreter on a busy machine takes a while.
const START_MAX: Duration = Duration::from_secs(20);

const TRANSCRIPT_LINES: usize = 12;

const TEXT_CHARS_MAX: usize = 120;
