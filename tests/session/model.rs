//! A reference run: random messages to a small server that acknowledges late, forgets, and loses the link at
//! random; then it heals, and what it got is compared with what was promised.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU16;

use mqtt_proto::{QoS, Version};
use mqtt_session::{Event, Outcome};

use crate::harness::{BOTH, Talk, persistent, secs};

/// Numbers from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

/// What a server has to know to receive messages.
#[derive(Default)]
struct Server {
    has_session: bool,
    /// QoS 2 identifiers between PUBLISH and PUBREL.
    known: BTreeSet<String>,
    /// Payloads in the order in which subscribers got them.
    delivered: Vec<String>,
    /// Not yet sent.
    answers: VecDeque<String>,
    in_flight: BTreeSet<String>,
}

impl Server {
    fn take(&mut self, packet: &str, window: usize) {
        let words: Vec<&str> = packet.split_whitespace().collect();
        let payload = || words[words.len() - 1].trim_matches('"').to_owned();
        match (words[0], words.get(2).copied()) {
            ("PUBLISH", Some("qos0")) => self.delivered.push(payload()),
            ("PUBLISH", Some(qos)) => {
                let id = words[3].to_owned();
                self.in_flight.insert(id.clone());
                assert!(self.in_flight.len() <= window, "{:?}", self.in_flight);
                if qos == "qos1" || self.known.insert(id.clone()) {
                    self.delivered.push(payload());
                }
                let answer = if qos == "qos1" { "PUBACK" } else { "PUBREC" };
                self.answers.push_back(format!("{answer} {id}"));
            }
            ("PUBREL", _) => {
                self.known.remove(words[1]);
                self.answers.push_back(format!("PUBCOMP {}", words[1]));
            }
            ("PINGREQ", _) => self.answers.push_back("PINGRESP".into()),
            other => panic!("{other:?}"),
        }
    }

    fn connack(&mut self) -> &'static str {
        self.answers.clear();
        self.in_flight.clear();
        if std::mem::replace(&mut self.has_session, true) { "CONNACK present" } else { "CONNACK" }
    }

    fn forget(&mut self) {
        self.has_session = false;
        self.known.clear();
    }
}

/// Messages and what became of them.
struct World {
    talk: Talk,
    server: Server,
    window: usize,
    sent: BTreeMap<u64, (QoS, String)>,
    outcomes: BTreeMap<u64, Outcome>,
}

impl World {
    fn new(version: Version, seed: u64, window: u16) -> World {
        let config = persistent(version).in_flight_max(NonZeroU16::new(window));
        let mut talk = Talk::seeded(config, seed);
        let mut server = Server::default();
        talk.connect();
        talk.accept(server.connack());
        talk.events(["online", "ended 1 done 0x00"]);
        World { talk, server, window: usize::from(window), sent: BTreeMap::new(), outcomes: BTreeMap::new() }
    }

    fn publish(&mut self, qos: QoS) {
        let payload = format!("m{}", self.sent.len());
        let ticket = self.talk.publish("a", qos, &payload);
        self.sent.insert(ticket, (qos, payload));
    }

    /// The client writes; of that, the server gets the first `count` packets.
    fn deliver(&mut self, count: usize) {
        for packet in self.talk.take_sent().iter().take(count) {
            self.server.take(packet, self.window);
        }
    }

    fn answer(&mut self, count: usize) {
        for _answer in 0..count {
            let Some(answer) = self.server.answers.pop_front() else { break };
            if !answer.starts_with("PUBREC") {
                let id = answer.split_whitespace().nth(1).unwrap_or_default();
                self.server.in_flight.remove(id);
            }
            self.talk.server_says(&answer);
        }
    }

    fn cut(&mut self, is_forgotten: bool) {
        self.talk.cut();
        if is_forgotten {
            self.server.forget();
        }
        self.talk.wait_for_dial();
        let connack = self.server.connack();
        self.talk.accept(connack);
    }

    fn take_ends(&mut self) {
        while let Some(event) = self.talk.next_event() {
            if let Event::Ended { ticket, outcome } = event {
                assert_eq!(self.outcomes.insert(ticket.get(), outcome), None, "{ticket:?} ends twice");
            }
        }
    }

    fn step(&mut self, dice: &mut Dice, forgets: bool) {
        if dice.one_in(2) {
            let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][dice.below(3) as usize];
            self.publish(qos);
        }
        if dice.one_in(3) {
            self.deliver(usize::MAX);
        }
        if dice.one_in(3) {
            self.answer(dice.below(4) as usize);
        }
        if dice.one_in(12) {
            self.deliver(dice.below(3) as usize);
            let is_forgotten = forgets && dice.one_in(2);
            self.cut(is_forgotten);
        }
        self.talk.wait(secs(dice.below(2)));
        self.take_ends();
    }

    /// No more faults: everything must end.
    fn heal(&mut self) {
        for _round in 0..2_000 {
            self.deliver(usize::MAX);
            self.answer(usize::MAX);
            self.take_ends();
            if self.outcomes.len() == self.sent.len() {
                return;
            }
        }
        panic!("{} of {} messages have ended", self.outcomes.len(), self.sent.len());
    }

    /// How often each message came, and the order in which those of one QoS first came.
    fn check(&self) {
        for (ticket, (qos, payload)) in &self.sent {
            let count = self.server.delivered.iter().filter(|delivered| *delivered == payload).count();
            let is_kept = match (qos, self.outcomes[ticket]) {
                (QoS::AtMostOnce, _) => count <= 1,
                (QoS::AtLeastOnce, Outcome::Done(_)) => count >= 1,
                (QoS::ExactlyOnce, Outcome::Done(_)) => count == 1,
                (QoS::ExactlyOnce, Outcome::Indeterminate(_)) => count <= 1,
                (_, Outcome::Rejected(_)) => count == 0,
                (QoS::AtLeastOnce, Outcome::Indeterminate(_)) => true,
            };
            assert!(is_kept, "{payload} {qos:?} {:?} came {count} times", self.outcomes[ticket]);
        }
    }

    fn check_order(&self) {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let of_qos: Vec<&String> =
                self.sent.values().filter(|sent| sent.0 == qos).map(|sent| &sent.1).collect();
            let mut seen = BTreeSet::new();
            let first = self.server.delivered.iter().filter(|payload| seen.insert(payload.as_str()));
            let came: Vec<&String> = first.filter(|payload| of_qos.contains(payload)).collect();
            let expected: Vec<&String> =
                of_qos.into_iter().filter(|payload| came.contains(payload)).collect();
            assert_eq!(came, expected, "{qos:?}");
        }
    }
}

fn run(seed: u64, version: Version, forgets: bool) -> World {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = World::new(version, seed, 1 + dice.below(5) as u16);
    for _step in 0..150 {
        world.step(&mut dice, forgets);
    }
    world.heal();
    world.check();
    world
}

/// [5.0 MQTT-4.3.3-1] [5.0 MQTT-4.6.0-1] [3.1.1 MQTT-4.3.3-1] [3.1.1 MQTT-4.6.0-1] [3.1.1 MQTT-7.0.0-2]
#[test]
fn a_kept_session_gets_qos_1_at_least_once_and_qos_2_exactly_once_in_order() {
    for seed in 0..60 {
        for version in BOTH {
            let world = run(seed, version, false);
            world.check_order();
            let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
            assert!(world.outcomes.values().all(is_done), "seed {seed}");
        }
    }
}

#[test]
fn a_session_that_is_lost_now_and_then_doubles_no_qos_2_and_every_ticket_ends() {
    for seed in 0..60 {
        for version in BOTH {
            run(seed, version, true);
        }
    }
}
