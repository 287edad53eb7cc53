//! Every field comes back as it went in.

extern crate std;

use std::format;
use std::vec;
use std::vec::Vec;

use core::time::Duration;
use mqtt_proto::{Property, QoS};
use mqtt_session::Credentials;

use super::*;

const NOTHING: Redact = Redact { payloads: false, secrets: false };

fn round_trip(config: &Config, redact: Redact) -> Config {
    let mut log = Vec::new();
    put_config(&mut log, config, redact);
    let mut reader = Reader::new(&log, 0);
    let read = read_config(&mut reader).expect("it was written");
    assert_eq!(reader.at(), log.len());
    read
}

/// No two fields of one type have one value.
fn unusual() -> Config {
    let mut properties = PropertyBuf::new();
    for property in [Property::WillDelayInterval(7), Property::UserProperty("name", "value")] {
        properties.push(PropertyOwner::Will, property).expect("a will may say so");
    }
    Config {
        version: Version::V3_1_1,
        client_id: "door".into(),
        clean_session: false,
        session_expiry_secs: Some(1),
        keep_alive_secs: 2,
        credentials: Some(Credentials { user_name: Some("user".into()), password: Some(vec![0, 255]) }),
        asks_credentials: true,
        authentication_method: Some("method".into()),
        servers: Servers {
            count: NonZeroU16::new(3).expect("not 0"),
            order: ServerOrder::Shuffled,
            redirects_max: 4,
        },
        will: Some(Will {
            topic: "will".into(),
            payload: Bytes::from_static(b"gone"),
            qos: QoS::ExactlyOnce,
            retain: true,
            properties,
        }),
        network_timeout: Duration::from_micros(5_000_006),
        reconnect: Reconnect {
            after: Duration::from_secs(7),
            after_max: Duration::from_secs(8),
            stable_after: Duration::MAX,
            retry_first: true,
            jitter: false,
        },
        receive_maximum: NonZeroU16::new(9).expect("not 0"),
        strict_receive_maximum: true,
        packet_size_max: 10,
        in_flight_max: NonZeroU16::new(11),
        acknowledgement_timeout: None,
        queue_messages_max: 12,
        queue_bytes_max: usize::MAX,
        queue_policy: QueuePolicy::RefuseOffline,
        poison_after: NonZeroU8::new(13),
        session_loss: SessionLoss {
            never_sent: Lost::End,
            at_least_once: Lost::Resend,
            exactly_once: Lost::Resend,
        },
        topic_aliases_max: 14,
        topic_alias_maximum: 15,
        response_topic: Some("responses".into()),
        asks_response_information: true,
        subscription_identifiers: false,
        subscriptions_max: 16,
    }
}

#[test]
fn every_field_comes_back() {
    for config in [Config::new("c"), unusual()] {
        let read = round_trip(&config, NOTHING);
        // `Debug` shows everything but credentials.
        assert_eq!(format!("{read:?}"), format!("{config:?}"));
        assert!(read.credentials == config.credentials);
        assert_eq!(read.queue_bytes_max, config.queue_bytes_max);
    }
}

#[test]
fn every_policy_comes_back() {
    use QueuePolicy::{DropOldestQoS0, KeepAboveQoS0, Refuse, RefuseOffline};
    for queue_policy in [Refuse, DropOldestQoS0, KeepAboveQoS0, RefuseOffline] {
        let config = Config { queue_policy, ..Config::new("c") };
        assert_eq!(round_trip(&config, NOTHING).queue_policy, queue_policy);
    }
}

#[test]
fn what_is_masked_keeps_its_length() {
    let read = round_trip(&unusual(), Redact::default());
    let masked = Credentials { user_name: Some("****".into()), password: Some(b"**".into()) };
    assert!(read.credentials == Some(masked));
    assert_eq!(read.will.map(|will| will.payload), Some(Bytes::from_static(b"****")));
}
