//! The broker of a world: one task for each link, one that keeps time, and the mistakes that a plan has it make.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use mqtt_broker::{Broker, Config, ConnectionId};
use mqtt_client::{Instant, Link, Version};
use mqtt_parts::{Rng, TransmitBuf};
use mqtt_proto::{PacketKind, ReasonCode, frame_len};
use mqtt_transport::{Interest, Waiter};

use crate::executor::{Executor, Timer};
use crate::fault::{Tamper, hits};
use crate::link::{End, Watch};
use crate::trace::{Event, Point, Side, Trace};

/// The broker, and who is to be called when it has something to send.
#[derive(Debug)]
pub(crate) struct Server {
    state: RefCell<State>,
    is_up: Cell<bool>,
    executor: Rc<Executor>,
    trace: Rc<RefCell<Trace>>,
}

#[derive(Debug)]
struct State {
    broker: Broker,
    calls: BTreeMap<ConnectionId, Call>,
    clock: Call,
    /// The deadline that the clock knows of.
    deadline: Option<Instant>,
}

/// Calls one task; a call that comes while the task is busy is remembered.
#[derive(Debug, Default)]
struct Call {
    is_due: bool,
    is_cut: bool,
    waker: Option<Waker>,
}

impl Call {
    fn call(&mut self) -> Option<Waker> {
        self.is_due = true;
        self.waker.take()
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.is_due) {
            return Poll::Ready(());
        }
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Server {
    pub(crate) fn new(
        config: Config,
        seed: u64,
        executor: &Rc<Executor>,
        trace: &Rc<RefCell<Trace>>,
    ) -> Rc<Server> {
        let state = State {
            broker: Broker::new(config, seed),
            calls: BTreeMap::new(),
            clock: Call::default(),
            deadline: None,
        };
        let server = Rc::new(Server {
            state: RefCell::new(state),
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

    /// Looks at the broker, or changes it now.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Broker, Instant) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let State { broker, calls, clock, deadline } = &mut *state;
        let result = change(broker, self.executor.now());
        let mut wakers = Vec::new();
        while let Some(id) = broker.poll_ready() {
            wakers.extend(calls.get_mut(&id).and_then(Call::call));
        }
        let next = broker.poll_timeout();
        if next.is_some_and(|next| deadline.is_none_or(|known| next < known)) {
            *deadline = next;
            wakers.extend(clock.call());
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Ends without a farewell: all links break, and none is accepted.
    pub(crate) fn stop(&self, keeps_sessions: bool) {
        if !self.is_up.replace(false) {
            return;
        }
        let now = self.executor.now();
        self.trace.borrow_mut().push(now, Event::BrokerStopped { keeps_sessions });
        let mut wakers = Vec::new();
        for call in self.state.borrow_mut().calls.values_mut() {
            call.is_cut = true;
            wakers.extend(call.call());
        }
        self.change(|broker, now| {
            broker.handle_timeout(now);
            broker.restart(keeps_sessions);
        });
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Accepts links again.
    pub(crate) fn start(&self) {
        self.is_up.set(true);
    }

    fn call_of<T>(&self, id: ConnectionId, ask: impl FnOnce(&mut Call) -> T) -> Option<T> {
        self.state.borrow_mut().calls.get_mut(&id).map(ask)
    }

    /// Serves one link until either side closes it.
    pub(crate) async fn serve(self: Rc<Server>, end: End, rng: Rng) {
        let id = self.change(Broker::handle_opened);
        self.state.borrow_mut().calls.insert(id, Call::default());
        let mut waiter = Waiter::new(Timer::new(&self.executor));
        let mut served = Served {
            server: Rc::clone(&self),
            id,
            watch: end.watch(),
            end,
            input: BytesMut::new(),
            transmit: TransmitBuf::new(),
            output: BytesMut::new(),
            held: VecDeque::new(),
            rng,
            closes_at: None,
            is_shut_down: false,
        };
        // An error says only that the link is gone, which the broker is told below.
        let _ = served.run(&mut waiter).await;
        let _ = self.state.borrow_mut().calls.remove(&id);
        self.change(|broker, now| broker.handle_closed(now, id));
    }
}

/// Tells the broker the time when it wants to know.
async fn keep_time(server: Rc<Server>) {
    let mut waiter = Waiter::new(Timer::new(&server.executor));
    loop {
        server.change(Broker::handle_timeout);
        let deadline = server.change(|broker, _| broker.poll_timeout());
        server.state.borrow_mut().deadline = deadline;
        waiter.wait(deadline, |context| server.state.borrow_mut().clock.poll(context).is_ready()).await;
    }
}

/// One link, as the broker sees it.
struct Served {
    server: Rc<Server>,
    id: ConnectionId,
    end: End,
    watch: Watch,
    input: BytesMut,
    /// Memory that is used again.
    transmit: TransmitBuf,
    /// What is to be written.
    output: BytesMut,
    /// Acknowledgements that are held back, and until when.
    held: VecDeque<(Instant, Bytes)>,
    rng: Rng,
    /// When a link that the broker has ended is let go, whatever the other side does.
    closes_at: Option<Instant>,
    is_shut_down: bool,
}

/// Bytes that are read at once.
const READ_SIZE: usize = 4096;

/// While more bytes than this wait to be written, what the broker has for the client stays there, where it is bounded.
const OUTPUT_LOW: usize = 64 * 1024;

/// How long, in virtual time, the other side may take to read the last bytes, and to close a link that the broker has
/// ended.
const LINGER: Duration = Duration::from_secs(5);

impl Served {
    async fn run(&mut self, waiter: &mut Waiter<Timer>) -> io::Result<()> {
        let server = Rc::clone(&self.server);
        loop {
            let is_cut = server.call_of(self.id, |call| call.is_cut).unwrap_or(true);
            if is_cut {
                let mut wakers = Vec::new();
                self.end.wire.borrow_mut().cut(server.executor.now(), Side::Broker, &mut wakers);
                wakers.into_iter().for_each(Waker::wake);
                return Ok(());
            }
            let is_more = self.read()?;
            self.gather();
            self.release_held();
            self.write()?;
            if is_more {
                continue;
            }
            let now = server.executor.now();
            let is_closing = server.change(|broker, _| broker.is_closing(self.id));
            if is_closing {
                if *self.closes_at.get_or_insert(now + LINGER) <= now {
                    return Ok(());
                }
                if self.output.is_empty() && self.held.is_empty() && !self.is_shut_down {
                    self.is_shut_down = true;
                    self.end.shutdown()?;
                }
            }
            let deadline = self.held.front().map(|(at, _)| *at).into_iter().chain(self.closes_at).min();
            let id = self.id;
            let interest = Interest { read: true, write: !self.output.is_empty() };
            let is_called = |context: &mut Context<'_>| {
                server.call_of(id, |call| call.poll(context).is_ready()).unwrap_or(true)
            };
            waiter.wait_for(&self.watch, interest, deadline, is_called).await;
        }
    }

    /// Whether there may be more to read. It is read although the other side does not read, so that the two never wait
    /// for one another.
    fn read(&mut self) -> io::Result<bool> {
        let mut scratch = [0; READ_SIZE];
        match self.end.try_read(&mut scratch) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                self.input.extend_from_slice(&scratch[..len]);
                self.take_packets();
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hands the broker one packet after the other, and notes each.
    fn take_packets(&mut self) {
        loop {
            let is_closing = self.server.change(|broker, _| broker.is_closing(self.id));
            let mut packet = match frame_len(&self.input, u32::MAX) {
                Ok(Some(len)) if len <= self.input.len() => {
                    let packet = self.input.split_to(len);
                    if !is_closing {
                        self.note(Point::BrokerIn, packet.clone().freeze());
                    }
                    packet
                }
                // Too long or no packet at all: the broker says so. The rest of a packet may still come.
                Ok(_) | Err(_) if is_closing => return self.input.clear(),
                Ok(_) | Err(_) => {
                    let (server, id, input) = (&self.server, self.id, &mut self.input);
                    return server.change(|broker, now| broker.handle_input(now, id, input));
                }
            };
            let was_closing = is_closing;
            let id = self.id;
            self.server.change(|broker, now| broker.handle_input(now, id, &mut packet));
            if !was_closing && self.server.change(|broker, _| broker.is_closing(id)) {
                let link = self.end.wire.borrow().number;
                self.push(Event::Refused { link });
            }
        }
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

    /// Takes what the broker has to send, as far as it is likely to go out.
    fn gather(&mut self) {
        let id = self.id;
        while self.output.len() < OUTPUT_LOW {
            let Served { server, transmit, .. } = self;
            if !server.change(|broker, now| broker.poll_transmit(now, id, transmit)) {
                break;
            }
            let mut bytes = BytesMut::with_capacity(self.transmit.len());
            self.transmit.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
            self.transmit.clear();
            let mut bytes = bytes.freeze();
            while let Ok(Some(len)) = frame_len(&bytes, u32::MAX) {
                let frame = bytes.split_to(len);
                self.send(frame);
            }
        }
    }

    /// Queues one packet, with the mistakes that the plan demands.
    fn send(&mut self, frame: Bytes) {
        self.note(Point::BrokerOut, frame.clone());
        let Tamper { duplicate, wrong_code, hold_max } = self.end.wire.borrow().tamper;
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
        self.output.extend_from_slice(&frame);
        if is_publish && qos > 0 && hits(&mut self.rng, duplicate) {
            self.fault("the broker repeats a message");
            let start = self.output.len();
            self.output.extend_from_slice(&frame);
            self.output[start] |= DUP;
        }
    }

    fn fault(&self, text: &'static str) {
        let link = Some(self.end.wire.borrow().number);
        self.push(Event::Fault { link, text });
    }

    fn release_held(&mut self) {
        let now = self.server.executor.now();
        while self.held.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, frame)) = self.held.pop_front() else { break };
            self.output.extend_from_slice(&frame);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.end.try_write(&[IoSlice::new(&self.output)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => self.output.advance(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The flag of a PUBLISH that may have been sent before.
const DUP: u8 = 8;
