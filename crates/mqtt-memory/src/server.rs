//! The broker of a world: one task for each link, one that keeps time, and the mistakes that a plan has it make.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt_broker::host::{Access, Host, OUTPUT_LOW, Peer, Served, Turn};
use mqtt_broker::{Config, ConnectionId};
use mqtt_client::adapter::Link;
use mqtt_client::{Instant, Version};
use mqtt_parts::{Rng, TransmitBuf};
use mqtt_proto::{PacketKind, ReasonCode, frame_len};
use mqtt_transport::{Interest, Waiter};

use crate::executor::{Executor, Timer};
use crate::fault::{Tamper, hits};
use crate::link::End;
use crate::trace::{Event, Point, Side, Trace};

/// The broker, and whether links are accepted.
#[derive(Debug)]
pub(crate) struct Server {
    host: RefCell<Host>,
    is_up: Cell<bool>,
    executor: Rc<Executor>,
    trace: Rc<RefCell<Trace>>,
}

impl Access for Server {
    fn access<T>(&self, f: impl FnOnce(&mut Host, Instant) -> T) -> T {
        let mut host = self.host.borrow_mut();
        let result = f(&mut host, self.executor.now());
        let wakers = host.take_wakers();
        drop(host);
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl Server {
    pub(crate) fn new(
        config: Config,
        seed: u64,
        executor: &Rc<Executor>,
        trace: &Rc<RefCell<Trace>>,
    ) -> Rc<Server> {
        let server = Rc::new(Server {
            host: RefCell::new(Host::new(config, seed)),
            is_up: Cell::new(true),
            executor: Rc::clone(executor),
            trace: Rc::clone(trace),
        });
        executor.spawn(keep_time(Rc::clone(&server)));
        server
    }

    /// Whether links are accepted.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.get()
    }

    /// Ends without a DISCONNECT: all links break, and none is accepted.
    pub(crate) fn stop(&self, keeps_sessions: bool) {
        if !self.is_up.replace(false) {
            return;
        }
        let now = self.executor.now();
        self.trace.borrow_mut().push(now, Event::BrokerStopped { keeps_sessions });
        self.access(|host, _| host.cut(|_| true));
        self.change(|broker, now| {
            broker.handle_timeout(now);
            broker.restart(keeps_sessions);
        });
    }

    /// Accepts links again.
    pub(crate) fn start(&self) {
        self.is_up.set(true);
    }

    /// Serves one link until either side closes it.
    pub(crate) async fn serve(self: Rc<Server>, end: End, rng: Rng) {
        let id = self.access(Host::handle_opened);
        let watch = end.watch();
        let mut link = ServedLink {
            server: Rc::clone(&self),
            end,
            transmit: TransmitBuf::new(),
            held: VecDeque::new(),
            rng,
        };
        let mut waiter = Waiter::new(Timer::new(&self.executor));
        let mut served = Served::new(id, LINGER);
        loop {
            let turn = served.turn(&*self, &mut link, &mut [0; READ_SIZE]);
            match turn {
                Ok(Turn::Again) => {}
                Ok(Turn::Wait { wants_write, deadline }) => {
                    let interest = Interest { read: true, write: wants_write };
                    let is_due = |context: &mut Context<'_>| {
                        self.access(|host, _| host.poll_due(id, context)).is_ready()
                    };
                    waiter.wait_for(&watch, interest, deadline, is_due).await;
                }
                Ok(Turn::Cut) => break link.cut(),
                // An error says only that the link is gone, which is reported to the broker below.
                Ok(Turn::Closed) | Err(_) => break,
            }
        }
        self.access(|host, now| host.handle_closed(now, id));
    }
}

/// Calls the broker at its deadlines.
async fn keep_time(server: Rc<Server>) {
    let mut waiter = Waiter::new(Timer::new(&server.executor));
    loop {
        let deadline = server.access(Host::handle_timeout);
        waiter.wait(deadline, |context| server.access(|host, _| host.poll_clock(context)).is_ready()).await;
    }
}

/// One link, as the broker sees it, with the mistakes that the broker makes there.
struct ServedLink {
    server: Rc<Server>,
    end: End,
    /// Memory that is used again.
    transmit: TransmitBuf,
    /// Acknowledgements that are held back, and until when.
    held: VecDeque<(Instant, Bytes)>,
    rng: Rng,
}

/// Bytes that are read at once.
const READ_SIZE: usize = 4096;

/// How long, in virtual time, the other side may take to read the last bytes, and to close a link that the broker has
/// ended.
const LINGER: Duration = Duration::from_secs(5);

impl Peer for ServedLink {
    type Error = io::Error;

