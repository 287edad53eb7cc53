//! Acknowledging later, with a reason, or not at all; and messages that name their subscriptions.

use mqtt_smol::{Publish, QoS, ReasonCode, SessionRefusal, Version, Waits};

use crate::harness::{Heard, ScriptedServer, clean, connect, persistent, run, spawn, start_broker};

const CONNACK: &[u8] = b"\x20\x03\x00\x00\x00";

/// A PUBLISH to `a`, QoS 1, with that identifier.
fn publish(id: u8) -> Vec<u8> {
    vec![0x32, 7, 0, 1, b'a', 0, id, 0, b'x']
}

/// The packets after CONNECT and SUBSCRIBE, as far as `count`.
async fn heard(server: &ScriptedServer, count: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while packets.len() < count {
        match server.heard().await {
            Heard::Packet(packet) if matches!(packet[0] >> 4, 1 | 8) => {}
            Heard::Packet(packet) => packets.push(packet),
            Heard::Closed => panic!("the client has gone: {packets:?}"),
        }
    }
    packets
}

#[test]
fn acknowledgements_go_out_when_messages_are_let_go_in_the_order_of_arrival() {
    run(async {
        let three: Vec<u8> = [publish(1), publish(2), publish(3)].concat();
        let suback = [b"\x90\x04\x00\x01\x00\x01".to_vec(), three].concat();
        let server = ScriptedServer::start(&[&[CONNACK, &suback]]);
        let (client, drive) = mqtt_smol::client(server.options(Version::V5_0)).expect("good options");
        spawn(drive);
        client.connect().expect("accepted").await.expect("the server accepts");
        let mut messages = client.subscribe("a").expect("accepted");
        let first = messages.next_held().await.expect("the first");
        let mut second = messages.next_held().await.expect("the second");
        let third = messages.next_held().await.expect("the third");
        assert_eq!(third.acknowledge().topic(), "a");
        let illegal = second.refuse(ReasonCode::KeepAliveTimeout);
        assert_eq!(illegal, Err(SessionRefusal::AcknowledgementReason(ReasonCode::KeepAliveTimeout)));
        second.refuse(ReasonCode::QuotaExceeded).expect("PUBACK has it");
        first.acknowledge();
        let acknowledged = heard(&server, 3).await;
        assert_eq!(acknowledged, [&b"\x40\x02\x00\x01"[..], b"\x40\x03\x00\x02\x97", b"\x40\x02\x00\x03"]);
    });
}

#[test]
fn a_message_that_is_left_comes_again_on_the_next_connection() {
    let broker = start_broker();
    run(async {
        let client = connect(persistent(&broker, "c")).await;
        let mut messages = client.subscribe("a").expect("accepted");
        messages.granted().await.expect("granted");
        drop(client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("accepted"));
        let left = messages.next_held().await.expect("it comes").leave();
        assert!(!left.dup());
        broker.cut_all();
        let again = messages.next().await.expect("it comes again");
        assert!(again.dup());
        assert_eq!(again.payload(), b"x");
    });
}

#[test]
fn a_message_for_two_is_refused_if_one_of_them_refuses_it() {
    run(async {
        let suback = [b"\x90\x04\x00\x01\x00\x01".to_vec()].concat();
        let second = [b"\x90\x04\x00\x02\x00\x01".to_vec(), publish(1)].concat();
        let server = ScriptedServer::start(&[&[CONNACK, &suback, &second]]);
        let (client, drive) = mqtt_smol::client(server.options(Version::V5_0)).expect("good options");
        spawn(drive);
        client.connect().expect("accepted").await.expect("the server accepts");
        let mut one = client.subscribe("a").expect("accepted");
        one.granted().await.expect("granted");
        let mut all = client.subscribe("#").expect("accepted");
        one.next_held().await.expect("it comes").refuse(ReasonCode::NotAuthorized).expect("PUBACK has it");
        drop(all.next().await.expect("it comes here too"));
        assert_eq!(heard(&server, 1).await, [b"\x40\x03\x00\x01\x87"]);
    });
}

/// A server may send a copy for each subscription; each goes where its identifier says, and nowhere else.
#[test]
fn copies_for_overlapping_filters_reach_each_subscription_once() {
    run(async {
        let copies = [
            b"\x90\x04\x00\x02\x00\x01".to_vec(),
            b"\x30\x07\x00\x01a\x02\x0b\x01x".to_vec(),
            b"\x30\x07\x00\x01a\x02\x0b\x02x".to_vec(),
            // Of a subscription that is gone: nobody else gets it.
            b"\x30\x07\x00\x01a\x02\x0b\x03y".to_vec(),
            // Without identifiers, filters decide.
            b"\x30\x05\x00\x01a\x00z".to_vec(),
        ];
        let suback = b"\x90\x04\x00\x01\x00\x01".to_vec();
        let (suback_3, unsuback) = (b"\x90\x04\x00\x03\x00\x01", b"\xb0\x04\x00\x04\x00\x00");
        let unsubscribed = [unsuback.to_vec(), copies[1..].concat()].concat();
        let server = ScriptedServer::start(&[&[CONNACK, &suback, &copies[0], suback_3, &unsubscribed]]);
        let (client, drive) = mqtt_smol::client(server.options(Version::V5_0)).expect("good options");
        spawn(drive);
        client.connect().expect("accepted").await.expect("the server accepts");
        let mut one = client.subscribe("a").expect("accepted");
        one.granted().await.expect("granted");
        let mut all = client.subscribe("#").expect("accepted");
        all.granted().await.expect("granted");
        let mut gone = client.subscribe("+").expect("accepted");
        gone.granted().await.expect("granted");
        client.unsubscribe("+").expect("accepted").await.expect("unsubscribed");
        for stream in [&mut one, &mut all] {
            assert_eq!(stream.next().await.expect("its copy").payload(), b"x");
            assert_eq!(stream.next().await.expect("the one for all").payload(), b"z");
            assert!(stream.try_next().is_none());
        }
        drop(gone);
    });
}

#[test]
fn a_token_explains_what_it_waits_for() {
    let broker = start_broker();
    run(async {
        // Nobody moves its bytes.
        let (client, _drive) = mqtt_smol::client(clean(&broker, "c")).expect("good options");
        let _connecting = client.connect().expect("accepted");
        let token = client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("accepted");
        assert_eq!(token.explain().waits, Waits::Turn { ahead: 0, qos: Some(QoS::AtLeastOnce) });
    });
}
