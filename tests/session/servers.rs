//! Several servers, servers that send their clients elsewhere, and credentials for each attempt.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use mqtt_proto::Version::V5_0;
use mqtt_session::{Credentials, OfflineCause, Reconnect, ServerOrder, Servers, SessionRefusal, Target};

use crate::harness::{BOTH, Talk, clean, secs};

fn servers(count: u16, order: ServerOrder, redirects_max: u8) -> Servers {
    let count = NonZeroU16::new(count).expect("not 0");
    Servers::default().count(count).order(order).redirects_max(redirects_max)
}

fn three(order: ServerOrder, retry_first: bool, seed: u64) -> Talk {
    let reconnect = Reconnect::default().retry_first(retry_first);
    let mut talk = Talk::seeded(clean(V5_0).servers(servers(3, order, 0)).reconnect(reconnect), seed);
    talk.connect();
    talk
}

fn number(talk: &Talk) -> u16 {
    match talk.session().target() {
        Target::Listed(number) => number,
        Target::Named(name) => panic!("{name}"),
    }
}

/// The servers of one round, all of which fail, and whether each next one was tried at once.
fn round(talk: &mut Talk) -> (Vec<u16>, Vec<bool>) {
    let mut tried = Vec::new();
    let mut at_once = Vec::new();
    for _server in 0..3 {
        tried.push(number(talk));
        talk.closed(OfflineCause::DialFailed);
        at_once.push(talk.due_in().is_some_and(|due| due.is_zero()));
        talk.wait_for_dial();
    }
    (tried, at_once)
}

#[test]
fn a_round_tries_all_servers_in_their_order_before_it_waits() {
    let mut talk = three(ServerOrder::Listed, true, 1);
    for _round in 0..3 {
        assert_eq!(round(&mut talk), (vec![0, 1, 2], vec![true, true, false]));
    }
}

#[test]
fn shuffled_rounds_differ_and_leave_none_out() {
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let mut talk = three(ServerOrder::Shuffled, true, seed);
        for _round in 0..4 {
            let (tried, _) = round(&mut talk);
            assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), 3, "{tried:?}");
            orders.insert(tried);
        }
    }
    assert_eq!(orders.len(), 6);
    let orders_of = |seed| round(&mut three(ServerOrder::Shuffled, true, seed)).0;
    assert_eq!(orders_of(7), orders_of(7));
}

#[test]
fn a_first_connection_fails_when_all_servers_were_tried() {
    let mut talk = three(ServerOrder::Listed, false, 1);
    for _server in 0..2 {
        talk.closed(OfflineCause::DialFailed);
        talk.wait_for_dial();
    }
    talk.take_events();
    talk.closed(OfflineCause::DialFailed);
    talk.events(["offline: the server cannot be reached; stop", "ended 1 rejected Offline(DialFailed)"]);
}

#[test]
fn after_a_connection_the_first_server_comes_first_again() {
    let mut talk = three(ServerOrder::Listed, false, 1);
    talk.closed(OfflineCause::DialFailed);
    talk.wait_for_dial();
    assert_eq!(number(&talk), 1);
    talk.accept("CONNACK");
    talk.cut();
    talk.wait_for_dial();
    assert_eq!(number(&talk), 0);
}

fn following(redirects_max: u8) -> Talk {
    let servers = servers(1, ServerOrder::Listed, redirects_max);
    let mut talk = Talk::new(clean(V5_0).servers(servers));
    talk.connect();
    talk
}

#[test]
fn a_client_goes_where_a_server_sends_it_if_it_may() {
    for code in ["0x9c", "0x9d"] {
        let mut talk = following(2);
        talk.accept(&format!("CONNACK {code} server=other:1884"));
        assert_eq!(talk.due_in(), Some(secs(0)), "at once");
        talk.wait_for_dial();
        assert_eq!(talk.session().target(), Target::Named("other:1884"));
        talk.accept("CONNACK");
        talk.server_says(&format!("DISCONNECT {code} server=third"));
        talk.wait_for_dial();
        assert_eq!(talk.session().target(), Target::Named("third"));
        talk.accept("CONNACK");
        talk.cut();
        talk.wait_for_dial();
        // A move is for good, a detour is not.
        let expected = if code == "0x9d" { Target::Named("third") } else { Target::Listed(0) };
        assert_eq!(talk.session().target(), expected, "{code}");
    }
}

#[test]
fn servers_that_send_their_clients_round_in_circles_are_waited_for() {
    let mut talk = following(3);
    talk.accept("CONNACK");
    for _hop in 0..3 {
        talk.server_says("DISCONNECT 0x9c server=other");
        assert_eq!(talk.due_in(), Some(secs(0)));
        talk.wait_for_dial();
        talk.accept("CONNACK");
    }
    talk.server_says("DISCONNECT 0x9c server=other");
    assert!(talk.due_in().is_some_and(|due| !due.is_zero()), "{:?}", talk.due_in());
    talk.wait_for_dial();
    assert_eq!(talk.session().target(), Target::Listed(0));
}

#[test]
fn nobody_is_followed_unless_allowed() {
    let mut talk = following(0);
    talk.accept("CONNACK");
    talk.take_events();
    talk.server_says("DISCONNECT 0x9c server=other");
    talk.wait_for_dial();
    assert_eq!(talk.session().target(), Target::Listed(0));
    talk.accept("CONNACK");
    talk.take_events();
    talk.server_says("DISCONNECT 0x9d server=other");
    talk.events(["offline: the server disconnected: server moved (0x9d); stop"]);
}

fn asking() -> Talk {
    let mut talk = Talk::new(clean(V5_0).asks_credentials(true));
    talk.connect();
    talk.events(["CredentialsWanted { attempt: 1 }"]);
    talk
}

fn credentials(user_name: &str) -> Option<Credentials> {
    Some(Credentials { user_name: Some(user_name.into()), password: None })
}

#[test]
fn connect_waits_for_the_credentials_of_its_attempt() {
    let mut talk = asking();
    talk.opened();
    talk.sends_nothing();
    talk.set_credentials(credentials("first")).expect("they have an encoding");
    assert!(talk.take_sent()[0].ends_with(" user first"));
    talk.server_says("CONNACK");
    talk.cut();
    talk.wait_for_dial();
    assert_eq!(talk.take_events().last().map(String::as_str), Some("CredentialsWanted { attempt: 2 }"));
    // Given before the link is open.
    talk.set_credentials(credentials("second")).expect("they have an encoding");
    talk.opened();
    assert!(talk.take_sent()[0].ends_with(" user second"));
}

#[test]
fn credentials_that_do_not_come_are_not_waited_for_for_ever() {
    let mut talk = asking();
    talk.opened();
    talk.wait(secs(6));
    talk.events([
        "offline: the server sent no CONNACK in time; stop",
        "ended 1 rejected Offline(ConnackTimedOut)",
    ]);
    talk.sends_nothing();
}

#[test]
fn credentials_without_an_encoding_are_refused() {
    for version in BOTH {
        let mut talk = Talk::new(clean(version).asks_credentials(true));
        talk.connect();
        talk.opened();
        let refused = talk.set_credentials(credentials(&"x".repeat(70_000)));
        assert!(matches!(refused, Err(SessionRefusal::Config(_))), "{refused:?}");
        talk.sends_nothing();
        talk.set_credentials(None).expect("none are credentials too");
        assert_eq!(talk.take_sent().len(), 1);
    }
}
