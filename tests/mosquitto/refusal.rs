//! What mosquitto refuses, and what it announces: typed errors, nothing lost.

use std::net::TcpListener;

use mqtt_smol::{
    ConnectErrorKind, Options, Publish, PublishError, QoS, ReasonCode, SessionRefusal, TopicError, Version,
};

use crate::peers::{VERSIONS, connect, options, run, spawn};
use crate::server::Mosquitto;

#[test]
fn a_client_without_credentials_is_not_authorized() {
    let Some(server) = Mosquitto::start_with("allow_anonymous false\n") else { return };
    run(async {
        for version in VERSIONS {
            let refused = mqtt_smol::connect(options(&server, "nobody", version), spawn);
            let error = refused.await.expect_err("the server refuses");
            assert_eq!(error.kind(), ConnectErrorKind::NotAuthorized, "{version}");
            assert_eq!(error.reason_code(), Some(ReasonCode::NotAuthorized), "{version}");
        }
    });
}

#[test]
fn an_unreachable_server_is_unavailable() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        let options = Options::new("127.0.0.1").port(port);
        let refused = mqtt_smol::connect(options, spawn);
        let error = refused.await.expect_err("nobody listens");
        assert_eq!(error.kind(), ConnectErrorKind::ServerUnavailable);
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    });
}

#[test]
fn a_payload_above_the_announced_packet_size_is_refused_at_once() {
    let Some(server) = Mosquitto::start_with("allow_anonymous true\nmax_packet_size 1000\n") else { return };
    run(async {
        let client = connect(options(&server, "big", Version::V5_0)).await;
        let refused = client.publish(Publish::new("big", vec![0; 2000]).qos(QoS::AtLeastOnce));
        match refused.map(drop) {
            Err(PublishError::NotAccepted(SessionRefusal::PacketTooLarge { size, size_max })) => {
                assert_eq!((size, size_max), (2011, 1000));
            }
            other => panic!("{other:?}"),
        }
        // The connection goes on.
        let small =
            client.publish(Publish::new("big", vec![0; 900]).qos(QoS::AtLeastOnce)).expect("accepted");
        assert!(small.await.is_ok());
        assert_eq!(client.stats().disconnections, 0);
    });
}

#[test]
fn a_wildcard_in_a_topic_is_refused_at_once() {
    let Some(server) = Mosquitto::start() else { return };
    run(async {
        let client = connect(options(&server, "wild", Version::V3_1_1)).await;
        let refused = client.publish(Publish::new("a/#", "x")).map(drop);
        assert_eq!(refused, Err(PublishError::Topic(TopicError::WildcardInName)));
    });
}
