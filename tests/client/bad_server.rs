//! Servers that break the protocol, refuse, or fall silent: each gives its own error, and nothing accepted is lost.

use std::time::Duration;

use mqtt_memory::World;
use mqtt_smol::{
    ConnectErrorKind, ConnectionEvent, OfflineCause, Options, PeerFault, Publish, QoS, ReasonCode, Version,
};

use crate::harness::{Heard, ScriptedServer, connect, run, spawn, try_connect};

const CONNACK_V5: &[u8] = b"\x20\x03\x00\x00\x00";
const CONNACK_V3: &[u8] = b"\x20\x02\x00\x00";

/// A DISCONNECT of 5.0 with a reason.
fn disconnect(reason: ReasonCode) -> Vec<u8> {
    vec![0xe0, 1, reason.byte()]
}

/// A server that breaks the protocol in 5.0 gets a DISCONNECT; the client connects again, and the message goes out there.
#[test]
fn a_malformed_packet_ends_the_connection_and_loses_nothing() {
    let malformed = [CONNACK_V5, b"\x30\x02\xff\xff"].concat();
    let server = ScriptedServer::start(&[&[&malformed], &[CONNACK_V5, b"\x40\x02\x00\x01"]]);
    run(async {
        let mut options = server.options(Version::V5_0).retry_first(true);
        options.config.session_expiry_secs = Some(60);
        let (client, drive) = mqtt_smol::client(options).expect("good options");
        let mut events = client.events();
        let connecting = client.connect().expect("it is idle");
        let token = client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("accepted");
        spawn(drive);
        connecting.await.expect("the server accepts");
        assert!(matches!(events.next().await, Some(ConnectionEvent::Online { .. })));
        match events.next().await {
            Some(ConnectionEvent::Offline {
                cause: OfflineCause::PeerFault(PeerFault::Decode(error)),
                ..
            }) => {
                assert_eq!(error.reason_code(), ReasonCode::MalformedPacket);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(server.heard_packet(0xe0).await, disconnect(ReasonCode::MalformedPacket));
        assert_eq!(server.heard().await, Heard::Closed);
        assert_eq!(token.await, Ok(ReasonCode::Success));
    });
}

/// Before 5.0 there are no words for it: the connection is closed.
#[test]
fn a_malformed_packet_closes_the_connection_in_3_1_1() {
    let server = ScriptedServer::start(&[&[&[CONNACK_V3, b"\x36\x00"].concat()]]);
    run(async {
        let client = connect(server.options(Version::V3_1_1)).await;
        assert!(matches!(server.heard().await, Heard::Packet(connect) if connect[0] == 0x10));
        assert_eq!(server.heard().await, Heard::Closed);
        drop(client);
    });
}

#[test]
fn a_packet_that_announces_256_mb_is_refused_before_it_comes() {
    let server = ScriptedServer::start(&[&[&[CONNACK_V5, b"\x30\xff\xff\xff\x7f"].concat()]]);
    run(async {
        let client = connect(server.options(Version::V5_0).packet_size_max(1 << 20)).await;
        let mut events = client.events();
        assert_eq!(server.heard_packet(0xe0).await, disconnect(ReasonCode::PacketTooLarge));
        let next = events.next().await;
        assert!(matches!(next, None | Some(ConnectionEvent::Offline { .. })), "{next:?}");
    });
}

#[test]
fn every_refusal_of_3_1_1_is_an_error_of_its_own() {
    let kinds = [
        (1, ConnectErrorKind::BadVersion),
        (2, ConnectErrorKind::BadIdentifier),
        (3, ConnectErrorKind::ServerUnavailable),
        (4, ConnectErrorKind::BadCredentials),
        (5, ConnectErrorKind::NotAuthorized),
    ];
    for (code, kind) in kinds {
        let server = ScriptedServer::start(&[&[&[0x20, 2, 0, code]]]);
        run(async {
            let error = try_connect(server.options(Version::V3_1_1)).await.expect_err("the server refuses");
            assert_eq!(error.kind(), kind, "{error}");
        });
    }
}

#[test]
fn every_refusal_of_5_0_is_an_error_with_its_reason() {
    for (reason, kind) in [
        (ReasonCode::UnsupportedProtocolVersion, ConnectErrorKind::BadVersion),
        (ReasonCode::ClientIdentifierNotValid, ConnectErrorKind::BadIdentifier),
        (ReasonCode::ServerBusy, ConnectErrorKind::ServerUnavailable),
        (ReasonCode::BadUserNameOrPassword, ConnectErrorKind::BadCredentials),
        (ReasonCode::Banned, ConnectErrorKind::NotAuthorized),
    ] {
        let server = ScriptedServer::start(&[&[&[0x20, 3, 0, reason.byte(), 0]]]);
        run(async {
            let error = try_connect(server.options(Version::V5_0)).await.expect_err("the server refuses");
            assert_eq!((error.kind(), error.reason_code()), (kind, Some(reason)), "{error}");
        });
    }
}

#[test]
fn a_server_that_says_nothing_is_unavailable_after_the_network_timeout() {
    let server = ScriptedServer::start(&[&[]]);
    run(async {
        let error = try_connect(server.options(Version::V5_0)).await.expect_err("no CONNACK comes");
        assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
        assert_eq!(error.cause(), Some(OfflineCause::ConnackTimedOut));
    });
}

#[test]
fn a_server_that_speaks_out_of_turn_is_at_fault() {
    let server = ScriptedServer::start(&[&[b"\xd0\x00"]]);
    run(async {
        let error = try_connect(server.options(Version::V5_0)).await.expect_err("a PINGRESP is no CONNACK");
        assert_eq!(error.kind(), ConnectErrorKind::ServerFault);
        assert_eq!(server.heard_packet(0xe0).await, disconnect(ReasonCode::ProtocolError));
    });
}

/// A server that answers no ping is given up, and the next one is tried. On the virtual clock, whatever the machine does.
#[test]
fn a_silent_server_is_noticed_by_its_missing_ping_response() {
    let world = World::calm(1);
    let options = Options::new("broker").client_id("c").keep_alive(Duration::from_secs(10));
    let client = world.client(options);
    let mut events = client.events();
    world.run_until(client.connect().expect("it is idle")).expect("in time").expect("it accepts");
    let online = world.now();
    world.partition("c", true);
    let events = world.run_until(async { [events.next().await, events.next().await] }).expect("in time");
    let cause = OfflineCause::PingTimedOut;
    assert_eq!(events[1], Some(ConnectionEvent::Offline { cause, will_retry: true }));
    let waited = world.now() - online;
    assert!((Duration::from_secs(14)..Duration::from_secs(16)).contains(&waited), "{waited:?}");
}
