//! Two messages from the client to a server that may forget.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{Ack, Context, Packet, PacketId, QoS, Sender, TopicName, Version, decode, frame_len};
use mqtt_session::{
    Command, Config, Event, Input, Instant, OfflineCause, Outcome, Publish, Reconnect, Session, TransmitBuf,
    Transport,
};

use crate::search::{self, session_state};

/// When the server passes a QoS 2 message on; the standard allows both.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Takes {
    AtPublish,
    AtPubrel,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) version: Version,
    pub(crate) qos: [QoS; 2],
    pub(crate) window: u16,
    pub(crate) takes_at: Takes,
    pub(crate) cuts_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The application publishes the next message.
    Publish,
    /// The client writes what it has to say.
    Write,
    /// The server reads one packet.
    Serve,
    /// The client reads one packet.
    Read,
    /// Everything on the wire is lost, and the client connects again.
    Cut,
    /// The same, and the server has lost the session.
    CutAndForget,
}

pub(crate) struct World {
    scope: Scope,
    session: Session,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    published: usize,
    cuts: usize,
    forgotten: usize,
    outcomes: [Option<Outcome>; 2],
    server: Server,
}

#[derive(Debug, Default)]
struct Server {
    has_session: bool,
    /// QoS 2 identifiers between PUBLISH and PUBREL, with their messages.
    known: Vec<(u16, usize)>,
    /// Messages in the order in which they were passed on.
    passed_on: Vec<usize>,
    in_flight: BTreeSet<u16>,
}

/// Time stands still: waits between attempts are turned off.
const NOW: Instant = Instant::from_millis(1000);