    fn read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        unless_blocked(self.end.try_read(buf))
    }

    fn write(&mut self, output: &TransmitBuf) -> io::Result<Option<usize>> {
        // There is one, since no payload is left where it lies.
        let chunks: Vec<IoSlice<'_>> = output.chunks().map(IoSlice::new).collect();
        unless_blocked(self.end.try_write(&chunks))
    }

    fn shut_down(&mut self) -> io::Result<()> {
        self.end.shutdown()
    }

    fn short_read_is_all(&self) -> bool {
        false
    }

    /// Hands the broker one packet after the other, and notes each.
    fn pass_in(&mut self, host: &impl Access, id: ConnectionId, input: &mut BytesMut, bytes: &[u8]) {
        input.extend_from_slice(bytes);
        loop {
            let is_closing = host.change(|broker, _| broker.is_closing(id));
            let mut packet = match frame_len(input, u32::MAX) {
                Ok(Some(len)) if len <= input.len() => {
                    let packet = input.split_to(len);
                    if !is_closing {
                        self.note(Point::BrokerIn, packet.clone().freeze());
                    }
                    packet
                }
                // Too long or no packet at all: the broker says so. The rest of a packet may still come.
                Ok(_) | Err(_) if is_closing => return input.clear(),
                Ok(_) | Err(_) => return host.change(|broker, now| broker.handle_input(now, id, input)),
            };
            host.change(|broker, now| broker.handle_input(now, id, &mut packet));
            if !is_closing && host.change(|broker, _| broker.is_closing(id)) {
                let link = self.end.wire.borrow().number;
                self.push(Event::Refused { link });
            }
        }
    }

    /// Takes one packet after the other from the broker, and then what is held back no longer.
    fn pass_out(&mut self, host: &impl Access, id: ConnectionId, output: &mut TransmitBuf) {
        while output.len() < OUTPUT_LOW {
            if !host.change(|broker, now| broker.poll_transmit(now, id, &mut self.transmit)) {
                break;
            }
            let mut bytes = BytesMut::with_capacity(self.transmit.len());
            self.transmit.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
            self.transmit.clear();
            let mut bytes = bytes.freeze();
            while let Ok(Some(len)) = frame_len(&bytes, u32::MAX) {
                let frame = bytes.split_to(len);
                self.send(frame, output);
            }
        }
        let now = self.server.executor.now();
        while self.held.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, frame)) = self.held.pop_front() else { break };
            output.put_encoded(&frame);
        }
    }

    fn holds_until(&self) -> Option<Instant> {
        self.held.front().map(|(at, _)| *at)
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

impl ServedLink {
    /// Breaks the link, as the end of a process does.
    fn cut(&self) {
        let mut wakers = Vec::new();
        self.end.wire.borrow_mut().cut(self.server.executor.now(), Side::Broker, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn push(&self, event: Event) {
        self.server.trace.borrow_mut().push(self.server.executor.now(), event);
    }

    fn note(&self, point: Point, frame: Bytes) {
        let wire = self.end.wire.borrow();
        let (link, version) = (wire.number, wire.version);
        drop(wire);
        self.push(Event::Packet { link, point, version, frame });
    }

    /// Queues one packet, with the mistakes that the plan demands.
    fn send(&mut self, frame: Bytes, output: &mut TransmitBuf) {
        self.note(Point::BrokerOut, frame.clone());
        let Tamper { duplicate, wrong_code, hold_max, unasked } = self.end.wire.borrow().tamper;
        let version = self.end.wire.borrow().version;
        let kind = frame[0] >> 4;
        let qos = frame[0] >> 1 & 3;
        let is_publish = kind == PacketKind::Publish as u8;
        let is_ack = [PacketKind::Puback, PacketKind::Pubrec, PacketKind::Pubcomp, PacketKind::Suback]
            .iter()
            .any(|ack| kind == *ack as u8);
        let mut frame = frame;
        if kind == PacketKind::Puback as u8 && version == Version::V5_0 && hits(&mut self.rng, wrong_code) {
            self.fault("the broker denies a message that it took");
            let (id, code) = ([frame[2], frame[3]], ReasonCode::ImplementationSpecificError.byte());
            frame = Bytes::copy_from_slice(&[frame[0], 3, id[0], id[1], code]);
        }
        if is_ack && (!self.held.is_empty() || hold_max > Duration::ZERO && hits(&mut self.rng, 50)) {
            let now = self.server.executor.now();
            let last = self.held.back().map_or(now, |(at, _)| *at);
            let until = last.max(now + self.rng.duration_up_to(hold_max));
            self.held.push_back((until, frame));
            return;
        }
        output.put_encoded(&frame);
        if is_publish && qos > 0 && hits(&mut self.rng, duplicate) {
            self.fault("the broker repeats a message");
            output.put_encoded(&frame)[0] |= DUP;
        }
        if hits(&mut self.rng, unasked) {
            self.fault("the broker says what nobody asked for");
            let packet = match (self.rng.below(7), version) {
                (0, _) => &b"\xd0\x00"[..],
                (1, _) => b"\x40\x02\xff\xf0",
                (2, _) => b"\x70\x02\xff\xf0",
                (3, Version::V5_0) => b"\x90\x04\xff\xf0\x00\x00",
                (3, _) => b"\x90\x03\xff\xf0\x00",
                (4, Version::V5_0) => b"\xb0\x04\xff\xf0\x00\x00",
                (4, _) => b"\xb0\x02\xff\xf0",
                (5, _) => b"\x50\x02\xff\xf0",
                (_, Version::V5_0) => b"\x20\x03\x00\x00\x00",
                (_, _) => b"\x20\x02\x00\x00",
            };
            output.put_encoded(packet);
        }
    }

    fn fault(&self, text: &'static str) {
        let link = Some(self.end.wire.borrow().number);
        self.push(Event::Fault { link, text });
    }
}

/// The flag of a PUBLISH that may have been sent before.
const DUP: u8 = 8;
