//! A reference machine: what session and server hold as plain lists, and what each step must send and end.
//!
//! proptest draws the steps and shrinks them; after each one, the session has sent the same packets, ended the same
//! operations and counts the same things as the lists. Polls and timeouts that nobody needed come in between.

use std::collections::VecDeque;
use std::num::NonZeroU16;

use mqtt_proto::{QoS, Version::V5_0};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::test_runner::Config as ProptestConfig;
use proptest::{prop_oneof, sample::select};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use crate::harness::{Talk, persistent};

#[derive(Clone, Debug)]
enum Step {
    Publish(QoS),
    Subscribe,
    Transmit,
    /// The server answers the oldest thing that it has not answered.
    Answer,
    Cut,
    Reconnect {
        present: bool,
    },
    /// Nothing happens, but everything is asked for again.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Queued,
    /// Sent in a session that was lost.
    Again,
    MaybeSent,
    Released,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Unsent,
    Pending,
    Granted,
}

#[derive(Clone, Copy, Debug)]
enum Unanswered {
    Publish(usize),
    Pubrel(usize),
    Subscribe(usize),
}

/// What is expected.
#[derive(Clone, Debug)]
struct Reference {
    window: usize,
    is_online: bool,
    messages: Vec<(QoS, Place)>,
    wanted: Vec<Wanted>,
    /// Filters of each SUBSCRIBE on this connection.
    packets: Vec<Vec<usize>>,
    /// PUBRELs that go out next, and messages in the order of their PUBRECs.
    pubrels: Vec<usize>,
    releases: Vec<usize>,
    replay: VecDeque<usize>,
    in_flight: usize,
    unanswered: VecDeque<Unanswered>,
    /// What the last step must have sent and ended.
    sent: Vec<String>,
    ended: Vec<String>,
}

impl Reference {
    fn transmit(&mut self) {
        for message in std::mem::take(&mut self.pubrels) {
            self.send_pubrel(message);
        }
        let unsent: Vec<usize> =
            (0..self.wanted.len()).filter(|filter| self.wanted[*filter] == Wanted::Unsent).collect();
        if !unsent.is_empty() {
            let filters: Vec<String> = unsent.iter().map(|filter| format!("f{filter}:1")).collect();
            self.sent.push(format!("SUBSCRIBE {}", filters.join(" ")));
            unsent.iter().for_each(|filter| self.wanted[*filter] = Wanted::Pending);
            self.unanswered.push_back(Unanswered::Subscribe(self.packets.len()));
            self.packets.push(unsent);
        }
        while let Some(message) = self.replay.front().copied() {
            if self.messages[message].1 == Place::Released {
                self.send_pubrel(message);
            } else if !self.send_publish(message, " dup") {
                return;
            }
            self.replay.pop_front();
        }
        for place in [Place::Again, Place::Queued] {
            for message in 0..self.messages.len() {
                if self.messages[message].1 == place && !self.send_publish(message, "") {
                    return;
                }
            }
        }
    }

    fn send_pubrel(&mut self, message: usize) {
        self.sent.push(format!("PUBREL {message}"));
        self.unanswered.push_back(Unanswered::Pubrel(message));
    }

    fn send_publish(&mut self, message: usize, dup: &str) -> bool {
        let (qos, place) = &mut self.messages[message];
        if *qos == QoS::AtMostOnce {
            *place = Place::Ended;
            self.sent.push(format!("PUBLISH {message}"));
            self.ended.push(format!("{message} done"));
            return true;
        }
        if self.in_flight == self.window {
            return false;
        }
        *place = Place::MaybeSent;
        self.in_flight += 1;
        self.sent.push(format!("PUBLISH {message}{dup}"));
        self.unanswered.push_back(Unanswered::Publish(message));
        true
    }

    fn answer(&mut self) {
        match self.unanswered.pop_front() {
            None => {}
            Some(Unanswered::Publish(message)) if self.messages[message].0 == QoS::ExactlyOnce => {
                self.messages[message].1 = Place::Released;
                self.pubrels.push(message);
                self.releases.push(message);
            }
            Some(Unanswered::Publish(message) | Unanswered::Pubrel(message)) => {
                self.messages[message].1 = Place::Ended;
                self.in_flight -= 1;
                self.ended.push(format!("{message} done"));
            }
            Some(Unanswered::Subscribe(packet)) => {
                for filter in self.packets[packet].clone() {
                    self.wanted[filter] = Wanted::Granted;
                }
            }
        }
    }