impl World {
    pub(crate) fn new(scope: Scope) -> World {
        let reconnect = Reconnect::default().after(Duration::ZERO).after_max(Duration::ZERO);
        let config = Config::new("c")
            .version(scope.version)
            .clean_session(false)
            .reconnect(reconnect)
            .in_flight_max(NonZeroU16::new(scope.window));
        let mut world = World {
            scope,
            session: Session::new(config, 1),
            up: VecDeque::new(),
            down: VecDeque::new(),
            published: 0,
            cuts: 0,
            forgotten: 0,
            outcomes: [None; 2],
            server: Server::default(),
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
        let present = u8::from(std::mem::replace(&mut self.server.has_session, true));
        self.server.in_flight.clear();
        let connack = match self.scope.version {
            Version::V5_0 => vec![0x20, 3, present, 0, 0],
            _ => vec![0x20, 2, present, 0],
        };
        self.session.apply(NOW, Input::Bytes(&mut BytesMut::from(&connack[..]))).expect("it only happens");
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Ended { ticket, outcome } if ticket.get() > 1 => {
                    let slot = &mut self.outcomes[ticket.get() as usize - 2];
                    assert_eq!(*slot, None, "{ticket:?} ends twice");
                    *slot = Some(outcome);
                }
                Event::Offline { cause: OfflineCause::PeerFault(fault), .. } => panic!("{fault}"),
                _ => {}
            }
        }
    }

    fn publish(&mut self) -> bool {
        if self.published == 2 {
            return false;
        }
        let qos = self.scope.qos[self.published];
        let topic = TopicName::new("a").expect("a topic name");
        let publish = Publish { qos, ..Publish::new(topic, vec![self.published as u8]) };
        self.session.submit(NOW, &Command::Publish(publish)).expect("it is accepted");
        self.published += 1;
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
        let answer = match decode(&packet, context).expect("the session sends legal packets") {
            Packet::Publish(publish) => {
                let message = usize::from(publish.payload[0]);
                match publish.packet_id {
                    None => {
                        self.server.passed_on.push(message);
                        return true;
                    }
                    Some(id) => self.take_publish(id, publish.qos, message),
                }
            }
            Packet::Pubrel(ack) => {
                let known = self.server.known.iter().position(|(id, _)| *id == ack.packet_id.get());
                let known = known.map(|index| self.server.known.remove(index));
                if let (Some((_, message)), Takes::AtPubrel) = (known, self.scope.takes_at) {
                    self.server.passed_on.push(message);
                }
                self.server.in_flight.remove(&ack.packet_id.get());
                Packet::Pubcomp(Ack::success(ack.packet_id))
            }
            other => panic!("{other:?}"),
        };
        let mut bytes = Vec::new();
        answer.encode(self.scope.version, &mut bytes).expect("it has an encoding");
        self.down.push_back(bytes);
        true
    }

    fn take_publish(&mut self, id: PacketId, qos: QoS, message: usize) -> Packet<'static> {
        self.server.in_flight.insert(id.get());
        assert!(self.server.in_flight.len() <= usize::from(self.scope.window), "the window is overrun");
        if qos == QoS::AtLeastOnce {
            self.server.passed_on.push(message);
            self.server.in_flight.remove(&id.get());
            return Packet::Puback(Ack::success(id));
        }
        match self.server.known.iter().find(|(known, _)| *known == id.get()) {
            Some((_, other)) => assert_eq!(*other, message, "one identifier for two messages"),
            None => {
                self.server.known.push((id.get(), message));
                if let Takes::AtPublish = self.scope.takes_at {
                    self.server.passed_on.push(message);
                }
            }
        }
        Packet::Pubrec(Ack::success(id))
    }

    fn read(&mut self) -> bool {
        let Some(packet) = self.down.pop_front() else { return false };
        self.session.apply(NOW, Input::Bytes(&mut BytesMut::from(&packet[..]))).expect("it only happens");
        true
    }

    fn cut(&mut self, forgets: bool) -> bool {
        if self.cuts == self.scope.cuts_max {
            return false;
        }
        self.cuts += 1;
        self.up.clear();
        self.down.clear();
        if forgets {
            self.forgotten += 1;
            self.server.has_session = false;
            self.server.known.clear();
        }
        self.session.apply(NOW, Input::Closed(OfflineCause::TransportClosed)).expect("it only happens");
        self.connect();
        true
    }

    /// What holds at every moment.
    fn check(&self) {
        for (message, qos) in self.scope.qos.iter().enumerate() {
            let count = self.server.passed_on.iter().filter(|passed| **passed == message).count();
            let is_kept = match (qos, self.outcomes[message]) {
                (_, Some(Outcome::Rejected(_))) => count == 0,
                (QoS::AtLeastOnce, Some(Outcome::Done(_))) => count >= 1,
                (QoS::ExactlyOnce, Some(Outcome::Done(_))) => count == 1,
                (QoS::AtMostOnce | QoS::ExactlyOnce, _) => count <= 1,
                (QoS::AtLeastOnce, _) => true,
            };
            assert!(is_kept, "message {message} was passed on {count} times: {:?}", self.outcomes[message]);
        }
        let first_of = |message| self.server.passed_on.iter().position(|passed| *passed == message);
        if let ([one, two], Some(first), Some(second)) = (self.scope.qos, first_of(0), first_of(1)) {
            // Messages of one QoS keep their order, as long as the server keeps the session.
            assert!(one != two || self.forgotten > 0 || first < second, "{:?}", self.server.passed_on);
        }
    }
}

impl search::World for World {
    type Step = Step;

    const STEPS: &'static [Step] =
        &[Step::Publish, Step::Write, Step::Serve, Step::Read, Step::Cut, Step::CutAndForget];

    fn take(&mut self, step: Step) -> bool {
        let is_changed = match step {
            Step::Publish => self.publish(),
            Step::Write => self.write(),
            Step::Serve => self.serve(),
            Step::Read => self.read(),
            Step::Cut => self.cut(false),
            Step::CutAndForget => self.cut(true),
        };
        self.take_events();
        self.check();
        is_changed
    }

    fn fingerprint(&self) -> String {
        let World { up, down, published, cuts, forgotten, outcomes, server, .. } = self;
        let session = session_state(&self.session);
        format!("{up:?} {down:?} {published} {cuts} {forgotten} {outcomes:?} {server:?} {session}")
    }

    fn check_end(&mut self) {
        assert!(self.outcomes.iter().all(Option::is_some), "{:?}", self.outcomes);
        assert_eq!(self.session.messages_in_flight(), 0);
        assert_eq!(self.session.queued_messages(), 0);
        if self.forgotten == 0 {
            let is_done = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Done(_)));
            assert!(self.outcomes.iter().all(is_done), "{:?}", self.outcomes);
        }
    }

    fn is_fault(step: Step) -> bool {
        matches!(step, Step::Cut | Step::CutAndForget)
    }
}
