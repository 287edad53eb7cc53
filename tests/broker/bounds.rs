//! What the broker keeps for clients that do not read, and of packets that do not end.

use mqtt_smol::broker::Config;

use crate::raw::{Raw, TOO_LONG, broker, packet, publish, until};

const MIB: usize = 1 << 20;

/// Twenty megabytes for a subscriber that takes none, more than the system holds for it.
#[test]
fn a_subscriber_that_does_not_read_has_its_queue_and_no_more() {
    let broker = broker(Config::default().queue_bytes_max(2 * MIB));
    let mut slow = Raw::connect(&broker, "slow", 0);
    slow.subscribe("t", 0);
    let mut fast = Raw::connect(&broker, "fast", 0);
    let message = publish(None, 100_000);
    for _message in 0..300 {
        fast.say(&message);
    }
    fast.say(&publish(Some(1), 100_000));
    assert_eq!(fast.hear(4), [0x40, 2, 0, 1]);
    let stats = broker.stats();
    assert!(stats.queued_bytes <= 2 * MIB && stats.dropped_queue_full > 0, "{stats:?}");
    // Beside the queue there is only what is being written.
    assert!(stats.messages_bytes < 2 * MIB + 512 * 1024, "{stats:?}");
    // What it was left with it gets, once it reads.
    let queued = stats.queued;
    assert!(queued > 10, "{stats:?}");
    until(&broker, "the queue is empty", |broker| {
        slow.0.set_read_timeout(Some(std::time::Duration::from_millis(1))).expect("a good time");
        let _ = std::io::Read::read(&mut &slow.0, &mut vec![0; 1 << 20]);
        broker.stats().queued == 0
    });
}

/// The bounds over many subscribers: each is within its bound, and all together are within theirs.
#[test]
fn subscribers_that_do_not_read_have_a_bound_together() {
    let config = Config::default().messages_bytes_max(4 * MIB);
    let broker = broker(config);
    let mut slow: Vec<_> = (0..10).map(|number| Raw::connect(&broker, &format!("s{number}"), 0)).collect();
    for (number, slow) in slow.iter_mut().enumerate() {
        slow.subscribe(&format!("t/{number}"), 0);
    }
    let mut fast = Raw::connect(&broker, "fast", 0);
    for message in 0..2000 {
        let mut body = format!("\0\x03t/{}", message % 10).into_bytes();
        body.resize(body.len() + 50_000, b'x');
        fast.say(&packet(0x30, &body));
    }
    fast.say(&publish(Some(1), 10));
    assert_eq!(fast.hear(4), [0x40, 2, 0, 1]);
    let stats = broker.stats();
    assert!(stats.messages_bytes <= 4 * MIB && stats.dropped_total_full > 0, "{stats:?}");
}

/// It sends to itself, and reads nothing until it has sent everything.
#[test]
fn a_client_that_writes_before_it_reads_is_read_all_the_same() {
    let broker = broker(Config::default());
    let mut client = Raw::connect(&broker, "both", 0);
    client.subscribe("t", 1);
    for id in 1..=100 {
        client.say(&publish(Some(id), 300_000));
    }
    until(&broker, "all is taken", |broker| broker.stats().messages_in == 100);
    let mut acknowledged = 0;
    while acknowledged < 100 {
        let first = client.hear(1)[0];
        let (mut len, mut shift, mut byte) = (0, 0, 0x80);
        while byte & 0x80 != 0 {
            byte = client.hear(1)[0];
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
        }
        let body = client.hear(len);
        match first {
            0x40 => acknowledged += 1,
            _ => client.say(&packet(0x40, &body[3..5])),
        }
    }
}

/// Answers that nobody reads end in the end of the connection, not of the broker.
#[test]
fn a_client_that_reads_no_answers_is_ended() {
    let broker = broker(Config::default().control_packets_max(1000));
    let mut client = Raw::connect(&broker, "pings", 0);
    let pings = [0xc0, 0].repeat(100_000);
    // The broker may end it before all is said.
    for _round in 0..100 {
        if std::io::Write::write_all(&mut client.0, &pings).is_err() {
            break;
        }
    }
    until(&broker, "it is gone", |broker| broker.stats().connections == 0);
    assert!(client.is_ended());
}

/// Whoever only begins packets takes memory for what has come, up to a bound for all together.
#[test]
fn packets_that_do_not_end_have_a_bound_together() {
    let broker = broker(Config::default().buffers_bytes_max(2 * MIB));
    // All but the last byte.
    let begun = publish(None, 500_000);
    let begun = &begun[..begun.len() - 1];
    let clients: Vec<_> = (0..10)
        .map(|number| {
            let mut client = Raw::connect(&broker, &format!("c{number}"), 0);
            client.say(begun);
            client
        })
        .collect();
    until(&broker, "all but four are ended", |broker| broker.stats().connections == 4);
    assert!(broker.stats().buffers_bytes <= 2 * MIB, "{:?}", broker.stats());
    // Others are served.
    Raw::connect(&broker, "x", 0).subscribe("t", 0);
    drop(clients);
}

/// Before CONNECT a connection has no right to memory.
#[test]
fn before_connect_nobody_begins_a_large_packet() {
    let broker = broker(Config::default().connect_timeout(TOO_LONG * 2));
    for begun in [&b"\x10\xff\xff\x3f"[..], b"\x30\x05", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\0"] {
        let mut client = Raw::open(&broker);
        client.say(begun);
        assert!(client.is_ended(), "{begun:02x?}");
    }
}