    fn cut(&mut self) {
        self.is_online = false;
        self.unanswered.clear();
        self.pubrels.clear();
        self.replay.clear();
        self.packets.clear();
        self.in_flight = 0;
        for wanted in &mut self.wanted {
            if *wanted == Wanted::Pending {
                *wanted = Wanted::Unsent;
            }
        }
    }

    fn reconnect(&mut self, present: bool) {
        self.is_online = true;
        let messages = &mut self.messages;
        if present {
            let released = self.releases.iter().filter(|message| messages[**message].1 == Place::Released);
            self.replay = released.copied().collect();
            self.in_flight = self.replay.len();
            let maybe_sent = (0..messages.len()).filter(|message| messages[*message].1 == Place::MaybeSent);
            self.replay.extend(maybe_sent);
            return;
        }
        self.releases.clear();
        self.wanted.fill(Wanted::Unsent);
        for (number, (qos, place)) in messages.iter_mut().enumerate() {
            match (&place, qos) {
                (Place::MaybeSent, QoS::AtLeastOnce) => *place = Place::Again,
                (Place::MaybeSent | Place::Released, _) => {
                    *place = Place::Ended;
                    self.ended.push(format!("{number} indeterminate"));
                }
                (Place::Queued | Place::Again | Place::Ended, _) => {}
            }
        }
    }

    fn count(&self, places: &[Place]) -> usize {
        self.messages.iter().filter(|(_, place)| places.contains(place)).count()
    }
}

struct Machine;

impl ReferenceStateMachine for Machine {
    type State = Reference;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Reference> {
        let start = |window| Reference {
            window,
            is_online: true,
            messages: Vec::new(),
            wanted: Vec::new(),
            packets: Vec::new(),
            pubrels: Vec::new(),
            releases: Vec::new(),
            replay: VecDeque::new(),
            in_flight: 0,
            unanswered: VecDeque::new(),
            sent: Vec::new(),
            ended: Vec::new(),
        };
        (1usize..4).prop_map(start).boxed()
    }

    fn transitions(_: &Reference) -> BoxedStrategy<Step> {
        let qos = select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        prop_oneof![
            4 => qos.prop_map(Step::Publish),
            1 => Just(Step::Subscribe),
            4 => Just(Step::Transmit),
            5 => Just(Step::Answer),
            1 => Just(Step::Cut),
            1 => any::<bool>().prop_map(|present| Step::Reconnect { present }),
            1 => Just(Step::Nothing),
        ]
        .boxed()
    }

    fn preconditions(state: &Reference, step: &Step) -> bool {
        match step {
            Step::Publish(_) | Step::Subscribe | Step::Nothing => true,
            Step::Transmit | Step::Cut => state.is_online,
            Step::Answer => !state.unanswered.is_empty(),
            Step::Reconnect { .. } => !state.is_online,
        }
    }

    fn apply(mut state: Reference, step: &Step) -> Reference {
        state.sent.clear();
        state.ended.clear();
        match step {
            Step::Publish(qos) => state.messages.push((*qos, Place::Queued)),
            Step::Subscribe => state.wanted.push(Wanted::Unsent),
            Step::Transmit => state.transmit(),
            Step::Answer => state.answer(),
            Step::Cut => state.cut(),
            Step::Reconnect { present } => state.reconnect(*present),
            Step::Nothing => {}
        }
        state
    }
}

/// The session, and the server's side of the wire.
struct Subject {
    talk: Talk,
    /// Messages by ticket.
    tickets: Vec<(u64, usize)>,
    filters: usize,
    /// Packets that the server has not answered, as the session wrote them.
    unanswered: VecDeque<String>,
}

