//! The optional serde form of the small types.

use mqtt_proto::{
    PacketId, PacketKind, PropertyId, QoS, ReasonCode, RetainHandling, Sender, SubscribeOptions, TopicFilter,
    TopicName, Version,
};
use serde_json::{from_str, to_string};

/// The value is written as that text and read again from it.
#[track_caller]
fn both_ways<T>(value: T, text: &str)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + core::fmt::Debug,
{
    assert_eq!(to_string(&value).expect("a small value"), text);
    assert_eq!(from_str::<T>(text).expect("our own text"), value);
}

#[test]
fn small_values_are_written_by_their_names() {
    both_ways(Version::V3_1_1, "\"V3_1_1\"");
    both_ways(QoS::ExactlyOnce, "\"ExactlyOnce\"");
    both_ways(Sender::Client, "\"Client\"");
    both_ways(PacketKind::Pubrec, "\"Pubrec\"");
    both_ways(PropertyId::TopicAlias, "\"TopicAlias\"");
    both_ways(RetainHandling::Never, "\"Never\"");
    both_ways(PacketId::MIN, "1");
    for code in ReasonCode::ALL {
        both_ways(*code, &format!("\"{code:?}\""));
    }
    let options = SubscribeOptions { no_local: true, ..SubscribeOptions::with_qos(QoS::AtLeastOnce) };
    both_ways(
        options,
        r#"{"qos":"AtLeastOnce","no_local":true,"retain_as_published":false,"retain_handling":"OnSubscribe"}"#,
    );
}

#[test]
fn what_is_read_is_valid() {
    assert!(from_str::<PacketId>("0").is_err());
    assert!(from_str::<PacketId>("65536").is_err());
    assert!(from_str::<QoS>("3").is_err());
}

#[test]
fn topics_are_written_as_text() {
    let name = TopicName::new("a/\"b").expect("a name");
    assert_eq!(to_string(&name).expect("text"), r#""a/\"b""#);
    let filter = TopicFilter::new("a/+/#").expect("a filter");
    assert_eq!(to_string(&filter).expect("text"), r#""a/+/#""#);
}
