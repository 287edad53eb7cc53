//! What becomes of messages of servers that are not as they should be, through every adapter.

use std::time::Duration;

use mqtt_smol::{Client, ConnectionEvent, OfflineCause, QoS, Subscribe, Subscription, Version};

use crate::adapter::ALL;
use crate::scenario::TOO_LONG;
use crate::scripted::{CONNACK_V3, CONNACK_V5, Scripted, answer, publish};

const V5: Version = Version::V5_0;
const V3: Version = Version::V3_1_1;

fn connack(version: Version) -> &'static [u8] {
    if version == V5 { CONNACK_V5 } else { CONNACK_V3 }
}

fn payload(stream: &mut Subscription) -> Vec<u8> {
    let message = stream.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
    message.payload().to_vec()
}

fn subscribe(client: &Client, filter: &str) -> Subscription {
    client.subscribe(Subscribe::new(filter).qos(QoS::ExactlyOnce)).expect("accepted")
}

/// Each subscription gets a message once, however often the message names it.
#[test]
fn an_identifier_that_is_named_many_times_gives_one_message() {
    for adapter in ALL {
        let mut body = b"\x00\x01t\xe8\x07".to_vec();
        body.extend([0x0b, 1].repeat(500));
        body.push(b'x');
        let mut large = vec![0x30, (body.len() % 128) as u8 | 0x80, (body.len() / 128) as u8];
        large.extend(body);
        let end = publish(V5, 0x30, "t", 0, 1, "end");
        let said = [answer(V5, 0x90, 1, 2), large, end].concat();
        let server = Scripted::start(&[&[CONNACK_V5, &said]]);
        let client = adapter.connect(server.options(V5)).expect("accepted");
        let mut stream = subscribe(&client, "t");
        assert_eq!(
            (payload(&mut stream), payload(&mut stream)),
            (b"x".to_vec(), b"end".to_vec()),
            "{adapter:?}"
        );
    }
}

/// In 5.0 the identifier decides, in 3.1.1 what follows the server's own prefix.
#[test]
fn filters_with_a_prefix_of_the_server_get_their_messages() {
    for adapter in ALL {
        for version in [V3, V5] {
            for filter in ["$queue/t", "$exclusive/t", "$exclusive/+"] {
                let said = [answer(version, 0x90, 1, 1), publish(version, 0x32, "t", 7, 1, "x")].concat();
                let server = Scripted::start(&[&[connack(version), &said]]);
                let client = adapter.connect(server.options(version)).expect("accepted");
                let mut stream = subscribe(&client, filter);
                assert_eq!(payload(&mut stream), b"x", "{adapter:?} {version} {filter}");
                server.heard(0x40);
            }
        }
        // A prefix that nobody knows.
        let said = [answer(V5, 0x90, 1, 1), publish(V5, 0x32, "t", 7, 1, "x")].concat();
        let server = Scripted::start(&[&[CONNACK_V5, &said]]);
        let client = adapter.connect(server.options(V5)).expect("accepted");
        assert_eq!(payload(&mut subscribe(&client, "$unheard/of/t")), b"x");
    }
}

/// A message under the identifier of a stream that was dropped belongs to a new stream of the same filter.
#[test]
fn a_new_stream_gets_what_comes_under_the_identifier_of_a_dropped_one() {
    for adapter in ALL {
        let late = [
            answer(V5, 0x90, 5, 1),
            publish(V5, 0x32, "a", 7, 1, "late"),
            publish(V5, 0x32, "b", 8, 2, "unwanted"),
            publish(V5, 0x32, "a", 9, 3, "new"),
        ]
        .concat();
        let server = Scripted::start(&[&[
            CONNACK_V5,
            &answer(V5, 0x90, 1, 1),
            &[],
            &answer(V5, 0x90, 3, 1),
            &[],
            &late,
        ]]);
        let client = adapter.connect(server.options(V5)).expect("accepted");
        for filter in ["a", "b"] {
            let mut stream = subscribe(&client, filter);
            stream.wait_granted().expect("granted");
        }
        server.heard(0xa2);
        server.heard(0xa2);
        let mut stream = subscribe(&client, "a");
        assert_eq!((payload(&mut stream), payload(&mut stream)), (b"late".to_vec(), b"new".to_vec()));
        for id in [7, 8, 9] {
            assert_eq!(server.heard(0x40)[3], id, "{adapter:?}");
        }
        assert_eq!(client.stats().messages_given_up, 1);
    }
}

#[test]
fn acknowledgements_that_nobody_waits_for_change_nothing() {
    for adapter in ALL {
        for version in [V3, V5] {
            let stray = [b"\x40\x02\x00\x09".repeat(3), publish(version, 0x30, "a", 0, 0, "x")].concat();
            let said = [answer(version, 0x90, 1, 1), stray].concat();
            let server = Scripted::start(&[&[connack(version), &said]]);
            let client = adapter.connect(server.options(version)).expect("accepted");
            assert_eq!(payload(&mut subscribe(&client, "a")), b"x");
            let stats = client.stats();
            assert_eq!((stats.acknowledgements_ignored, stats.disconnections), (3, 0), "{adapter:?}");
        }
    }
}

