//! Which messages are kept, found and refused.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{Properties, Property, QoS, TopicFilter};

use super::{Full, Retained};
use crate::account::Account;
use crate::config::Config;
use crate::message::Message;

const NOW: Instant = Instant::ORIGIN;

fn message(topic: &'static str, payload: &'static str) -> Message {
    let (topic, payload) = (Bytes::from_static(topic.as_bytes()), Bytes::from_static(payload.as_bytes()));
    Message::new("me".into(), topic, payload, QoS::AtMostOnce, true)
}

fn found(retained: &Retained, filter: &str) -> Vec<Bytes> {
    let filter = TopicFilter::new(filter).expect("a valid filter");
    retained.matching(NOW, filter).iter().map(|message| message.topic().clone()).collect()
}

#[test]
fn filters_find_what_they_match() {
    let mut retained = Retained::default();
    for topic in ["a", "a/b", "a/c", "a/b/c", "ab", "/a", "$sys/a", "b"] {
        assert_eq!(retained.set(NOW, &message(topic, "x"), &Config::default(), &Account::default()), Ok(()));
    }
    let cases: [(&str, &[&str]); 9] = [
        ("a", &["a"]),
        ("a/#", &["a", "a/b", "a/b/c", "a/c"]),
        ("a/+", &["a/b", "a/c"]),
        ("+/b", &["a/b"]),
        ("+", &["a", "ab", "b"]),
        ("#", &["/a", "a", "a/b", "a/b/c", "a/c", "ab", "b"]),
        ("/+", &["/a"]),
        ("$sys/#", &["$sys/a"]),
        ("c", &[]),
    ];
    for (filter, topics) in cases {
        assert_eq!(found(&retained, filter), topics, "{filter}");
    }
}

/// [5.0 MQTT-3.3.1-6] [5.0 MQTT-3.3.1-7]
#[test]
fn an_empty_payload_clears_and_is_not_kept() {
    let mut retained = Retained::default();
    assert_eq!(retained.set(NOW, &message("a", "x"), &Config::default(), &Account::default()), Ok(()));
    assert_eq!((retained.len(), retained.size()), (1, 2));
    assert_eq!(retained.set(NOW, &message("a", ""), &Config::default(), &Account::default()), Ok(()));
    assert_eq!((retained.len(), retained.size()), (0, 0));
}

#[test]
fn what_is_over_a_limit_is_refused_and_what_replaces_is_not() {
    let config = Config { retained_max: 2, retained_bytes_max: 10, ..Config::default() };
    let mut retained = Retained::default();
    assert_eq!(retained.set(NOW, &message("a", "12345"), &config, &Account::default()), Ok(()));
    assert_eq!(retained.set(NOW, &message("b", "12345"), &config, &Account::default()), Err(Full));
    assert_eq!(retained.set(NOW, &message("b", "123"), &config, &Account::default()), Ok(()));
    assert_eq!(retained.set(NOW, &message("c", ""), &config, &Account::default()), Ok(()));
    assert_eq!(retained.set(NOW, &message("c", "1"), &config, &Account::default()), Err(Full));
    assert_eq!(retained.set(NOW, &message("b", "321"), &config, &Account::default()), Ok(()));
    assert_eq!((retained.len(), retained.size()), (2, 10));
}

#[test]
fn expired_messages_make_room() {
    let config = Config { retained_max: 1, ..Config::default() };
    let mut retained = Retained::default();
    let short =
        message("a", "x").with_properties(NOW, Properties::new(&[Property::MessageExpiryInterval(1)]));
    assert_eq!(retained.set(NOW, &short, &config, &Account::default()), Ok(()));
    let later = NOW + Duration::from_secs(1);
    assert!(retained.matching(later, TopicFilter::new("#").expect("a valid filter")).is_empty());
    assert_eq!(retained.set(later, &message("b", "x"), &config, &Account::default()), Ok(()));
    assert_eq!(retained.len(), 1);
}
