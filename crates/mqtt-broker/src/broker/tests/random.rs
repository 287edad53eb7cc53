//! Random lives of a few clients: whatever they do, the broker keeps its bounds and its books.

use mqtt_parts::Rng;
use mqtt_proto::{
    Ack, Connect, Packet, Properties, Property, Publish, QoS, ReasonCode, SubscribeOptions, Will,
};

use super::harness::{World, lasting, lasting_v3, message, pid, qos1, qos2, secs, v3, v5, will};
use crate::config::Config;
use crate::ids::ConnectionId;

const STEPS: u32 = 150;

/// One of `choices`.
fn any<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.below(choices.len() as u64) as usize]
}

fn connect(w: &mut World, rng: &mut Rng) -> ConnectionId {
    let name = any(rng, &["a", "b", "c"]);
    let list = [
        Property::SessionExpiryInterval(any(rng, &[0, 5, u32::MAX])),
        Property::ReceiveMaximum(any(rng, &[1, 2, 100])),
        Property::TopicAliasMaximum(any(rng, &[0, 1, 9])),
        Property::MaximumPacketSize(any(rng, &[40, 1000])),
    ];
    let delay = [Property::WillDelayInterval(any(rng, &[0, 3]))];
    let will = Will { qos: QoS::AtLeastOnce, properties: Properties::new(&delay), ..will("a/x", "will") };
    let five = Connect { properties: Properties::new(&list), ..any(rng, &[lasting(name), v5(name)]) };
    let three = any(rng, &[lasting_v3(name), v3(name)]);
    let packet = match rng.below(3) {
        0 => three,
        1 => five,
        _ => Connect { will: Some(will), keep_alive_secs: 3, ..five },
    };
    let id = w.open();
    w.send(id, Packet::from(&packet));
    id
}

fn act(w: &mut World, rng: &mut Rng, id: ConnectionId) {
    let packet_id = 1 + rng.below(4) as u16;
    let topic = any(rng, &["a/x", "a/y", "b"]);
    let filter = any(rng, &["a/+", "#", "b", "$share/g/a/#"]);
    let qos = any(rng, &[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let reason = any(rng, &[ReasonCode::Success, ReasonCode::Success, ReasonCode::UnspecifiedError]);
    // Only 5.0 has reasons; elsewhere the packet would have no encoding.
    let ack =
        if w.is_v5(id) { Ack::with_reason(pid(packet_id), reason) } else { Ack::success(pid(packet_id)) };
    match rng.below(12) {
        0 => w.publish(id, Publish { retain: rng.below(3) == 0, ..message(topic, "some text") }),
        1 | 2 => w.publish(id, qos1(packet_id, topic, "text")),
        3 | 4 => w.publish(id, qos2(packet_id, topic, "a much longer text, too long for some")),
        5 => w.subscribe_with(id, filter, SubscribeOptions::with_qos(qos), None),
        6 => w.unsubscribe(id, &[filter]),
        7 => w.send(id, Packet::Puback(ack)),
        8 => w.send(id, Packet::Pubrec(ack)),
        9 => w.pubrel(id, packet_id),
        10 => w.pubcomp(id, packet_id),
        _ => w.disconnect(id, ReasonCode::Success),
    }
}

#[test]
fn whatever_clients_do_the_books_are_kept() {
    let config = Config { queue_messages_max: 6, queue_bytes_max: 200, retained_max: 2, ..Config::default() };
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let mut w = World::with(config.clone());
        let mut ids = [connect(&mut w, &mut rng), connect(&mut w, &mut rng), connect(&mut w, &mut rng)];
        for _ in 0..STEPS {
            let place = rng.below(3) as usize;
            match rng.below(20) {
                0 => w.hang_up(ids[place]),
                1 => w.wait(secs(rng.below(4))),
                2 if rng.below(10) == 0 => w.broker.restart(rng.below(4) > 0),
                3..10 => drop(w.take(ids[place])),
                _ if w.broker.is_closing(ids[place]) => {
                    w.hang_up(ids[place]);
                    ids[place] = connect(&mut w, &mut rng);
                }
                _ => act(&mut w, &mut rng, ids[place]),
            }
            let stats = w.broker.stats();
            assert!(stats.queued <= 6 * stats.sessions, "seed {seed}: {stats:?}");
            assert!(stats.queued_bytes <= 200 * stats.sessions, "seed {seed}: {stats:?}");
            assert!(stats.sessions <= 3 && stats.retained <= 2, "seed {seed}: {stats:?}");
            assert!(stats.subscriptions <= 4 * stats.sessions, "seed {seed}: {stats:?}");
            assert!(stats.queued + stats.inflight > 0 || stats.queued_bytes == 0, "seed {seed}: {stats:?}");
            assert!(stats.messages_bytes >= stats.retained_bytes, "seed {seed}: {stats:?}");
        }
        for name in ["a", "b", "c"] {
            let id = w.joined(v5(name));
            w.hang_up(id);
        }
        for id in ids {
            w.hang_up(id);
        }
        let stats = w.broker.stats();
        let kept = (stats.sessions, stats.subscriptions, stats.queued, stats.inflight, stats.queued_bytes);
        assert_eq!(kept, (0, 0, 0, 0, 0), "seed {seed}");
        let retained_max = stats.retained_bytes + 256 * stats.retained;
        assert!(stats.messages_bytes <= retained_max && stats.buffers_bytes == 0, "seed {seed}: {stats:?}");
        assert_eq!(stats.subscriptions_bytes, 0, "seed {seed}");
    }
}