#[test]
fn an_identifier_of_qos_2_that_is_used_again_too_early_is_reported() {
    for adapter in ALL {
        let said = [
            answer(V5, 0x90, 1, 2),
            publish(V5, 0x34, "a", 7, 0, "first"),
            publish(V5, 0x34, "a", 7, 0, "other"),
            publish(V5, 0x30, "a", 0, 0, "end"),
        ]
        .concat();
        let server = Scripted::start(&[&[CONNACK_V5, &said]]);
        let client = adapter.connect(server.options(V5)).expect("accepted");
        let mut events = client.events();
        let mut stream = subscribe(&client, "a");
        assert_eq!((payload(&mut stream), payload(&mut stream)), (b"first".to_vec(), b"end".to_vec()));
        let seen = std::iter::from_fn(|| events.try_next()).collect::<Vec<_>>();
        assert_eq!(seen, [ConnectionEvent::IdentifierReused { packet_id: 7 }], "{adapter:?}");
        assert_eq!(client.stats().identifiers_reused, 1);
    }
}

/// Every server that fills its window does it at some time; it is taken and seen once.
#[test]
fn more_messages_than_the_receive_maximum_are_taken() {
    for adapter in ALL {
        let many: Vec<u8> = (1..=200).flat_map(|id| publish(V5, 0x32, "a", id, 0, "x")).collect();
        let said = [answer(V5, 0x90, 1, 1), many].concat();
        let server = Scripted::start(&[&[CONNACK_V5, &said]]);
        let options = server.options(V5).receive_maximum(5.try_into().expect("not 0"));
        let client = adapter.connect(options).expect("accepted");
        let mut events = client.events();
        let mut stream = subscribe(&client, "a");
        for _message in 0..200 {
            payload(&mut stream);
        }
        let seen = std::iter::from_fn(|| events.try_next()).collect::<Vec<_>>();
        assert_eq!(seen, [ConnectionEvent::ReceiveMaximumExceeded { unacknowledged: 6 }], "{adapter:?}");
        assert_eq!(client.stats().disconnections, 0);
    }
}

/// Before 5.0 a server cannot know the limit, and sends the message again on each connection.
#[test]
fn a_message_above_the_limit_that_comes_again_and_again_is_reported() {
    for adapter in ALL {
        let large = [vec![0x30, 0xe8, 0x07, 0, 1, b'a'], vec![0; 997]].concat();
        let script: &[&[u8]] = &[&[CONNACK_V3, &large].concat()];
        let server = Scripted::start(&[script; 4]);
        let options = server.options(V3).clean_session(false).packet_size_max(500);
        let client = adapter.client(options).expect("good options");
        let mut events = client.events();
        drop(client.connect().expect("it is idle"));
        loop {
            let event = events.wait_next_for(TOO_LONG).expect("in time").expect("the driver is there");
            if let ConnectionEvent::FaultRepeated { cause, connections } = event {
                assert!(matches!(cause, OfflineCause::PeerFault(_)), "{adapter:?} {cause:?}");
                assert!(cause.to_string().contains("1003 bytes announced where 500 are the most"), "{cause}");
                assert_eq!(connections, 3);
                break;
            }
        }
    }
}

#[test]
fn disconnect_waits_for_the_release_of_a_qos_2_message() {
    for adapter in ALL {
        for version in [V3, V5] {
            let said = [answer(version, 0x90, 1, 2), publish(version, 0x34, "a", 7, 0, "x")].concat();
            // CONNECT, SUBSCRIBE, PUBREC, and the PUBACK-less QoS 1 message that stands between.
            let server =
                Scripted::start(&[&[connack(version), &said, &[], b"\x40\x02\x00\x02\x62\x02\x00\x07"]]);
            let client = adapter.connect(server.options(version)).expect("accepted");
            assert_eq!(payload(&mut subscribe(&client, "a")), b"x");
            server.heard(0x50);
            // The server releases the message only when it has heard of another one, so that the order is certain.
            let publish = mqtt_smol::Publish::new("b", "y").qos(QoS::AtLeastOnce);
            drop(client.publish(publish).expect("accepted"));
            client.disconnect().expect("online").wait_for(TOO_LONG).expect("in time");
            assert_eq!(server.heard(0x70), b"\x70\x02\x00\x07", "{adapter:?} {version}");
            assert_eq!(server.heard(0xe0)[0], 0xe0);
        }
    }
}

/// One byte at a time is no sign of life.
#[test]
fn a_server_that_drips_is_given_up() {
    use std::io::{Read, Write};
    for adapter in ALL {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.read(&mut [0; 500]);
                let _ = stream.write_all(&[CONNACK_V5, b"\x30\xff\x7f\x00\x01a"].concat());
                while stream.write_all(b"\0").is_ok() {
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            }
        });
        let options = mqtt_smol::Options::new("127.0.0.1")
            .port(port)
            .keep_alive(Duration::ZERO)
            .network_timeout(Duration::from_secs(1));
        let client = adapter.client(options).expect("good options");
        let mut events = client.events();
        client.connect().expect("it is idle").wait_for(TOO_LONG).expect("in time").expect("accepted");
        loop {
            let event = events.wait_next_for(TOO_LONG).expect("in time").expect("the driver is there");
            if let ConnectionEvent::Offline { cause, .. } = event {
                assert_eq!(cause, OfflineCause::PacketTimedOut, "{adapter:?}");
                break;
            }
        }
    }
}
