//! The steps that cases are made of: connect, subscribe, publish, expect a packet or a report.

use std::time::Duration;

use mqtt_proto::{Ack, Packet, PacketKind, Property, QoS, ReasonCode};

use super::{Item, Stage, line_named};
use crate::line::Line;
use crate::outcome::{Step, Stop, ensure};
use crate::packets::{self, Frame, Message};

/// What a driver answers to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Ok,
    /// The library refuses it.
    Error(String),
}

/// Fields of a command.
pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

impl Stage {
    /// Gives the driver a command, which the library may refuse.
    pub(crate) fn ask(&mut self, line: &Line) -> Step<Reply> {
        self.tell(line)?;
        let what = format!("answer of the driver to `{}`", line.name);
        let reply = self.wait(&what, |item| {
            ["ok", "error", "unsupported"].into_iter().find_map(|name| line_named(item, name))
        })?;
        let why = reply.get("why").unwrap_or("no reason given").to_owned();
        match reply.name.as_str() {
            "ok" => Ok(Reply::Ok),
            "error" => Ok(Reply::Error(why)),
            _ => Err(Stop::NotOffered(why)),
        }
    }

    /// Gives the driver a command that the library must take.
    pub(crate) fn command(&mut self, line: &Line) -> Step {
        match self.ask(line)? {
            Reply::Ok => Ok(()),
            Reply::Error(why) => Err(Stop::Broke(format!("the client refuses `{}`: {why}", line.name))),
        }
    }

    /// The line that has the driver connect, with these fields in place of the defaults.
    pub(crate) fn connect_line(&self, fields: Fields<'_>) -> Line {
        let (port, version) = (self.port().to_string(), self.version.to_string());
        let defaults: [(&str, &str); 5] = [
            ("port", &port),
            ("version", &version),
            ("client_id", "kit"),
            ("clean", "1"),
            ("keep_alive", "60"),
        ];
        let others = defaults.iter().filter(|(key, _)| fields.iter().all(|(own, _)| own != key));
        let has_properties = self.version.has_properties();
        let fields = fields.iter().filter(|(key, _)| has_properties || !ONLY_5.contains(key));
        others.chain(fields).fold(Line::new("connect"), |line, (key, value)| line.with(key, value))
    }

    fn port(&self) -> u16 {
        self.server.port()
    }

    /// Has the client connect; returns its CONNECT, which is not answered yet.
    pub(crate) fn connect(&mut self, fields: Fields<'_>) -> Step<Frame> {
        let line = self.connect_line(fields);
        self.command(&line)?;
        self.reopened()
    }

    /// Waits until the client has connected, for the first time or again; returns its CONNECT.
    pub(crate) fn reopened(&mut self) -> Step<Frame> {
        let index = self.wait("connection of the client", |item| match item {
            Item::Opened(index) => Some(*index),
            _ => None,
        })?;
        self.wait("CONNECT", |item| match item {
            Item::Packet(link, frame) if *link == index => Some(frame.clone()),
            _ => None,
        })
    }

    /// Sends CONNACK and waits until the driver reports it.
    pub(crate) fn accept(&mut self, session_present: bool, properties: &[Property<'_>]) -> Step {
        let connack = packets::connack(self.version, session_present, properties);
        self.send(&connack);
        self.report("connected").map(drop)
    }

    /// Connects a client and accepts it.
    pub(crate) fn online(&mut self, fields: Fields<'_>) -> Step {
        self.online_with(fields, &[])
    }

    pub(crate) fn online_with(&mut self, fields: Fields<'_>, properties: &[Property<'_>]) -> Step {
        self.connect(fields)?;
        self.accept(false, properties)
    }

    /// Connects a client whose session outlives its connections.
    pub(crate) fn online_persistent(&mut self) -> Step {
        self.online(PERSISTENT)
    }

    /// Cuts the connection, waits for the next, and accepts it.
    pub(crate) fn reconnect(&mut self, session_present: bool) -> Step {
        self.reconnect_with(session_present, &[])
    }

