//! What peers are known to do against the standard.
//!
//! All three take packets that the standard forbids: they leave the check to nobody. Few of their faults lie the
//! other way and refuse, or write wrongly, what it allows.

use mqtt_proto::{DecodeErrorKind as Kind, Packet, PacketKind, PropertyId, ReasonCode, Version};

use super::Case;
use super::peers::{Peer, Verdict};

pub(super) struct Fault {
    pub(super) peer: Peer,
    /// The rule that the peer does not keep, with the statement where it has a number.
    pub(super) rule: &'static str,
    pub(super) is_it: fn(&Case<'_>) -> bool,
}

pub(super) const FAULTS: &[Fault] = &[
    // mqttrs indexes the frame unchecked.
    fault(Peer::Mqttrs, "a field that reaches past the end is an error, no panic", panics),
    fault(Peer::Mqttrs, "nothing follows the last field", takes_trailing_bytes),
    fault(Peer::Mqttrs, "acknowledge flags 7-1 are zero, 3.2.2.1", takes_connack_flags),
    fault(Peer::Mqttrs, "a refusal has no session, 3.1.1 MQTT-3.2.2-4", takes_session_in_refusal),
    fault(Peer::Mqttrs, "connect flag 0 is zero, 3.1.1 MQTT-3.1.2-3", takes_reserved_connect_flag),
    fault(Peer::Mqttrs, "QoS 0 has DUP 0, 3.1.1 MQTT-3.3.1-2", takes_dup_with_qos_0),
    fault(Peer::Mqttrs, "a topic name has a character, 3.1.1 MQTT-4.7.3-1", takes_empty_name),
    fault(Peer::Mqttrs, "a topic name has no wildcard, 3.1.1 MQTT-3.3.2-2", takes_wildcard_in_name),
    fault(Peer::Mqttrs, "no string has U+0000, 3.1.1 MQTT-1.5.3-2", takes_nul),
    fault(Peer::Mqttrs, "wildcards have their places, 3.1.1 MQTT-4.7.1-2 and -3", takes_misplaced_wildcard),
    fault(Peer::Mqttrs, "a list has an entry, 3.1.1 MQTT-3.8.3-3 and MQTT-3.10.3-2", takes_empty_list),
    // rumqttc looks at the upper half of the first byte alone.
    fault(Peer::RumqttcV4, "fixed header flags are fixed, 3.1.1 MQTT-2.2.2-2", takes_header_flags),
    fault(Peer::RumqttcV4, "nothing follows the last field", takes_trailing_bytes),
    fault(Peer::RumqttcV4, "acknowledge flags 7-1 are zero, 3.2.2.1", takes_connack_flags),
    fault(Peer::RumqttcV4, "a refusal has no session, 3.1.1 MQTT-3.2.2-4", takes_session_in_refusal),
    fault(Peer::RumqttcV4, "connect flag 0 is zero, 3.1.1 MQTT-3.1.2-3", takes_reserved_connect_flag),
    fault(Peer::RumqttcV4, "QoS 0 has DUP 0, 3.1.1 MQTT-3.3.1-2", takes_dup_with_qos_0),
    fault(Peer::RumqttcV4, "a topic name has a character, 3.1.1 MQTT-4.7.3-1", takes_empty_name),
    fault(Peer::RumqttcV4, "a topic name has no wildcard, 3.1.1 MQTT-3.3.2-2", takes_wildcard_in_name),
    fault(Peer::RumqttcV4, "no string has U+0000, 3.1.1 MQTT-1.5.3-2", takes_nul),
    fault(
        Peer::RumqttcV4,
        "wildcards have their places, 3.1.1 MQTT-4.7.1-2 and -3",
        takes_misplaced_wildcard,
    ),
    fault(Peer::RumqttcV4, "UNSUBSCRIBE has a filter, 3.1.1 MQTT-3.10.3-2", takes_empty_list),
    fault(Peer::RumqttcV4, "reserved option bits are zero, 3.1.1 MQTT-3.8.3-4", takes_subscribe_options),
    fault(Peer::RumqttcV4, "a packet identifier is not 0, 3.1.1 MQTT-2.3.1-1", takes_packet_id_0),
    fault(Peer::RumqttcV4, "level 5 is laid out as 5.0, not as 3.1.1", reads_level_5_as_4),
    fault(Peer::RumqttcV4, "a password is binary, 3.1.3.5", refuses_binary_password),
    fault(Peer::RumqttcV4, "an empty user name is there, 3.1.1 MQTT-3.1.2-19", loses_empty_user_name),
    fault(Peer::RumqttcV5, "fixed header flags are fixed, 5.0 MQTT-2.1.3-1", takes_header_flags),
    fault(Peer::RumqttcV5, "nothing follows the last field", takes_trailing_bytes),
    fault(Peer::RumqttcV5, "acknowledge flags 7-1 are zero, 5.0 MQTT-3.2.2-1", takes_connack_flags),
    fault(Peer::RumqttcV5, "a refusal has no session, 5.0 MQTT-3.2.2-6", takes_session_in_refusal),
    fault(Peer::RumqttcV5, "switches among the properties are 0 or 1", takes_property_value),
    fault(Peer::RumqttcV5, "a property stands once", takes_repeated_property),
    fault(Peer::RumqttcV5, "a topic name is UTF-8, 5.0 MQTT-3.3.2-1", takes_name_that_is_not_utf_8),
    fault(Peer::RumqttcV5, "no string has U+0000, 5.0 MQTT-1.5.4-2", takes_nul),
    fault(Peer::RumqttcV5, "wildcards have their places, 5.0 MQTT-4.7.1-1 and -2", takes_misplaced_wildcard),
    fault(Peer::RumqttcV5, "a shared filter has a name and a filter, 5.0 MQTT-4.8.2-2", takes_shared_filter),
    fault(Peer::RumqttcV5, "reserved option bits are zero, 5.0 MQTT-3.8.3-5", takes_subscribe_options),
    fault(Peer::RumqttcV5, "a packet identifier is not 0, 5.0 MQTT-2.2.1-3", takes_packet_id_0),
    fault(Peer::RumqttcV5, "AUTH is a packet, 3.15", refuses_auth),
    fault(
        Peer::RumqttcV5,
        "a DISCONNECT may end before or behind its reason, 3.14.2.1",
        refuses_short_disconnect,
    ),
    fault(
        Peer::RumqttcV5,
        "properties end where their section ends, 2.2.2.1",
        reads_properties_past_the_section,
    ),
    fault(Peer::RumqttcV5, "DISCONNECT may say 0x8C, by the general table of 2.4", refuses_bad_method),
    fault(Peer::RumqttcV5, "a password is binary, 3.1.3.6", refuses_binary_password),
    fault(Peer::RumqttcV5, "an empty user name is there, 5.0 MQTT-3.1.2-17", loses_empty_user_name),
    fault(Peer::RumqttcV5, "a section is as long as it says, 2.2.2.1", miscounts_subscription_identifiers),
];

const fn fault(peer: Peer, rule: &'static str, is_it: fn(&Case<'_>) -> bool) -> Fault {
    Fault { peer, rule, is_it }
}

