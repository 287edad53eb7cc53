//! Strategies for every packet of every version: small, legal, and fond of the edges.

use mqtt_proto::{
    PacketId, PacketKind, PropertyId, PropertyOwner, QoS, ReasonCode, RetainHandling, SubscribeOptions,
    Version,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{select, subsequence};
use proptest::strategy::BoxedStrategy;

use crate::model::{Body, Model, OwnedProperty, OwnedWill};
use crate::table::VERSIONS;

/// Any packet of any version.
pub(crate) fn model() -> BoxedStrategy<Model> {
    select(&VERSIONS[..]).prop_flat_map(model_of).boxed()
}

/// Any packet of that version.
pub(crate) fn model_of(version: Version) -> BoxedStrategy<Model> {
    let kinds = PacketKind::ALL.iter().filter(|kind| version == Version::V5_0 || **kind != PacketKind::Auth);
    let kinds: Vec<PacketKind> = kinds.copied().collect();
    select(kinds)
        .prop_flat_map(move |kind| body(kind, version))
        .prop_map(move |body| Model { version, body })
        .boxed()
}

fn body(kind: PacketKind, version: Version) -> BoxedStrategy<Body> {
    match kind {
        PacketKind::Connect => connect(version),
        PacketKind::Connack => connack(version),
        PacketKind::Publish => publish(version),
        PacketKind::Puback => ack(kind, PropertyOwner::Puback, version),
        PacketKind::Pubrec => ack(kind, PropertyOwner::Pubrec, version),
        PacketKind::Pubrel => ack(kind, PropertyOwner::Pubrel, version),
        PacketKind::Pubcomp => ack(kind, PropertyOwner::Pubcomp, version),
        PacketKind::Subscribe => subscribe(version),
        PacketKind::Unsubscribe => unsubscribe(version),
        PacketKind::Suback => codes(kind, PropertyOwner::Suback, version),
        PacketKind::Unsuback => codes(kind, PropertyOwner::Unsuback, version),
        PacketKind::Pingreq | PacketKind::Pingresp => Just(Body::Ping { kind }).boxed(),
        PacketKind::Disconnect => reason(kind, PropertyOwner::Disconnect, version),
        PacketKind::Auth => reason(kind, PropertyOwner::Auth, version),
    }
}

fn connect(version: Version) -> BoxedStrategy<Body> {
    let will = (qos(), any::<bool>(), properties(PropertyOwner::Will, version), topic_name(), binary());
    let will = will.prop_map(|(qos, retain, properties, topic, payload)| OwnedWill {
        qos,
        retain,
        properties,
        topic,
        payload,
    });
    let login = (option::of(text()), option::of(binary()));
    (
        any::<bool>(),
        any::<u16>(),
        properties(PropertyOwner::Connect, version),
        text(),
        option::of(will),
        login,
    )
        .prop_map(
            move |(clean_start, keep_alive_secs, properties, client_id, will, (user_name, password))| {
                let password = password.filter(|_| user_name.is_some() || version == Version::V5_0);
                Body::Connect {
                    clean_start,
                    keep_alive_secs,
                    properties,
                    client_id,
                    will,
                    user_name,
                    password,
                }
            },
        )
        .boxed()
}

fn connack(version: Version) -> BoxedStrategy<Body> {
    let is_legal = move |code: &ReasonCode| match version {
        Version::V5_0 => code.is_legal_in(PacketKind::Connack),
        Version::V3_1 | Version::V3_1_1 => code.return_code().is_some(),
    };
    (any::<bool>(), reason_code(is_legal), properties(PropertyOwner::Connack, version))
        .prop_map(move |(session_present, reason, properties)| {
            let session_present =
                session_present && reason == ReasonCode::Success && version != Version::V3_1;
            Body::Connack { session_present, reason, properties }
        })
        .boxed()
}

fn publish(version: Version) -> BoxedStrategy<Body> {
    let packet_id = option::of((select(&[QoS::AtLeastOnce, QoS::ExactlyOnce][..]), packet_id()));
    let properties = properties(PropertyOwner::Publish, version);
    let payload = prop_oneof![4 => vec(any::<u8>(), 0..40), 1 => vec(any::<u8>(), 100..300)];
    (any::<bool>(), any::<bool>(), packet_id, topic_name(), properties, payload, any::<bool>())
        .prop_map(|(dup, retain, packet_id, topic, properties, payload, is_aliased)| {
            let has_alias = properties.iter().any(|property| property.id == PropertyId::TopicAlias);
            let topic = if is_aliased && has_alias { String::new() } else { topic };
            Body::Publish { dup, retain, packet_id, topic, properties, payload }
        })
        .boxed()
}

fn ack(kind: PacketKind, owner: PropertyOwner, version: Version) -> BoxedStrategy<Body> {
    (packet_id(), reason_of(kind, version), properties(owner, version))
        .prop_map(move |(packet_id, reason, properties)| Body::Ack { kind, packet_id, reason, properties })
        .boxed()
}

fn subscribe(version: Version) -> BoxedStrategy<Body> {
    let handling =
        select(&[RetainHandling::OnSubscribe, RetainHandling::OnNewSubscription, RetainHandling::Never][..]);
    let options = (qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        move |(qos, no_local, retain_as_published, retain_handling)| match version {
            Version::V5_0 => SubscribeOptions { qos, no_local, retain_as_published, retain_handling },
            Version::V3_1 | Version::V3_1_1 => SubscribeOptions::with_qos(qos),
        },
    );
    let item = (filter(), options).prop_map(|(filter, options)| {
        let is_shared = filter.starts_with("$share/");
        let no_local = options.no_local && !is_shared;
        (filter, SubscribeOptions { no_local, ..options })
    });
    (packet_id(), properties(PropertyOwner::Subscribe, version), vec(item, 1..4))
        .prop_map(|(packet_id, properties, filters)| Body::Subscribe { packet_id, properties, filters })
        .boxed()
}

fn unsubscribe(version: Version) -> BoxedStrategy<Body> {
    (packet_id(), properties(PropertyOwner::Unsubscribe, version), vec(filter(), 1..4))
        .prop_map(|(packet_id, properties, filters)| Body::Unsubscribe { packet_id, properties, filters })
        .boxed()
}

fn codes(kind: PacketKind, owner: PropertyOwner, version: Version) -> BoxedStrategy<Body> {
    let is_legal = move |code: &ReasonCode| match version {
        Version::V5_0 => code.is_legal_in(kind),
        Version::V3_1 | Version::V3_1_1 => code.byte() < 3 || code.byte() == 0x80,
    };
    let count = if kind == PacketKind::Unsuback && version != Version::V5_0 { 0..1 } else { 1..5 };
    (packet_id(), properties(owner, version), vec(reason_code(is_legal), count))
        .prop_map(move |(packet_id, properties, codes)| Body::Codes { kind, packet_id, properties, codes })
        .boxed()
}

fn reason(kind: PacketKind, owner: PropertyOwner, version: Version) -> BoxedStrategy<Body> {
    (reason_of(kind, version), properties(owner, version))
        .prop_map(move |(reason, properties)| {
            let has_method =
                properties.iter().any(|property| property.id == PropertyId::AuthenticationMethod);
            if kind == PacketKind::Auth && !has_method {
                return Body::Reason { kind, reason: ReasonCode::Success, properties: vec![] };
            }
            Body::Reason { kind, reason, properties }
        })
        .boxed()
}

/// A reason of that kind; before 5.0 there is only success.
fn reason_of(kind: PacketKind, version: Version) -> BoxedStrategy<ReasonCode> {
    match version {
        Version::V5_0 => reason_code(move |code| code.is_legal_in(kind)),
        Version::V3_1 | Version::V3_1_1 => Just(ReasonCode::Success).boxed(),
    }
}

fn reason_code(is_legal: impl Fn(&ReasonCode) -> bool) -> BoxedStrategy<ReasonCode> {
    let codes: Vec<ReasonCode> = ReasonCode::ALL.iter().copied().filter(is_legal).collect();
    prop_oneof![Just(codes[0]), select(codes)].boxed()
}

/// Some of the owner's properties in any order, with repetitions of those that may; none before 5.0.
fn properties(owner: PropertyOwner, version: Version) -> BoxedStrategy<Vec<OwnedProperty>> {
    if version != Version::V5_0 {
        return Just(Vec::new()).boxed();
    }
    let legal: Vec<PropertyId> = PropertyId::ALL.iter().copied().filter(|id| id.is_legal_in(owner)).collect();
    let repeated: Vec<PropertyId> = legal.iter().copied().filter(|id| id.may_repeat_in(owner)).collect();
    let count = legal.len();
    let some = (subsequence(legal, 0..=count), vec(select(repeated), 0..3));
    let some = some.prop_map(|(mut once, again)| {
        once.extend(again);
        // Authentication data does not stand without its method.
        if !once.contains(&PropertyId::AuthenticationMethod) {
            once.retain(|id| *id != PropertyId::AuthenticationData);
        }
        once
    });
    let some = some.prop_shuffle().prop_flat_map(|ids| ids.into_iter().map(property).collect::<Vec<_>>());
    prop_oneof![Just(Vec::new()), some].boxed()
}

fn property(id: PropertyId) -> impl Strategy<Value = OwnedProperty> {
    let number = prop_oneof![Just(0), Just(127), Just(128), Just(u32::MAX), any::<u32>()];
    (number, text(), text(), binary()).prop_map(move |(number, text, other, bytes)| OwnedProperty {
        id,
        number,
        text,
        other,
        bytes,
    })
}

fn qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][..])
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    prop_oneof![Just(1), Just(u16::MAX), 1..=u16::MAX]
        .prop_map(|id| PacketId::new(id).expect("the range leaves 0 out"))
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), "[a-z]{1,8}", "[^\\x00]{1,12}", "[a-z]{120,140}"].boxed()
}

fn binary() -> BoxedStrategy<Vec<u8>> {
    prop_oneof![3 => vec(any::<u8>(), 0..12), 1 => vec(any::<u8>(), 120..140)].boxed()
}

fn topic_name() -> BoxedStrategy<String> {
    prop_oneof!["[a-z]{1,4}(/[a-z]{0,4}){0,3}", "/", "\\$SYS/[a-z]{1,4}", "[^\\x00+#]{1,12}"].boxed()
}

fn filter() -> BoxedStrategy<String> {
    let plain = "([a-z]{0,3}/|\\+/){0,3}([a-z]{1,3}|\\+|#)";
    prop_oneof![3 => plain, 1 => "\\$share/[a-z]{1,3}/([a-z]{1,3}|\\+/a|#)"].boxed()
}
