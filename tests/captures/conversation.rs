//! A client and a server that answers it, with a bit of everything that a session can be asked, recorded.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt_capture::{Recorder, Redact};
use mqtt_proto::{
    Ack, Auth, Connack, Context, Packet, PacketId, Properties, Property, QoS, ReasonCode, ReasonCodes,
    Sender, Suback, SubscribeOptions, TopicFilter, TopicName, Unsuback, Version, decode, frame_len,
};
use mqtt_session::{
    AuthAnswer, AuthStage, Command, Config, Credentials, Disconnect, Event, Input, Instant, OfflineCause,
    Publish, Session, Subscribe, Ticket, TransmitBuf, Will,
};

/// What nobody may find in a log that is masked.
pub(crate) const PAYLOADS: [&str; 4] = ["will-payload", "payload-out", "payload-in", "payload-cut-off"];
pub(crate) const SECRETS: [&str; 7] =
    ["user-name", "pass-word", "later-user", "later-pass", "first-word", "challenge", "proof-of-it"];

pub(crate) const SEED: u64 = 7;

/// A client that is recorded, and the server that it talks to.
pub(crate) struct Recorded {
    recorder: Recorder,
    session: Session,
    version: Version,
    now: Instant,
    input: BytesMut,
    /// Bytes of the server come in pieces of this many.
    piece: usize,
    tickets: Vec<Ticket>,
}

pub(crate) fn config(version: Version) -> Config {
    let is_5 = version == Version::V5_0;
    let credentials = Credentials { user_name: Some("user-name".into()), password: Some("pass-word".into()) };
    Config::new("door")
        .version(version)
        .clean_session(false)
        .credentials(Some(credentials))
        .will(Some(Will::new("will", "will-payload")))
        .authentication_method(is_5.then(|| "method".into()))
}

/// The log of a client that does a bit of everything.
pub(crate) fn record(version: Version, redact: Redact, piece: usize) -> Vec<u8> {
    let mut talk = Recorded::new(config(version), redact, piece);
    talk.publish("too/early", QoS::AtMostOnce);
    talk.submit(Command::Connect);
    talk.open();
    talk.submit(Command::Subscribe(Subscribe {
        filter: TopicFilter::new("in/#").expect("a filter"),
        options: SubscribeOptions::with_qos(QoS::ExactlyOnce),
    }));
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        talk.publish("out", qos);
        talk.pump();
        talk.server_publishes(qos);
    }
    let properties = [Property::UserProperty("a", "b"), Property::ServerKeepAlive(1)];
    talk.submit(Command::Publish(Publish {
        properties: Properties::new(&properties),
        ..Publish::new(TopicName::new("refused").expect("a name"), "payload-out")
    }));
    talk.submit(Command::Publish(Publish::new(TopicName::new("ask").expect("a name"), "payload-out")));
    talk.bound_last(Duration::from_secs(3));
    talk.pump();
    talk.submit(Command::Reauthenticate);
    talk.pump();
    talk.wait(Duration::from_secs(90));
    talk.publish("out", QoS::ExactlyOnce);
    talk.cut_in_the_middle();
    talk.set_credentials();
    talk.wait(Duration::from_secs(5));
    talk.open();
    talk.submit(Command::Unsubscribe(TopicFilter::new("in/#").expect("a filter")));
    talk.pump();
    talk.submit(Command::Disconnect(Disconnect::within(Duration::from_secs(1))));
    talk.pump();
    talk.close();
    talk.finish()
}

impl Recorded {
    pub(crate) fn new(config: Config, redact: Redact, piece: usize) -> Recorded {
        Recorded {
            recorder: Recorder::new(&config, SEED, redact),
            version: config.version,
            session: Session::new(config, SEED),
            now: Instant::from_millis(1000),
            input: BytesMut::new(),
            piece,
            tickets: Vec::new(),
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.recorder.finish(&self.session);
        self.recorder.take()
    }

    fn apply(&mut self, input: Input<'_>) {
        self.recorder.apply(&mut self.session, self.now, input).expect("it is not refused");
    }

    fn handle_bytes(&mut self) {
        let input = Input::Bytes(&mut self.input);
        self.recorder.apply(&mut self.session, self.now, input).expect("it is not refused");
    }

    /// Whether it is accepted is none of this concern: refusals are recorded too.
    pub(crate) fn submit(&mut self, command: Command<'_>) {
        let result = self.recorder.apply(&mut self.session, self.now, Input::Submit(&command));
        self.tickets.extend(result.ok().flatten());
    }

    fn publish(&mut self, topic: &str, qos: QoS) {
        let topic = TopicName::new(topic).expect("a name");
        self.submit(Command::Publish(Publish { qos, ..Publish::new(topic, "payload-out") }));
    }

    fn bound_last(&mut self, timeout: Duration) {
        let ticket = *self.tickets.last().expect("something was accepted");
        self.apply(Input::SetTimeout { ticket, timeout });
        // Nothing is quarantined, which is recorded too.
        for input in [Input::Retry(ticket), Input::GiveUp(ticket)] {
            self.recorder.apply(&mut self.session, self.now, input).expect_err("it is not quarantined");
        }
    }

    fn set_credentials(&mut self) {
        let credentials =
            Credentials { user_name: Some("later-user".into()), password: Some("later-pass".into()) };
        self.apply(Input::SetCredentials(Some(credentials)));
    }

    pub(crate) fn open(&mut self) {
        self.events();
        self.input.clear();
        self.apply(Input::Opened);
        self.pump();
    }

    fn close(&mut self) {
        self.apply(Input::Closed(OfflineCause::TransportClosed));
        self.events();
    }

    fn cut_in_the_middle(&mut self) {
        self.feed(b"\x30\x40\x00\x04in/xpayload-cut-off");
        self.close();
    }

    fn wait(&mut self, long: Duration) {
        let end = self.now + long;
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.apply(Input::Timeout);
            self.pump();
        }
        self.now = end;
        self.apply(Input::Timeout);
    }

