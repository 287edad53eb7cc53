//! Two messages from a server, which may forget, to an application that acknowledges in any order.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{
    Ack, Context, Packet, PacketId, Properties, Publish, QoS, ReasonCode, Sender, TopicName, Version, decode,
    frame_len,
};
use mqtt_session::{
    Command, Config, Event, Input, Instant, OfflineCause, Receipt, Reconnect, Session, TransmitBuf, Transport,
};

use crate::search::{self, session_state};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) version: Version,
    pub(crate) qos: [QoS; 2],
    /// The client's receive maximum.
    pub(crate) window: u16,
    pub(crate) cuts_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The server sends the next message that its window allows.
    Send,
    /// The client reads one packet.
    Read,
    /// The application acknowledges the oldest, or the newest, message that it holds.
    AcknowledgeOldest,
    AcknowledgeNewest,
    /// The client writes what it has to say.
    Write,
    /// The server reads one packet.
    Serve,
    /// Everything on the wire is lost, and the client connects again.
    Cut,
    /// The same, and the server has lost the session.
    CutAndForget,
}

/// How far the server is with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    New,
    Sent,
    Released,
    Ended,
    /// It was lost with the session.
    Forgotten,
}

pub(crate) struct World {
    scope: Scope,
    session: Session,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    cuts: usize,
    has_session: bool,
    messages: [Sending; 2],
    /// How often each came to the application in one session.
    delivered: [usize; 2],
    held: Vec<(usize, Receipt)>,
    acknowledged: [bool; 2],
    /// Identifiers of PUBACK and PUBREC in the order in which they came on this connection.
    answers: Vec<u16>,
    sent: Vec<u16>,
}

const NOW: Instant = Instant::from_millis(1000);

impl World {
    pub(crate) fn new(scope: Scope) -> World {
        let reconnect = Reconnect::default().after(Duration::ZERO).after_max(Duration::ZERO);
        let config = Config::new("c")
            .version(scope.version)
            .clean_session(false)
            .reconnect(reconnect)
            .receive_maximum(NonZeroU16::new(scope.window).expect("not 0"));
        let mut world = World {
            scope,
            session: Session::new(config, 1),
            up: VecDeque::new(),
            down: VecDeque::new(),
            cuts: 0,
            has_session: false,
            messages: [Sending::New; 2],
            delivered: [0; 2],
            held: Vec::new(),
            acknowledged: [false; 2],
            answers: Vec::new(),
            sent: Vec::new(),
        };
        world.session.submit(NOW, &Command::Connect).expect("it is accepted");
        world.connect();
        world
    }

    fn connect(&mut self) {
        self.session.apply(NOW, Input::Timeout).expect("it only happens");
        assert!(matches!(self.session.poll_transport(), Transport::Open { .. }));
        self.session.apply(NOW, Input::Opened).expect("it only happens");
        self.session.poll_transmit(NOW, &mut TransmitBuf::new());
        let present = u8::from(std::mem::replace(&mut self.has_session, true));
        let connack = match self.scope.version {
            Version::V5_0 => vec![0x20, 3, present, 0, 0],
            _ => vec![0x20, 2, present, 0],
        };
        self.session.apply(NOW, Input::Bytes(&mut BytesMut::from(&connack[..]))).expect("it only happens");
        self.answers.clear();
        self.sent.clear();
        self.take_events();
        // What is under way is repeated before anything new.
        for message in 0..2 {
            match self.messages[message] {
                Sending::Sent => self.put_publish(message, true),
                Sending::Released => self.put_pubrel(message),
                Sending::New | Sending::Ended | Sending::Forgotten => {}
            }
        }
    }