    /// The driver's report is not waited for: some libraries report a connection when all is resent and acknowledged.
    pub(crate) fn reconnect_with(&mut self, session_present: bool, properties: &[Property<'_>]) -> Step {
        self.cut();
        self.reopened()?;
        let connack = packets::connack(self.version, session_present, properties);
        self.send(&connack);
        Ok(())
    }

    /// A report of the driver.
    pub(crate) fn report(&mut self, name: &str) -> Step<Line> {
        self.wait(&format!("`{name}` from the driver"), |item| line_named(item, name))
    }

    /// A report about the operation with that identifier.
    pub(crate) fn report_of(&mut self, name: &str, id: u32) -> Step<Line> {
        let what = format!("`{name} id={id}` from the driver");
        self.wait(&what, |item| line_named(item, name).filter(|line| line.number("id") == Some(id)))
    }

    /// The next packet of that kind on the newest connection.
    pub(crate) fn expect(&mut self, kind: PacketKind) -> Step<Frame> {
        self.expect_that(&kind.to_string(), |frame| frame.packet().kind() == kind)
    }

    /// The next packet that fits on the newest connection; fails at once if the client closes it before.
    pub(crate) fn expect_that(&mut self, what: &str, fits: impl Fn(&Frame) -> bool) -> Step<Frame> {
        let newest = self.link();
        let mut closed = false;
        let found = self.wait(what, |item| match item {
            Item::Packet(link, frame) if *link == newest && fits(frame) => Some(Some(frame.clone())),
            Item::Closed(link) if *link == newest => {
                closed = true;
                Some(None)
            }
            _ => None,
        })?;
        debug_assert!(found.is_some() != closed);
        found.ok_or_else(|| Stop::Broke(format!("the client closes the connection when {what} is due")))
    }

    /// The client closes the newest connection; returns the DISCONNECT before it, if there was one.
    pub(crate) fn closed(&mut self, why: &str) -> Step<Option<Frame>> {
        self.closed_within(self.patience.min(CLOSE_MAX), why)
    }

    pub(crate) fn closed_within(&mut self, patience: Duration, why: &str) -> Step<Option<Frame>> {
        let newest = self.link();
        self.wait_for(patience, &format!("end of the connection by the client ({why})"), |item| {
            matches!(item, Item::Closed(link) if *link == newest).then_some(())
        })?;
        let frames = self.take(|item| match item {
            Item::Packet(link, frame) if *link == newest => Some(frame.clone()),
            _ => None,
        });
        Ok(frames.into_iter().find(|frame| frame.packet().kind() == PacketKind::Disconnect))
    }

    /// Has the client publish; returns the number that the driver uses for it.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str, qos: QoS) -> Step<u32> {
        let (id, line) = self.publish_line(topic, payload, qos);
        self.command(&line)?;
        Ok(id)
    }

    pub(crate) fn publish_line(&mut self, topic: &str, payload: &str, qos: QoS) -> (u32, Line) {
        let id = self.number();
        let line = Line::new("publish").with("id", id).with("topic", topic).with("payload", payload);
        (id, line.with("qos", qos.bits()).with("retain", 0))
    }

    /// A number for the next operation.
    pub(crate) fn number(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// The PUBLISH with that payload.
    pub(crate) fn expect_publish(&mut self, payload: &str) -> Step<Frame> {
        self.expect_that(&format!("PUBLISH of `{payload}`"), |frame| {
            frame.publish().is_some_and(|publish| publish.payload == payload.as_bytes())
        })
    }

    /// Has the client subscribe to a filter, and grants it.
    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) -> Step {
        let id = self.number();
        let line = Line::new("subscribe").with("id", id).with("filter", filter).with("qos", qos.bits());
        self.command(&line)?;
        let subscribe = self.expect(PacketKind::Subscribe)?;
        let suback = packets::suback(self.version, subscribe.id(), granted(qos));
        self.send(&suback);
        self.report_of("subscribed", id).map(drop)
    }

    /// Sends a message to the client.
    pub(crate) fn deliver(&mut self, message: Message<'_>) {
        let bytes = message.bytes(self.version);
        self.send(&bytes);
    }

