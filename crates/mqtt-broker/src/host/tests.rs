//! Turns over links in memory: who is notified, what waits where, and when a connection is over.

use bytes::BytesMut;
use core::cell::RefCell;
use core::time::Duration;
use std::vec;

use mqtt_parts::TransmitBuf;
use mqtt_proto::{Properties, Publish, QoS, TopicName, Version};

use super::*;

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a";
const SUBSCRIBE: &[u8] = b"\x82\x06\x00\x01\x00\x01t\x00";
const DISCONNECT: &[u8] = b"\xe0\x00";
const LINGER: Duration = Duration::from_secs(1);

struct Shared {
    host: RefCell<Host>,
    now: RefCell<Instant>,
}

impl Access for Shared {
    fn access<T>(&self, f: impl FnOnce(&mut Host, Instant) -> T) -> T {
        let mut host = self.host.borrow_mut();
        let result = f(&mut host, *self.now.borrow());
        let wakers = host.take_wakers();
        drop(host);
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

#[derive(Default)]
struct Link {
    input: Vec<u8>,
    output: Vec<u8>,
    is_full: bool,
    is_shut_down: bool,
}

impl Peer for Link {
    type Error = ();

    fn read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, ()> {
        let len = self.input.len().min(buf.len());
        buf[..len].copy_from_slice(&self.input[..len]);
        self.input.drain(..len);
        Ok((len > 0).then_some(len))
    }

    fn write(&mut self, output: &TransmitBuf) -> Result<Option<usize>, ()> {
        if self.is_full {
            return Ok(None);
        }
        output.chunks().for_each(|chunk| self.output.extend_from_slice(chunk));
        Ok(Some(output.len()))
    }

    fn shut_down(&mut self) -> Result<(), ()> {
        self.is_shut_down = true;
        Ok(())
    }
}

/// A connection whose client has said that, and what its first turn came to.
fn open(input: &[&[u8]]) -> (Shared, ConnectionId, Served, Link, Turn) {
    let host = RefCell::new(Host::new(Config::default(), 1));
    let shared = Shared { host, now: RefCell::new(Instant::ORIGIN) };
    let id = shared.access(Host::handle_opened);
    let mut served = Served::new(id, LINGER);
    let mut link = Link { input: input.concat(), ..Link::default() };
    let turn = served.turn(&shared, &mut link, &mut [0; 1000]).expect("the link is there");
    (shared, id, served, link, turn)
}

fn publish(size: usize) -> impl FnOnce(&mut Broker, Instant) {
    move |broker, now| {
        let id = broker.handle_opened(now);
        let mut input = BytesMut::from(&b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01b"[..]);
        broker.handle_input(now, id, &mut input);
        let mut output = Vec::new();
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: TopicName::new("t").expect("a good name"),
            packet_id: None,
            properties: Properties::EMPTY,
            payload: &vec![0; size],
        };
        publish.encode(Version::V3_1_1, &mut output).expect("it can be encoded");
        broker.handle_input(now, id, &mut BytesMut::from(&output[..]));
        broker.handle_closed(now, id);
    }
}

#[test]
fn a_message_for_a_connection_notifies_its_task() {
    let (shared, id, mut served, mut link, turn) = open(&[CONNECT, SUBSCRIBE]);
    assert_eq!(turn, Turn::Wait { wants_write: false, deadline: None });
    assert_eq!(link.output, b"\x20\x02\x00\x00\x90\x03\x00\x01\x00");
    let context = Context::from_waker(Waker::noop());
    // What the turn itself has brought about was remembered.
    let _ = shared.access(|host, _| host.poll_due(id, &context));
    assert!(shared.access(|host, _| host.poll_due(id, &context)).is_pending());
    shared.change(publish(3));
    assert!(shared.access(|host, _| host.poll_due(id, &context)).is_ready());
    link.output.clear();
    assert!(served.turn(&shared, &mut link, &mut [0; 1000]).is_ok());
    assert_eq!(link.output, b"\x30\x06\x00\x01t\x00\x00\x00");
}

#[test]
fn what_a_client_does_not_read_stays_in_the_broker() {
    let (shared, id, mut served, mut link, _) = open(&[CONNECT, SUBSCRIBE]);
    let context = Context::from_waker(Waker::noop());
    let is_due = |shared: &Shared| shared.access(|host, _| host.poll_due(id, &context)).is_ready();
    link.is_full = true;
    for _message in 0..100 {
        shared.change(publish(30_000));
        let turn = served.turn(&shared, &mut link, &mut [0; 1000]);
        assert_eq!(turn, Ok(Turn::Wait { wants_write: true, deadline: None }));
    }
    let queued = |shared: &Shared| shared.access(|host, _| host.broker().stats().queued);
    // Three are on their way, of which the last begins below the mark.
    assert_eq!(queued(&shared), 100 - OUTPUT_LOW.div_ceil(30_000));
    assert!(is_due(&shared));
    link.is_full = false;
    while queued(&shared) > 0 {
        let turn = served.turn(&shared, &mut link, &mut [0; 1000]).expect("the link holds");
        let (is_due, queued) = (is_due(&shared), queued(&shared));
        assert!(is_due || turn == Turn::Again || queued == 0, "no turn follows, and {queued} wait");
    }
    assert!(link.output.len() > 99 * 30_000);
}

#[test]
fn a_connection_that_has_ended_is_let_go_after_its_time() {
    let (shared, _, mut served, mut link, turn) = open(&[CONNECT, DISCONNECT]);
    assert!(link.is_shut_down);
    assert_eq!(turn, Turn::Wait { wants_write: false, deadline: Some(Instant::ORIGIN + LINGER) });
    *shared.now.borrow_mut() = Instant::ORIGIN + LINGER;
    // Whatever it says.
    link.input = vec![0; 5000];
    assert_eq!(served.turn(&shared, &mut link, &mut [0; 1000]), Ok(Turn::Closed));
}

#[test]
fn a_connection_that_is_cut_is_dropped_and_nothing_is_read() {
    let (shared, id, mut served, mut link, _) = open(&[CONNECT]);
    assert_eq!(shared.access(|host, _| host.cut(|name| name == Some("somebody"))), 0);
    assert_eq!(shared.access(|host, _| host.cut(|name| name == Some("a"))), 1);
    assert!(shared.access(|host, _| host.poll_due(id, &Context::from_waker(Waker::noop()))).is_ready());
    link.input = SUBSCRIBE.to_vec();
    assert_eq!(served.turn(&shared, &mut link, &mut [0; 1000]), Ok(Turn::Cut));
    assert_eq!(link.input, SUBSCRIBE);
}
