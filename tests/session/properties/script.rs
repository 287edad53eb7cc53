//! Random conversations: what the application, the server and the network do.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{prop_oneof, strategy::Union};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Connect,
    /// QoS, size of the payload, timeout in milliseconds.
    Publish(u8, usize, Option<u64>),
    Subscribe(u8),
    Unsubscribe(u8),
    Acknowledge(usize),
    /// Milliseconds to drain.
    Disconnect(u64),
    /// Packets in one read.
    Say(Vec<String>),
    /// Bytes in one read.
    Bytes(Vec<u8>),
    Opened,
    Cut,
    Wait(u64),
    /// Waits for the next attempt, which the server accepts.
    Accept(&'static str),
}

/// What a server may say, well or badly timed, but in whole packets of at least 3.1.1.
fn packet() -> impl Strategy<Value = String> {
    let id = || 1u16..6;
    prop_oneof![
        3 => id().prop_map(|id| format!("PUBACK id{id}")),
        3 => id().prop_map(|id| format!("PUBREC id{id}")),
        3 => id().prop_map(|id| format!("PUBCOMP id{id}")),
        2 => id().prop_map(|id| format!("PUBREL id{id}")),
        2 => id().prop_map(|id| format!("SUBACK id{id} 0x00")),
        1 => id().prop_map(|id| format!("SUBACK id{id} 0x80 0x01")),
        2 => id().prop_map(|id| format!("UNSUBACK id{id} 0x00")),
        2 => Just("PUBLISH t qos0 \"zero\"".to_owned()),
        3 => id().prop_map(|id| format!("PUBLISH t qos1 id{id} \"one\"")),
        3 => id().prop_map(|id| format!("PUBLISH t qos2 id{id} \"two\"")),
        2 => Just("PINGRESP".to_owned()),
    ]
}

fn calm() -> Union<proptest::prelude::BoxedStrategy<Step>> {
    let size = prop_oneof![Just(0), 1usize..50, 3_000usize..6_000, 20_000usize..40_000];
    Union::new_weighted(vec![
        (6, (0u8..3, size, proptest::option::of(1u64..30_000)).prop_map(publish).boxed()),
        (2, (0u8..4).prop_map(Step::Subscribe).boxed()),
        (1, (0u8..4).prop_map(Step::Unsubscribe).boxed()),
        (3, (0usize..6).prop_map(Step::Acknowledge).boxed()),
        (6, vec(packet(), 1..5).prop_map(Step::Say).boxed()),
        (1, Just(Step::Cut).boxed()),
        (2, (1u64..40_000).prop_map(Step::Wait).boxed()),
        (2, Just(Step::Accept("CONNACK present")).boxed()),
        (1, Just(Step::Accept("CONNACK")).boxed()),
    ])
}

fn publish((qos, size, timeout): (u8, usize, Option<u64>)) -> Step {
    Step::Publish(qos, size, timeout)
}

/// A step of a conversation between a client and a server that mostly behaves.
pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![20 => calm(), 1 => (0u64..20_000).prop_map(Step::Disconnect), 1 => Just(Step::Connect)]
}

/// Anything in any order.
pub(super) fn wild_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => calm(),
        1 => (0u64..20_000).prop_map(Step::Disconnect),
        2 => Just(Step::Connect),
        1 => Just(Step::Opened),
        1 => Just(Step::Say(vec!["CONNACK".into()])),
        1 => Just(Step::Say(vec!["CONNACK 0x87".into()])),
        1 => Just(Step::Bytes(vec![0xe0, 1, 0x8e])),
        1 => vec(any::<u8>(), 1..20).prop_map(Step::Bytes),
    ]
}