    /// Sends an acknowledgement of that kind with reason 0.
    pub(crate) fn acknowledge(&mut self, kind: fn(Ack<'static>) -> Packet<'static>, id: u16) {
        self.acknowledge_with(kind, id, ReasonCode::Success);
    }

    pub(crate) fn acknowledge_with(
        &mut self,
        kind: fn(Ack<'static>) -> Packet<'static>,
        id: u16,
        reason: ReasonCode,
    ) {
        let bytes = packets::ack(self.version, kind, id, reason);
        self.send(&bytes);
    }

    /// Acknowledges a message of the client to its end, since some libraries resend one after the other.
    pub(crate) fn finish(&mut self, publish: &Frame) -> Step {
        let id = publish.id();
        if publish.publish().is_some_and(|publish| publish.qos == QoS::ExactlyOnce) {
            self.acknowledge(Packet::Pubrec, id);
            self.expect_that("PUBREL", |frame| {
                frame.packet().kind() == PacketKind::Pubrel && frame.id() == id
            })?;
            self.acknowledge(Packet::Pubcomp, id);
        } else {
            self.acknowledge(Packet::Puback, id);
        }
        Ok(())
    }

    /// The message with that payload reaches the program.
    pub(crate) fn message(&mut self, payload: &str) -> Step<Line> {
        self.wait(&format!("`message` with `{payload}` from the driver"), |item| {
            line_named(item, "message").filter(|line| line.get("payload") == Some(payload))
        })
    }

    /// No message with that payload has reached the program that no step has taken.
    pub(crate) fn no_message(&mut self, payload: &str, why: &str) -> Step {
        let quiet = Duration::from_millis(200);
        self.none(quiet, why, |item| {
            line_named(item, "message").is_some_and(|line| line.get("payload") == Some(payload))
        })
    }

    /// A message of QoS 1 there and its PUBACK back: the client has handled what came before. The client must be
    /// subscribed to `kit/#`.
    pub(crate) fn settle(&mut self) -> Step {
        let id = SETTLE_ID + u16::try_from(self.number()).unwrap_or_default();
        let payload = format!("settle {id}");
        self.deliver(Message::new("kit/settle", &payload, QoS::AtLeastOnce, id));
        self.expect_that("PUBACK of a message behind it", |frame| {
            frame.packet().kind() == PacketKind::Puback && frame.id() == id
        })?;
        self.message(&payload).map(drop)
    }

    /// No packet that fits is there on the newest connection, or comes for a while.
    pub(crate) fn no_packet(&mut self, quiet: Duration, what: &str, fits: impl Fn(&Frame) -> bool) -> Step {
        let newest = self.link();
        self.none(
            quiet,
            what,
            |item| matches!(item, Item::Packet(link, frame) if *link == newest && fits(frame)),
        )
    }

    /// The packets of the newest connection that no step has taken.
    pub(crate) fn packets(&mut self) -> Vec<Frame> {
        let newest = self.link();
        self.take(|item| match item {
            Item::Packet(link, frame) if *link == newest => Some(frame.clone()),
            _ => None,
        })
    }

    /// The connection is still open and the client still reads it.
    pub(crate) fn still_open(&mut self, why: &str) -> Step {
        let quiet = Duration::from_millis(100);
        let newest = self.link();
        self.none(quiet, why, |item| matches!(item, Item::Closed(link) if *link == newest))?;
        ensure(!self.is_closed(), || why.to_owned())
    }
}

/// What SUBACK says for a QoS.
pub(crate) fn granted(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::Success,
        QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
        QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
    }
}

/// Options of a client whose session outlives its connections.
pub(crate) const PERSISTENT: Fields<'static> = &[("clean", "0"), ("session_expiry", "3600")];

/// Fields of `connect` that become properties.
const ONLY_5: [&str; 4] = ["session_expiry", "receive_maximum", "maximum_packet_size", "topic_alias_maximum"];

/// How long a client may take to close a connection that it must close.
const CLOSE_MAX: Duration = Duration::from_millis(2_500);

/// Packet identifiers above all that the cases use.
const SETTLE_ID: u16 = 50_000;
