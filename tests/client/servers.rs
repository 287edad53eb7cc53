//! Several servers, servers that send their clients elsewhere, and credentials for each attempt.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mqtt_smol::{ConnectErrorKind, ConnectionEvent, Credentials, Publish, QoS, Version};

use crate::harness::{Heard, ScriptedServer, clean, connect, run, spawn, start_broker, try_connect};

/// A port where nobody listens.
fn dead_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it has an address").port()
}

#[test]
fn a_server_that_cannot_be_had_is_passed_over() {
    let broker = start_broker();
    run(async {
        let port = clean(&broker, "c").server.port;
        let options = clean(&broker, "c").port(dead_port()).or_server("127.0.0.1", dead_port());
        let error = try_connect(options.clone()).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
        let client = connect(options.or_server("127.0.0.1", port)).await;
        client
            .publish(Publish::new("a", "x").qos(QoS::AtLeastOnce))
            .expect("accepted")
            .await
            .expect("published");
    });
}

#[test]
fn a_client_follows_where_it_is_sent_only_if_it_may() {
    let broker = start_broker();
    run(async {
        let reference = format!("127.0.0.1:{}", clean(&broker, "c").server.port);
        let mut connack = vec![0x20, 6 + reference.len() as u8, 0, 0x9d, 3 + reference.len() as u8, 0x1c, 0];
        connack.push(reference.len() as u8);
        connack.extend_from_slice(reference.as_bytes());
        let server = ScriptedServer::start(&[&[&connack], &[&connack]]);
        let refused = try_connect(server.options(Version::V5_0)).await.expect_err("it may not follow");
        assert!(refused.to_string().contains("server moved"), "{refused}");
        let client = connect(server.options(Version::V5_0).follow_redirects(1)).await;
        client
            .publish(Publish::new("a", "x").qos(QoS::AtLeastOnce))
            .expect("accepted")
            .await
            .expect("published");
        assert_eq!(broker.stats().connections, 1);
    });
}

/// The user name in a CONNECT of this test, which stands last.
fn user_name(connect: &[u8]) -> String {
    String::from_utf8_lossy(&connect[connect.len() - 6..]).into_owned()
}

async fn next_connect(server: &ScriptedServer) -> String {
    loop {
        match server.heard().await {
            Heard::Packet(packet) if packet[0] == 0x10 => return user_name(&packet),
            Heard::Packet(_) | Heard::Closed => {}
        }
    }
}

#[test]
fn each_attempt_asks_for_credentials() {
    run(async {
        // The second packet of the client, a PINGREQ or DISCONNECT, never comes: the server closes after its script.
        let server = ScriptedServer::start(&[&[b"\x20\x03\x00\x88\x00"], &[b"\x20\x03\x00\x00\x00"]]);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let options = server.options(Version::V5_0).retry_first(true).credentials_from(move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            Some(Credentials { user_name: Some(format!("user-{number}")), password: None })
        });
        let _client = connect(options).await;
        assert_eq!(next_connect(&server).await, "user-0");
        assert_eq!(next_connect(&server).await, "user-1");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn credentials_may_come_later() {
    run(async {
        let server = ScriptedServer::start(&[&[b"\x20\x03\x00\x00\x00"]]);
        let mut options = server.options(Version::V5_0);
        options.config.asks_credentials = true;
        let (client, drive) = mqtt_smol::client(options).expect("good options");
        spawn(drive);
        let mut events = client.events();
        let token = client.connect().expect("accepted");
        assert_eq!(events.next().await, Some(ConnectionEvent::CredentialsWanted));
        let credentials = Credentials { user_name: Some("user-9".into()), password: None };
        client.set_credentials(Some(credentials)).expect("they have an encoding");
        token.await.expect("the server accepts");
        assert_eq!(next_connect(&server).await, "user-9");
    });
}
