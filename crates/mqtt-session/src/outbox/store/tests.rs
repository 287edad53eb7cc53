//! Beside a plain list of the same messages, long enough for several pieces of memory.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_proto::{PacketId, QoS, ReasonCode, TopicName, Version};

use super::super::entry::{Place, Release};
use super::{Store, Ticket};
use crate::command::Publish;

/// A message of the list.
#[derive(Clone, Debug)]
struct Listed {
    ticket: Ticket,
    payload: String,
    place: Place,
}

fn push(store: &mut Store, list: &mut Vec<Listed>, number: u64, qos: QoS, len: usize) {
    let payload = format!("{number:0len$}");
    let topic = TopicName::new("a").expect("a topic name");
    let publish = Publish { qos, ..Publish::new(topic, payload.clone().into_bytes()) };
    let ticket = Ticket::after(number);
    store.push(mqtt_parts::Instant::ORIGIN, ticket, &publish, Version::V5_0, |_| Ok(())).expect("accepted");
    list.push(Listed { ticket, payload, place: Place::Waiting { was_sent: false } });
}

fn check(store: &mut Store, list: &[Listed], looked_at: usize) {
    let waiting = list.iter().position(|listed| matches!(listed.place, Place::Waiting { .. }));
    let found = store.first_waiting().map(|index| store.get(index).ticket);
    assert_eq!(found, waiting.map(|at| list[at].ticket));
    let due = list.iter().position(|listed| is_due(listed.place));
    assert_eq!(store.first_due().map(|index| store.get(index).ticket), due.map(|at| list[at].ticket));
    let Some(listed) = list.get(looked_at) else { return };
    let index = store.find(listed.ticket).expect("it has not ended");
    assert_eq!(store.get(index).place, listed.place);
    if !listed.place.is_without_frame() {
        let frame = store.frame(index);
        let bytes = frame.payload.map_or(frame.bytes, |payload| &payload[..]);
        assert!(bytes.ends_with(listed.payload.as_bytes()), "{bytes:?} of {}", listed.payload);
    }
    if let Some(id) = listed.place.packet_id() {
        assert_eq!(store.find_id(id), Some(index));
    }
    let is_ahead = |listed: &&Listed| is_due(listed.place) || matches!(listed.place, Place::Waiting { .. });
    assert_eq!(store.ahead(index), list[..looked_at].iter().filter(is_ahead).count());
}

fn is_due(place: Place) -> bool {
    matches!(place, Place::Sent { is_due: true, .. } | Place::Released { is_due: true, .. })
}

#[test]
fn messages_are_those_of_a_plain_list_in_its_order() {
    let all = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    for seed in 0..3_u64 {
        let mut state = seed;
        // A linear congruential generator is random enough here.
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        let (mut store, mut list, mut number) = (Store::new(), Vec::new(), 0);
        for round in 0..40 {
            // Long queues, and short ones.
            for _message in 0..below(if round % 4 == 0 { 2_500 } else { 100 }) {
                number += 1;
                let len = if below(200) == 0 { 9_000 } else { below(120) + 1 };
                push(&mut store, &mut list, number, all[below(3)], len);
                if below(10) == 0 {
                    check(&mut store, &list, below(list.len()));
                }
            }
            for _step in 0..below(400) {
                if list.is_empty() {
                    break;
                }
                // Mostly at the front, as on a connection, and sometimes at either end of a long run.
                let at = match below(4) {
                    0 => below(list.len()),
                    1 => list.len() - 1,
                    _ => below(list.len().min(20)),
                };
                let listed = &mut list[at];
                let index = store.find(listed.ticket).expect("it has not ended");
                let id = (1..).find_map(|id| {
                    let id = PacketId::new(id).expect("few are in use");
                    store.find_id(id).is_none().then_some(id)
                });
                let qos = store.get(index).qos;
                let place = match (listed.place, below(3)) {
                    (Place::Waiting { .. }, 0 | 1) if qos > QoS::AtMostOnce => {
                        Place::Sent { packet_id: id.expect("few are in use"), is_due: below(4) == 0 }
                    }
                    (Place::Sent { .. }, 0) => Place::Waiting { was_sent: true },
                    (Place::Sent { packet_id, .. }, 1) if qos == QoS::ExactlyOnce => {
                        let release = Release { order: 1, reason: ReasonCode::Success };
                        Place::Released { packet_id, is_due: below(4) == 0, release }
                    }
                    _ => Place::Tombstone,
                };
                listed.place = place;
                store.set_place(index, place);
                if place == Place::Tombstone {
                    list.remove(at);
                }
                check(&mut store, &list, below(list.len().max(1)));
            }
            if below(3) == 0 {
                let count = list.len().min(below(1_800));
                end_run(&mut store, &mut list, count);
            }
            for looked_at in (0..list.len()).step_by(97) {
                check(&mut store, &list, looked_at);
            }
            let needed: usize = store.iter().map(|entry| entry.frame_len as usize).sum();
            assert!(store.frames.len() < 2 * needed + 150_000, "{} for {needed}", store.frames.len());
        }
    }
}