/// The peer takes what we refuse for that reason.
fn takes(case: &Case<'_>, is_reason: impl Fn(Kind) -> bool) -> bool {
    let is_taken = matches!(case.theirs, Verdict::Taken(_) | Verdict::Unwritable(_));
    is_taken && case.ours.is_err_and(|error| is_reason(error.kind))
}

fn panics(case: &Case<'_>) -> bool {
    matches!(case.theirs, Verdict::Panicked) && case.ours.is_err()
}

fn takes_trailing_bytes(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::TrailingBytes)
}

fn takes_connack_flags(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::ConnackFlags)
}

fn takes_session_in_refusal(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::SessionPresentInRefusal)
}

fn takes_reserved_connect_flag(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::ConnectFlags)
}

fn takes_dup_with_qos_0(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::DupWithQoS0)
}

fn takes_empty_name(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::EmptyTopicName)
}

fn takes_wildcard_in_name(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::WildcardInTopicName)
}

fn takes_nul(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::NulInString)
}

fn takes_misplaced_wildcard(case: &Case<'_>) -> bool {
    takes(case, |kind| matches!(kind, Kind::WildcardPosition | Kind::SingleLevelWildcardPosition))
}

fn takes_shared_filter(case: &Case<'_>) -> bool {
    takes(case, |kind| matches!(kind, Kind::SharedFilter | Kind::ShareName))
}