    fn put(&mut self, packet: Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.scope.version, &mut bytes).expect("it has an encoding");
        self.down.push_back(bytes);
    }

    fn put_publish(&mut self, message: usize, dup: bool) {
        let qos = self.scope.qos[message];
        let packet_id = if qos == QoS::AtMostOnce { None } else { Some(id_of(message)) };
        self.sent.extend(packet_id.map(PacketId::get));
        let topic = TopicName::new("a").expect("a topic name");
        let payload = &[message as u8];
        let properties = Properties::EMPTY;
        self.put(Packet::Publish(Publish { dup, qos, retain: false, topic, packet_id, properties, payload }));
    }

    fn put_pubrel(&mut self, message: usize) {
        self.put(Packet::Pubrel(Ack::success(id_of(message))));
    }

    fn send(&mut self) -> bool {
        let under_way =
            self.messages.iter().filter(|m| matches!(m, Sending::Sent | Sending::Released)).count();
        let Some(message) = self.messages.iter().position(|m| *m == Sending::New) else { return false };
        let qos = self.scope.qos[message];
        if qos > QoS::AtMostOnce && under_way >= usize::from(self.scope.window) {
            return false;
        }
        self.put_publish(message, false);
        self.messages[message] = if qos == QoS::AtMostOnce { Sending::Ended } else { Sending::Sent };
        true
    }

    fn read(&mut self) -> bool {
        let Some(packet) = self.down.pop_front() else { return false };
        self.session.apply(NOW, Input::Bytes(&mut BytesMut::from(&packet[..]))).expect("it only happens");
        true
    }

    fn take_events(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Message(message) => {
                    let number = usize::from(message.payload()[0]);
                    self.delivered[number] += 1;
                    self.held.extend(message.receipt().map(|receipt| (number, receipt)));
                }
                Event::Offline { cause: OfflineCause::PeerFault(fault), .. } => panic!("{fault}"),
                _ => {}
            }
        }
    }

    fn acknowledge(&mut self, index: usize) -> bool {
        if index >= self.held.len() {
            return false;
        }
        let (message, receipt) = self.held.remove(index);
        self.acknowledged[message] = true;
        self.session
            .apply(NOW, Input::Acknowledge { receipt, reason: ReasonCode::Success })
            .expect("it only happens");
        true
    }

    fn write(&mut self) -> bool {
        let mut out = TransmitBuf::new();
        if !self.session.poll_transmit(NOW, &mut out) {
            return false;
        }
        let mut bytes: Vec<u8> = out.chunks().flatten().copied().collect();
        while !bytes.is_empty() {
            let len = frame_len(&bytes, u32::MAX).expect("legal").expect("whole");
            let rest = bytes.split_off(len);
            self.up.push_back(std::mem::replace(&mut bytes, rest));
        }
        true
    }

    fn serve(&mut self) -> bool {
        let Some(packet) = self.up.pop_front() else { return false };
        let context = Context { version: self.scope.version, sender: Some(Sender::Client) };
        match decode(&packet, context).expect("the session sends legal packets") {
            Packet::Puback(ack) => self.take_answer(&ack, QoS::AtLeastOnce, Sending::Ended),
            Packet::Pubrec(ack) => {
                self.take_answer(&ack, QoS::ExactlyOnce, Sending::Released);
                self.put_pubrel(message_of(ack.packet_id));
            }
            Packet::Pubcomp(ack) => {
                let message = message_of(ack.packet_id);
                assert_eq!(self.messages[message], Sending::Released);
                self.messages[message] = Sending::Ended;
            }
            other => panic!("{other:?}"),
        }
        true
    }

    fn take_answer(&mut self, ack: &Ack<'_>, qos: QoS, next: Sending) {
        let message = message_of(ack.packet_id);
        assert_eq!((self.messages[message], self.scope.qos[message]), (Sending::Sent, qos));
        assert!(
            self.acknowledged[message],
            "message {message} was acknowledged behind the application's back"
        );
        self.messages[message] = next;
        self.answers.push(ack.packet_id.get());
        assert_eq!(self.answers, self.sent[..self.answers.len()], "answers come in the order of arrival");
    }

    fn cut(&mut self, forgets: bool) -> bool {
        if self.cuts == self.scope.cuts_max {
            return false;
        }
        self.cuts += 1;
        self.up.clear();
        self.down.clear();
        if forgets {
            self.has_session = false;
            for message in &mut self.messages {
                if matches!(message, Sending::Sent | Sending::Released) {
                    *message = Sending::Forgotten;
                }
            }
        }
        self.session.apply(NOW, Input::Closed(OfflineCause::TransportClosed)).expect("it only happens");
        self.connect();
        true
    }

    fn check(&self) {
        for (message, qos) in self.scope.qos.iter().enumerate() {
            if *qos != QoS::AtLeastOnce {
                assert!(self.delivered[message] <= 1, "message {message} came {:?}", self.delivered);
            }
            if self.messages[message] == Sending::Ended && *qos != QoS::AtMostOnce {
                assert!(self.delivered[message] >= 1, "message {message} never came");
            }
        }
    }
}

/// Numbers from the end of the space, so that an index in a table is no accident.
fn id_of(message: usize) -> PacketId {
    PacketId::new(100 + message as u16).expect("not 0")
}

fn message_of(id: PacketId) -> usize {
    usize::from(id.get()) - 100
}

impl search::World for World {
    type Step = Step;

    const STEPS: &'static [Step] = &[
        Step::Send,
        Step::Read,
        Step::AcknowledgeOldest,
        Step::AcknowledgeNewest,
        Step::Write,
        Step::Serve,
        Step::Cut,
        Step::CutAndForget,
    ];

    fn take(&mut self, step: Step) -> bool {
        let is_changed = match step {
            Step::Send => self.send(),
            Step::Read => self.read(),
            Step::AcknowledgeOldest => self.acknowledge(0),
            Step::AcknowledgeNewest => self.held.len() > 1 && self.acknowledge(self.held.len() - 1),
            Step::Write => self.write(),
            Step::Serve => self.serve(),
            Step::Cut => self.cut(false),
            Step::CutAndForget => self.cut(true),
        };
        self.take_events();
        self.check();
        is_changed
    }

    fn fingerprint(&self) -> String {
        let World { up, down, cuts, messages, delivered, held, acknowledged, answers, sent, .. } = self;
        let session = session_state(&self.session);
        format!(
            "{up:?} {down:?} {cuts} {messages:?} {delivered:?} {held:?} {acknowledged:?} {answers:?} {sent:?} {session}"
        )
    }

    fn check_end(&mut self) {
        for (message, sending) in self.messages.iter().enumerate() {
            assert!(matches!(sending, Sending::Ended | Sending::Forgotten), "message {message}: {sending:?}");
        }
        assert!(self.held.is_empty());
    }

    fn is_fault(step: Step) -> bool {
        matches!(step, Step::Cut | Step::CutAndForget)
    }
}
