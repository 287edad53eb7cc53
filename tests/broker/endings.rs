//! Connections that the broker ends are gone soon, whatever their clients do: they neither read nor close.

use std::time::Duration;

use mqtt_smol::broker::Config;

use crate::raw::{Raw, TOO_LONG, broker, packet, publish, until};

#[test]
fn silence_garbage_and_faults_end_a_connection_that_the_client_keeps() {
    let config = Config::default().connect_timeout(Duration::from_millis(50));
    let broker = broker(config);
    let mut kept = Vec::new();
    // No CONNECT, half of one, something else, and what is no packet.
    for begun in [&b""[..], b"\x10\x20\0\x04MQ", b"hello", b"\x10\x02\0\0"] {
        let mut client = Raw::open(&broker);
        client.say(begun);
        kept.push(client);
    }
    // A second CONNECT, and what no client may send.
    for fault in [&b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01z"[..], b"\x20\x02\0\0"] {
        let mut client = Raw::connect(&broker, &format!("c{}", fault[1]), 0);
        client.say(fault);
        kept.push(client);
    }
    until(&broker, "all are gone", |broker| broker.stats().connections == 0);
    assert!(kept.iter_mut().all(Raw::is_ended));
}

#[test]
fn a_client_that_falls_silent_is_gone_although_it_keeps_its_socket() {
    let broker = broker(Config::default());
    let mut silent = Raw::connect(&broker, "silent", 1);
    until(&broker, "it is gone", |broker| broker.stats().connections == 0);
    assert!(silent.is_ended());
}

/// Its successor has the session at once; the old socket is full and is given up.
#[test]
fn a_client_that_is_taken_over_is_gone_although_it_does_not_read() {
    let broker = broker(Config::default());
    let mut old = Raw::connect(&broker, "twice", 0);
    old.subscribe("t", 0);
    let mut sender = Raw::connect(&broker, "sender", 0);
    for _message in 0..200 {
        sender.say(&publish(None, 100_000));
    }
    until(&broker, "all has come", |broker| broker.stats().messages_in == 200);
    let mut new = Raw::connect(&broker, "twice", 0);
    new.subscribe("t", 0);
    until(&broker, "two are left", |broker| broker.stats().connections == 2);
    sender.say(&publish(None, 1));
    assert_eq!(new.hear(6), [0x30, 4, 0, 1, b't', b'x']);
    assert!(old.is_ended());
}

/// The connection of one too many ends at once, and a place is free as soon as its holder is not wanted.
#[test]
fn places_are_given_back_by_those_who_do_not_close() {
    let config = Config::default().connections_max(3).connect_timeout(Duration::from_millis(50));
    let broker = broker(config);
    let mut lasting = Raw::connect(&broker, "lasting", 0);
    for _round in 0..3 {
        let mut silent = [Raw::open(&broker), Raw::open(&broker)];
        // Somebody finds a place, as soon as the broker has thrown the silent ones out.
        let begun = std::time::Instant::now();
        loop {
            let mut client = Raw::open(&broker);
            let _ = std::io::Write::write_all(&mut client.0, &packet(0x10, b"\0\x04MQTT\x04\x02\0\0\0\x01n"));
            let mut answer = [0; 4];
            if std::io::Read::read_exact(&mut client.0, &mut answer).is_ok() {
                assert_eq!(answer, [0x20, 2, 0, 0]);
                break;
            }
            assert!(begun.elapsed() < TOO_LONG, "{:?}", broker.stats());
        }
        assert!(silent.iter_mut().all(Raw::is_ended));
    }
    lasting.say(&[0xc0, 0]);
    assert_eq!(lasting.hear(2), [0xd0, 0]);
}
