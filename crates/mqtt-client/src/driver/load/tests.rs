//! Turns as drivers take them, with what they found and when.

use super::*;

/// A connection whose turns are told one by one.
struct Turns {
    load: Load,
    now: Instant,
    traffic: Traffic,
}

impl Turns {
    fn new() -> Turns {
        let traffic = Traffic { messages: 0, packets: 0, in_flight: 0 };
        let mut load = Load::new();
        load.set_coalescing(true);
        Turns { load, now: Instant::ORIGIN + Duration::from_secs(1), traffic }
    }

    /// A turn so much later, with messages at QoS 0.
    fn turn(&mut self, after: Duration, messages: u64) -> Option<Duration> {
        self.exchange(after, messages, 0)
    }

    /// The same, with acknowledgements.
    fn exchange(&mut self, after: Duration, messages: u64, acknowledgements: u64) -> Option<Duration> {
        self.now = self.now + after;
        self.traffic.messages += messages;
        self.traffic.packets += messages + acknowledgements;
        self.load.delay(self.now, self.traffic)
    }

    /// Turns with a message each until there is a delay.
    fn until_delayed(&mut self) -> usize {
        (1..).find(|_| self.turn(SOON, 1).is_some()).expect("there is a trial at last")
    }
}

const SOON: Duration = Duration::from_micros(20);

#[test]
fn sparse_traffic_is_never_delayed() {
    let mut turns = Turns::new();
    for _turn in 0..10_000 {
        assert_eq!(turns.turn(Duration::from_micros(500), 2), None);
    }
}

#[test]
fn what_answers_at_once_is_delayed_ever_less() {
    let mut turns = Turns::new();
    let delays = (0..20_000).filter(|_| turns.exchange(SOON, 2, 2).is_some()).count();
    // At first after 16 turns, then after twice as many each time, at last after a thousand.
    assert!((7..=30).contains(&delays), "{delays} delays");
}

#[test]
fn load_is_delayed_for_as_long_as_it_gathers() {
    let mut turns = Turns::new();
    turns.until_delayed();
    assert_eq!(turns.turn(DELAY, 10), Some(DELAY_AT_QOS_0));
    for _turn in 0..100 {
        assert_eq!(turns.turn(DELAY_AT_QOS_0, 40), Some(DELAY_AT_QOS_0));
    }
    let poor = (1..).find(|_| turns.turn(DELAY_AT_QOS_0, 0).is_none() && turns.turn(SOON, 0).is_none());
    assert_eq!(poor, Some(4), "a few may gather nothing");
    assert!(turns.until_delayed() <= 8, "load that comes back is noticed soon");
}

#[test]
fn exchanges_are_delayed_for_a_short_time() {
    let mut turns = Turns::new();
    turns.until_delayed();
    assert_eq!(turns.exchange(DELAY, 10, 10), Some(DELAY));
}

#[test]
fn a_server_that_gathers_small_writes_is_looked_at_twice() {
    let mut turns = Turns::new();
    turns.until_delayed();
    for _round in 0..100 {
        assert_eq!(turns.turn(DELAY, 1), None, "it sends the rest once this is acknowledged");
        assert!(turns.turn(SOON, 20).is_some());
    }
}

#[test]
fn an_adapter_that_cannot_wait_is_not_asked_to() {
    let mut turns = Turns::new();
    turns.load.set_coalescing(false);
    assert!((0..100).all(|_| turns.turn(SOON, 5).is_none()));
    turns.traffic.in_flight = LOADED_FROM;
    assert!((0..100).all(|_| turns.exchange(SOON, 5, 5).is_none()));
}

#[test]
fn many_messages_in_flight_need_no_trial() {
    let mut turns = Turns::new();
    turns.traffic.in_flight = LOADED_FROM;
    assert_eq!(turns.exchange(SOON, 0, 1), Some(DELAY));
    assert_eq!(turns.exchange(DELAY, 0, 0), None, "the server has nothing to say");
}