fn takes_empty_list(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::EmptyList)
}

fn takes_header_flags(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::FixedHeaderFlags)
}

fn takes_subscribe_options(case: &Case<'_>) -> bool {
    takes(case, |kind| matches!(kind, Kind::SubscribeOptions | Kind::SubscribeQoS | Kind::RetainHandling))
}

fn takes_packet_id_0(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::PacketIdZero)
}

fn takes_property_value(case: &Case<'_>) -> bool {
    takes(case, |kind| matches!(kind, Kind::PropertyValue(_)))
}

fn takes_repeated_property(case: &Case<'_>) -> bool {
    takes(case, |kind| matches!(kind, Kind::PropertyRepeated(_)))
}

/// It keeps the topic name of a PUBLISH as bytes.
fn takes_name_that_is_not_utf_8(case: &Case<'_>) -> bool {
    let is_publish = case.ours.is_err_and(|error| error.packet == Some(PacketKind::Publish));
    is_publish && takes(case, |kind| kind == Kind::Utf8)
}

/// It knows both levels and reads both as 3.1.1.
fn reads_level_5_as_4(case: &Case<'_>) -> bool {
    let version = match case.ours {
        Ok(Packet::Connect(connect)) => connect.version(),
        Ok(_) => return false,
        Err(error) => error.version,
    };
    version == Version::V5_0
}

fn refuses_binary_password(case: &Case<'_>) -> bool {
    let Ok(Packet::Connect(connect)) = case.ours else { return false };
    let is_binary = connect.password().is_some_and(|password| core::str::from_utf8(password).is_err());
    is_binary && matches!(case.theirs, Verdict::Refused(_))
}

/// It writes no user name field if both user name and password are empty, or only one of them.
fn loses_empty_user_name(case: &Case<'_>) -> bool {
    let Ok(Packet::Connect(connect)) = case.ours else { return false };
    let is_empty = connect.user_name() == Some("") || connect.password() == Some(b"");
    is_empty && matches!(case.theirs, Verdict::Taken(_))
}

fn refuses_auth(case: &Case<'_>) -> bool {
    matches!((case.ours, case.theirs), (Ok(Packet::Auth(_)), Verdict::Refused(_)))
}

fn refuses_short_disconnect(case: &Case<'_>) -> bool {
    let is_short = case.bytes[0] == 0xe0 && case.bytes.len() < 4;
    is_short && case.ours.is_ok() && matches!(case.theirs, Verdict::Refused(_))
}

/// The table of DISCONNECT itself leaves the code out, so this verdict is a soft one.
fn refuses_bad_method(case: &Case<'_>) -> bool {
    let Ok(Packet::Disconnect(disconnect)) = case.ours else { return false };
    let is_bad_method = disconnect.reason == ReasonCode::BadAuthenticationMethod;
    is_bad_method && matches!(case.theirs, Verdict::Refused(_))
}

fn reads_properties_past_the_section(case: &Case<'_>) -> bool {
    takes(case, |kind| kind == Kind::Truncated)
}

/// It counts a Subscription Identifier as shorter than it writes it.
fn miscounts_subscription_identifiers(case: &Case<'_>) -> bool {
    let Ok(Packet::Publish(publish)) = case.ours else { return false };
    let has_identifier = publish.properties.contains(PropertyId::SubscriptionIdentifier);
    has_identifier && matches!(case.theirs, Verdict::Taken(_))
}