/// A run of messages of QoS 0 goes out as it is.
fn end_run(store: &mut Store, list: &mut Vec<Listed>, count: usize) {
    let Some(index) = store.first_waiting_qos0() else { return };
    let (run, bytes) = store.qos0_run(index, |_, _| true);
    let at = list.iter().position(|listed| listed.ticket == store.get(index).ticket).expect("it is listed");
    let payloads: Vec<_> = list[at..at + run].iter().map(|listed| listed.payload.as_str()).collect();
    let sent = payloads.iter().try_fold(bytes, |bytes, payload| {
        let from = bytes.windows(payload.len()).position(|window| window == payload.as_bytes())?;
        Some(&bytes[from + payload.len()..])
    });
    assert_eq!(sent, Some(&[][..]), "{payloads:?}");
    let count = run.min(count);
    let mut ended = Vec::new();
    store.end_run(index, count, |ticket| ended.push(ticket));
    let listed: Vec<_> = list.drain(at..at + count).map(|listed| listed.ticket).collect();
    assert_eq!(ended, listed);
}

/// All that are named by numbers are somewhere else.
fn place_all(
    store: &mut Store,
    list: &mut Vec<Listed>,
    is_meant: impl Fn(&Listed) -> bool,
    place: impl Fn(u64) -> Place,
) {
    list.retain_mut(|listed| {
        if is_meant(listed) {
            listed.place = place(listed.ticket.get());
            store.first_waiting();
            let index = store.find(listed.ticket).expect("it has not ended");
            store.set_place(index, listed.place);
        }
        listed.place != Place::Tombstone
    });
    let mut in_front = 0;
    for listed in list.iter() {
        let index = store.find(listed.ticket).expect("it has not ended");
        assert_eq!(store.ahead(index), in_front, "in front of {listed:?}");
        in_front += usize::from(is_due(listed.place) || matches!(listed.place, Place::Waiting { .. }));
    }
}

#[test]
fn messages_in_front_are_counted_wherever_some_have_left() {
    let (mut store, mut list) = (Store::new(), Vec::new());
    let sent = |number| {
        let packet_id = PacketId::new(number as u16).expect("not 0");
        Place::Sent { packet_id, is_due: false }
    };
    let push_all = |store: &mut Store, list: &mut Vec<Listed>, numbers: core::ops::Range<u64>| {
        numbers.for_each(|number| push(store, list, number, QoS::AtLeastOnce, 10));
    };
    push_all(&mut store, &mut list, 1..3_000);
    for listed in &mut list[..1_200] {
        let index = store.first_waiting().expect("they wait");
        listed.place = sent(listed.ticket.get());
        store.set_place(index, listed.place);
    }
    place_all(&mut store, &mut list, |_| false, sent);
    // Some in the middle end, and all at the back, whose positions others get.
    let is_left = |listed: &Listed| listed.ticket.get() % 3 == 0 && listed.ticket.get() > 1_500;
    place_all(&mut store, &mut list, is_left, |_| Place::Tombstone);
    place_all(&mut store, &mut list, |listed| listed.ticket.get() > 2_300, |_| Place::Tombstone);
    push_all(&mut store, &mut list, 3_000..4_500);
    place_all(&mut store, &mut list, |_| false, sent);
    // All are sent and end but for those in front, so that what counts as in order begins behind them.
    place_all(&mut store, &mut list, |listed| listed.ticket.get() > 1_200, sent);
    for listed in list.drain(1_200..).rev() {
        let index = store.find(listed.ticket).expect("it has not ended");
        store.set_place(index, Place::Tombstone);
    }
    push_all(&mut store, &mut list, 4_500..7_000);
    place_all(&mut store, &mut list, |_| false, sent);
    // So many end that the rest closes up, behind some that were sent.
    place_all(&mut store, &mut list, |listed| listed.ticket.get() % 8 < 5, |_| Place::Tombstone);
    place_all(
        &mut store,
        &mut list,
        |listed| listed.ticket.get() < 1_000,
        |_| Place::Waiting { was_sent: true },
    );
    place_all(&mut store, &mut list, |listed| listed.ticket.get() < 100, sent);
}