    fn server_publishes(&mut self, qos: QoS) {
        let publish = mqtt_proto::Publish {
            dup: false,
            qos,
            retain: false,
            topic: TopicName::new("in/x").expect("a name"),
            packet_id: PacketId::new(5).filter(|_| qos != QoS::AtMostOnce),
            properties: Properties::EMPTY,
            payload: b"payload-in",
        };
        self.server_says(&Packet::Publish(publish));
    }

    fn server_says(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).expect("it is legal");
        self.feed(&bytes);
        self.pump();
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.piece) {
            self.input.extend_from_slice(piece);
            self.handle_bytes();
        }
        self.events();
    }

    /// Until both sides have said what they have to say.
    pub(crate) fn pump(&mut self) {
        let mut out = TransmitBuf::new();
        loop {
            self.events();
            if !self.recorder.poll_transmit(&mut self.session, self.now, &mut out) {
                return;
            }
            self.now = self.now + Duration::from_micros(1500);
            self.apply(Input::Written);
            let sent: Vec<u8> = out.chunks().flatten().copied().collect();
            out.clear();
            let mut rest = &sent[..];
            while let Ok(Some(len)) = frame_len(rest, u32::MAX) {
                let (packet, behind) = rest.split_at(len);
                rest = behind;
                let answer = answer(packet, self.version);
                self.feed(&answer);
            }
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.recorder.poll_event(&mut self.session) {
            match event {
                Event::Message(message) => {
                    if let Some(receipt) = message.receipt() {
                        self.apply(Input::Acknowledge { receipt, reason: ReasonCode::Success });
                    }
                }
                Event::Authentication { step, stage } => {
                    let answer = match stage {
                        AuthStage::Begin => AuthAnswer::Data("first-word".into()),
                        AuthStage::Challenge(_) => AuthAnswer::Data("proof-of-it".into()),
                        AuthStage::Verdict(_) => AuthAnswer::Accept,
                    };
                    self.apply(Input::Authenticate { step, answer });
                    self.handle_bytes();
                }
                _ => {}
            }
        }
    }
}

/// What a server says to a packet.
fn answer(packet: &[u8], version: Version) -> Vec<u8> {
    let packet = decode(packet, Context { version, sender: Some(Sender::Client) }).expect("it is legal");
    let proof = [Property::AuthenticationMethod("method"), Property::AuthenticationData(b"challenge")];
    let proof = Properties::new(&proof);
    let is_5 = version == Version::V5_0;
    let connack = |properties| {
        Packet::Connack(Connack { session_present: false, reason: ReasonCode::Success, properties })
    };
    let (answer, codes);
    answer = match packet {
        Packet::Connect(_) if is_5 => {
            Packet::Auth(Auth { reason: ReasonCode::ContinueAuthentication, properties: proof })
        }
        Packet::Connect(_) => connack(Properties::EMPTY),
        Packet::Auth(auth) if auth.reason == ReasonCode::ReAuthenticate => {
            Packet::Auth(Auth { reason: ReasonCode::Success, properties: proof })
        }
        Packet::Auth(_) => connack(proof),
        Packet::Subscribe(subscribe) => {
            codes = [ReasonCode::GrantedQoS2];
            let codes = ReasonCodes::new(&codes);
            Packet::Suback(Suback { packet_id: subscribe.packet_id, properties: Properties::EMPTY, codes })
        }
        Packet::Unsubscribe(unsubscribe) => {
            codes = [ReasonCode::Success];
            let codes = ReasonCodes::new(if is_5 { &codes } else { &[] });
            Packet::Unsuback(Unsuback {
                packet_id: unsubscribe.packet_id,
                properties: Properties::EMPTY,
                codes,
            })
        }
        Packet::Publish(publish) => match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => Packet::Puback(Ack::success(id)),
            (QoS::ExactlyOnce, Some(id)) => Packet::Pubrec(Ack::success(id)),
            _ => return Vec::new(),
        },
        Packet::Pubrel(ack) => Packet::Pubcomp(Ack::success(ack.packet_id)),
        Packet::Pingreq => Packet::Pingresp,
        _ => return Vec::new(),
    };
    let mut bytes = Vec::new();
    answer.encode(version, &mut bytes).expect("it is legal");
    bytes
}

/// A payload that has some size, for those who need one.
pub(crate) fn large() -> Bytes {
    (0..100_000).map(|index| (index % 251) as u8).collect()
}
