//! The driver of the conformance kit for `mqtt-std`, the client of this workspace on threads.
//!
//! Everything keeps its default but times: it connects again at once, and a message without a taker waits for one
//! second. Topic aliases and subscription identifiers are the library's own affair, so `alias` and `identifier` are not
//! passed on.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mqtt_conformance::Line;
use mqtt_std::{
    Client, ConnectionEvent, Disconnect, Held, Message, OfflineCause, Options, Publish, QoS, ReasonCode,
    Subscribe, Version, Will,
};

/// Why a command is not carried out.
enum Refusal {
    Error(String),
    Unsupported(&'static str),
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Refusal {
        Refusal::Error(error.to_string())
    }
}

#[derive(Default)]
struct Driver {
    client: Option<Client>,
    is_manual: bool,
    held: Arc<Mutex<HashMap<u32, Held>>>,
}

fn main() {
    say(&Line::new("ready").with("client", "mqtt-std").with("release", env!("CARGO_PKG_VERSION")));
    let mut driver = Driver::default();
    for text in io::stdin().lock().lines() {
        let Ok(text) = text else { break };
        let outcome = Line::parse(&text).map_err(Refusal::from).and_then(|line| driver.obey(&line));
        match outcome {
            Ok(()) => say(&Line::new("ok")),
            Err(Refusal::Error(why)) => say(&Line::new("error").with("why", why)),
            Err(Refusal::Unsupported(why)) => say(&Line::new("unsupported").with("why", why)),
        }
    }
}

/// Writes a line at once and whole.
fn say(line: &Line) {
    let mut out = io::stdout().lock();
    // A kit that has closed the pipe has ended the case.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

impl Driver {
    fn obey(&mut self, line: &Line) -> Result<(), Refusal> {
        match line.name.as_str() {
            "connect" => self.connect(line),
            "subscribe" => self.subscribe(line),
            "unsubscribe" => self.unsubscribe(line),
            "publish" => self.publish(line),
            "ack" => self.acknowledge(line),
            "disconnect" => self.disconnect(line),
            _ => Err(Refusal::Unsupported("an unknown command")),
        }
    }

    fn client(&self) -> Result<&Client, Refusal> {
        self.client.as_ref().ok_or_else(|| Refusal::Error("connect first".into()))
    }

    fn connect(&mut self, line: &Line) -> Result<(), Refusal> {
        let version = if line.get("version") == Some("5.0") { Version::V5_0 } else { Version::V3_1_1 };
        let options = options(line, version);
        self.is_manual = line.is_set("manual");
        let client = mqtt_std::client(options)?;
        let mut events = client.events();
        thread::spawn(move || {
            while let Some(event) = events.wait_next() {
                report(&event, version);
            }
        });
        let token = client.connect()?;
        thread::spawn(move || {
            // How it ends is an event, too.
            let _ = token.wait();
        });
        self.client = Some(client);
        Ok(())
    }

    fn subscribe(&self, line: &Line) -> Result<(), Refusal> {
        let filter = line.get("filter").unwrap_or_default();
        let subscribe = Subscribe::new(filter).qos(qos(line, "qos")).no_local(line.is_set("no_local"));
        let mut subscription = self.client()?.subscribe(subscribe)?;
        let (id, is_manual, held) = (line.number("id").unwrap_or(0), self.is_manual, Arc::clone(&self.held));
        thread::spawn(move || {
            match subscription.wait_granted() {
                Ok(qos) => say(&Line::new("subscribed").with("id", id).with("reason", qos.bits())),
                Err(error) => {
                    let line = Line::new("failed").with("id", id).with("why", error);
                    let reason = error.reason_code().map(ReasonCode::byte);
                    return say(&reason.into_iter().fold(line, |line, reason| line.with("reason", reason)));
                }
            }
            if is_manual {
                while let Some(message) = subscription.wait_next_held() {
                    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                    let number = u32::try_from(held.len()).unwrap_or(u32::MAX);
                    say(&shown(&message).with("message", number));
                    held.insert(number, message);
                }
            }
            subscription.wait_all().for_each(|message| say(&shown(&message)));
        });
        Ok(())
    }

    fn unsubscribe(&self, line: &Line) -> Result<(), Refusal> {
        let token = self.client()?.unsubscribe(line.get("filter").unwrap_or_default())?;
        let id = line.number("id").unwrap_or(0);
        thread::spawn(move || match token.wait() {
            Ok(reason) => say(&Line::new("unsubscribed").with("id", id).with("reason", reason.byte())),
            Err(error) => say(&Line::new("failed").with("id", id).with("why", error)),
        });
        Ok(())
    }

    fn publish(&self, line: &Line) -> Result<(), Refusal> {
        let payload = line.get("payload").unwrap_or_default().to_owned();
        let publish = Publish::new(line.get("topic").unwrap_or_default(), payload);
        let publish = publish.qos(qos(line, "qos")).retain(line.is_set("retain"));
        let token = self.client()?.publish(publish)?;
        let id = line.number("id").unwrap_or(0);
        thread::spawn(move || match token.wait() {
            Ok(reason) => say(&Line::new("published").with("id", id).with("reason", reason.byte())),
            Err(error) => say(&Line::new("failed").with("id", id).with("why", error)),
        });
        Ok(())
    }

    fn acknowledge(&self, line: &Line) -> Result<(), Refusal> {
        let number = line.number("message").unwrap_or(0);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        let held = held.ok_or_else(|| Refusal::Error(format!("there is no message {number}")))?;
        held.acknowledge();
        Ok(())
    }

    fn disconnect(&self, line: &Line) -> Result<(), Refusal> {
        let mut disconnect = Disconnect::within(Duration::from_secs(2));
        disconnect.with_will = line.number("reason") == Some(4);
        let token = self.client()?.disconnect_with(disconnect)?;
        // The kit sees how it ends.
        thread::spawn(move || token.wait());
        Ok(())
    }
}

fn options(line: &Line, version: Version) -> Options {
    let secs = |key| Duration::from_secs(line.number(key).unwrap_or(0).into());
    let mut options = Options::new("127.0.0.1")
        .port(line.number("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(0))
        .client_id(line.get("client_id").unwrap_or_default())
        .clean_session(line.is_set("clean"))
        .keep_alive(secs("keep_alive"))
        .version(version)
        .reconnect_after(Duration::ZERO)
        .unclaimed_grace(Duration::from_secs(1));
    if line.get("session_expiry").is_some() {
        options = options.session_expiry(secs("session_expiry"));
    }
    if let Some(maximum) = line.number("receive_maximum").and_then(|maximum| u16::try_from(maximum).ok()) {
        options = options.receive_maximum(NonZeroU16::new(maximum).unwrap_or(NonZeroU16::MIN));
    }
    if let Some(size) = line.number("maximum_packet_size") {
        options = options.packet_size_max(size);
    }
    if let Some(maximum) = line.number("topic_alias_maximum").and_then(|maximum| u16::try_from(maximum).ok())
    {
        options.config.topic_alias_maximum = maximum;
    }
    if let (Some(name), Some(password)) = (line.get("username"), line.get("password")) {
        options = options.credentials(name, password);
    }
    if let Some(topic) = line.get("will_topic") {
        let mut will = Will::new(topic, line.get("will_payload").unwrap_or_default().to_owned());
        (will.qos, will.retain) = (qos(line, "will_qos"), line.is_set("will_retain"));
        options = options.will(will);
    }
    options
}

fn qos(line: &Line, key: &str) -> QoS {
    match line.number(key) {
        Some(1) => QoS::AtLeastOnce,
        Some(2) => QoS::ExactlyOnce,
        _ => QoS::AtMostOnce,
    }
}

fn shown(message: &Message) -> Line {
    let payload = String::from_utf8_lossy(message.payload()).into_owned();
    let line = Line::new("message").with("topic", message.topic()).with("payload", payload);
    line.with("qos", message.qos().bits()).with("retain", u8::from(message.retain()))
}

/// Before 5.0 a refusal has the return code that came on the wire.
fn report(event: &ConnectionEvent, version: Version) {
    let reason = |reason: ReasonCode| match version {
        Version::V5_0 => reason.byte(),
        _ => reason.return_code().unwrap_or(reason.byte()),
    };
    match event {
        ConnectionEvent::Online { session_present } => {
            say(&Line::new("connected").with("session_present", u8::from(*session_present)));
        }
        ConnectionEvent::Offline { cause: OfflineCause::Refused(code), .. } => {
            say(&Line::new("refused").with("reason", reason(*code)));
        }
        ConnectionEvent::Offline { cause: OfflineCause::ServerDisconnected(code), .. } => {
            say(&Line::new("disconnected").with("reason", reason(*code)));
        }
        ConnectionEvent::Offline { cause, .. } => say(&Line::new("disconnected").with("why", cause)),
        _ => {}
    }
}