impl Subject {
    /// Which message a packet is about: by its payload, or by the identifier that its PUBLISH had.
    fn sent(&mut self, names: &mut Vec<(String, usize)>) -> Vec<String> {
        let mut sent = Vec::new();
        for packet in self.talk.take_sent() {
            let words: Vec<&str> = packet.split_whitespace().collect();
            let text = match words[0] {
                "PUBLISH" => {
                    let message: usize = words[words.len() - 1].trim_matches('"').parse().expect("a number");
                    if words[2] != "qos0" {
                        names.retain(|(id, _)| id != words[3]);
                        names.push((words[3].into(), message));
                    }
                    let dup = if words.contains(&"dup") { " dup" } else { "" };
                    format!("PUBLISH {message}{dup}")
                }
                "PUBREL" => {
                    let (_, message) = names.iter().find(|(id, _)| id == words[1]).expect("it was published");
                    format!("PUBREL {message}")
                }
                "SUBSCRIBE" => format!("SUBSCRIBE {}", words[2..].join(" ")),
                other => panic!("{other}"),
            };
            if words.get(2) != Some(&"qos0") {
                self.unanswered.push_back(packet.clone());
            }
            sent.push(text);
        }
        sent
    }

    fn answer(&mut self) {
        let packet = self.unanswered.pop_front().expect("the step is possible");
        let words: Vec<&str> = packet.split_whitespace().collect();
        let answer = match (words[0], words[2..].first()) {
            ("PUBLISH", Some(&"qos1")) => format!("PUBACK {}", words[3]),
            ("PUBLISH", _) => format!("PUBREC {}", words[3]),
            ("SUBSCRIBE", _) => format!("SUBACK {}{}", words[1], " 0x01".repeat(words.len() - 2)),
            _ => format!("PUBCOMP {}", words[1]),
        };
        self.talk.server_says(&answer);
    }

    fn ended(&mut self) -> Vec<String> {
        let events = self.talk.take_events();
        let ended = events.iter().filter_map(|event| {
            let mut words = event.split_whitespace();
            (words.next() == Some("ended")).then_some(())?;
            let ticket: u64 = words.next()?.parse().ok()?;
            let (_, message) = self.tickets.iter().find(|(known, _)| *known == ticket)?;
            Some(format!("{message} {}", words.next()?))
        });
        ended.collect()
    }
}

struct Test {
    subject: Subject,
    names: Vec<(String, usize)>,
}

impl StateMachineTest for Test {
    type SystemUnderTest = Test;
    type Reference = Machine;

    fn init_test(reference: &Reference) -> Test {
        let window = u16::try_from(reference.window).ok().and_then(NonZeroU16::new);
        let config = persistent(V5_0).in_flight_max(window);
        let talk = Talk::online_with(config, "CONNACK");
        let subject = Subject { talk, tickets: Vec::new(), filters: 0, unanswered: VecDeque::new() };
        Test { subject, names: Vec::new() }
    }

    fn apply(mut test: Test, reference: &Reference, step: Step) -> Test {
        let Test { subject, names } = &mut test;
        let mut sent = Vec::new();
        match step {
            Step::Publish(qos) => {
                let message = subject.tickets.len();
                let ticket = subject.talk.publish("a", qos, &message.to_string());
                subject.tickets.push((ticket, message));
            }
            Step::Subscribe => {
                subject.talk.subscribe(&format!("f{}", subject.filters), QoS::AtLeastOnce);
                subject.filters += 1;
            }
            Step::Transmit => sent = subject.sent(names),
            Step::Answer => subject.answer(),
            Step::Cut => {
                subject.unanswered.clear();
                subject.talk.cut();
            }
            Step::Reconnect { present } => {
                subject.talk.wait_for_dial();
                subject.talk.accept(if present { "CONNACK present" } else { "CONNACK" });
            }
            Step::Nothing => subject.talk.early_timeout(),
        }
        assert_eq!(sent, reference.sent);
        assert_eq!(subject.ended(), reference.ended);
        test
    }

    fn check_invariants(test: &Test, reference: &Reference) {
        let session = test.subject.talk.session();
        assert_eq!(session.queued_messages(), reference.count(&[Place::Queued, Place::Again]));
        if reference.is_online {
            assert_eq!(session.messages_in_flight(), reference.in_flight);
        }
        let pending = reference.wanted.iter().filter(|wanted| **wanted != Wanted::Granted).count();
        assert_eq!(session.pending_subscriptions(), pending);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_session_does_what_the_lists_say(sequential 1..80 => Test);
}
