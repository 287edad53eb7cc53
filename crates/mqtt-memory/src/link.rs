//! A link: two directions, their faults, and the two ends that a client's driver and the broker hold.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use mqtt_client::adapter::Link;
use mqtt_client::{Instant, Version};
use mqtt_parts::Rng;
use mqtt_proto::{Context as PacketContext, Packet, Sender, decode, frame_len};
use mqtt_transport::Readiness;

use crate::executor::Executor;
use crate::fault::{Plan, Tamper};
use crate::pipe::{Found, Pipe};
use crate::trace::{Event, Point, Side, Trace};

/// What both ends share.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) number: u32,
    /// As CONNECT said.
    pub(crate) version: Version,
    pub(crate) tamper: Tamper,
    /// By the side that writes.
    pipes: [Pipe; 2],
    /// When each side learns that the link is broken.
    broken_at: [Option<Instant>; 2],
    late: Duration,
    rng: Rng,
}

impl Wire {
    pub(crate) fn new(number: u32, plan: Plan, rng: Rng) -> Wire {
        let Plan { up, down, late, tamper, .. } = plan;
        let (pipes, broken_at) = ([Pipe::new(up), Pipe::new(down)], [None, None]);
        Wire { number, version: Version::V3_1_1, tamper, pipes, broken_at, late, rng }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken_at[0].is_some()
    }

    /// The link breaks now: `first` learns of it at once, the other side when the notification arrives.
    pub(crate) fn cut(&mut self, now: Instant, first: Side, wakers: &mut Vec<Waker>) {
        if self.is_broken() {
            return;
        }
        let (first, other) = (first as usize, 1 - first as usize);
        self.broken_at[first] = Some(now);
        // It breaks once; until the other side knows, what is written is accepted.
        self.pipes.iter_mut().for_each(|pipe| pipe.direction.cut_at = None);
        // Half of the time what is under way still arrives, else the notification overtakes it.
        let notified_at = now + self.pipes[first].direction.latency / 2;
        let arrives = self.late > Duration::ZERO || self.rng.below(2) == 0;
        self.broken_at[other] =
            Some(if arrives { self.pipes[first].drained_at(now) + self.late } else { notified_at });
        self.wake(wakers);
    }

    /// Nothing gets through any more.
    pub(crate) fn silence(&mut self) {
        self.pipes.iter_mut().for_each(|pipe| pipe.is_silent = true);
    }

    /// Nothing gets through until it is allowed again.
    pub(crate) fn part(&mut self, is_parted: bool, wakers: &mut Vec<Waker>) {
        self.pipes.iter_mut().for_each(|pipe| pipe.is_parted = is_parted);
        self.wake(wakers);
    }

    /// No further faults; a link that had fallen silent cannot go on and breaks.
    pub(crate) fn heal(&mut self, now: Instant, wakers: &mut Vec<Waker>) {
        self.tamper = Tamper::default();
        self.late = Duration::ZERO;
        let was_silent = self.pipes.iter().any(|pipe| pipe.is_silent);
        for pipe in &mut self.pipes {
            pipe.heal(64 * 1024);
            pipe.is_silent = false;
        }
        if was_silent {
            self.broken_at = [Some(now), Some(now)];
        }
        self.wake(wakers);
    }

    fn wake(&mut self, wakers: &mut Vec<Waker>) {
        for pipe in &mut self.pipes {
            wakers.extend(pipe.reader.take());
            wakers.extend(pipe.writer.take());
        }
    }
}

/// One end of a link.
pub(crate) struct End {
    pub(crate) wire: Rc<RefCell<Wire>>,
    side: Side,
    executor: Rc<Executor>,
    trace: Rc<RefCell<Trace>>,
    /// Beginnings of packets, on their way out and in.
    taps: [BytesMut; 2],
}

/// Both ends of a new link.
pub(crate) fn ends(wire: Wire, executor: &Rc<Executor>, trace: &Rc<RefCell<Trace>>) -> [End; 2] {
    let wire = Rc::new(RefCell::new(wire));
    [Side::Client, Side::Broker].map(|side| End {
        wire: Rc::clone(&wire),
        side,
        executor: Rc::clone(executor),
        trace: Rc::clone(trace),
        taps: [BytesMut::new(), BytesMut::new()],
    })
}

impl End {
    /// What this end is waited for with.
    pub(crate) fn watch(&self) -> Watch {
        let (wire, executor) = (Rc::clone(&self.wire), Rc::clone(&self.executor));
        Watch { wire, side: self.side, executor, next: Cell::new(None) }
    }

    fn check_broken(&self, wire: &Wire, now: Instant) -> io::Result<()> {
        match wire.broken_at[self.side as usize] {
            Some(at) if at <= now => Err(ErrorKind::ConnectionReset.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes whole packets of what the client's end has passed on.
    fn tap(&mut self, wire: &mut Wire, point: Point, bytes: [&[IoSlice<'_>]; 1], len: usize) {
        let tap = &mut self.taps[usize::from(point == Point::ClientIn)];
        let mut left = len;
        for chunk in bytes[0] {
            let part = left.min(chunk.len());
            tap.extend_from_slice(&chunk[..part]);
            left -= part;
        }
        while let Ok(Some(size)) = frame_len(tap, u32::MAX) {
            if size > tap.len() {
                break;
            }
            let frame = tap.split_to(size).freeze();
            if let Some(version) = version_of(&frame).filter(|_| point == Point::ClientOut) {
                wire.version = version;
            }
            let (link, version) = (wire.number, wire.version);
            let event = Event::Packet { link, point, version, frame };
            self.trace.borrow_mut().push(self.executor.now(), event);
        }
    }
}

/// What one end of a link is waited for with.
pub(crate) struct Watch {
    wire: Rc<RefCell<Wire>>,
    side: Side,
    executor: Rc<Executor>,
    /// When something is known to arrive.
    next: Cell<Option<Instant>>,
}

impl Watch {
    fn poll_at(&self, at: Option<Instant>) -> Poll<()> {
        if at.is_some_and(|at| at <= self.executor.now()) {
            return Poll::Ready(());
        }
        self.next.set(self.next.get().into_iter().chain(at).min());
        Poll::Pending
    }
}

/// As with a socket, whoever waits for nothing does not learn that the link is broken.
impl Readiness for Watch {
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut wire = self.wire.borrow_mut();
        let pipe = &mut wire.pipes[1 - self.side as usize];
        pipe.reader = Some(context.waker().clone());
        let readable_at = pipe.readable_at();
        self.poll_at(readable_at.into_iter().chain(wire.broken_at[self.side as usize]).min())
    }

    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut wire = self.wire.borrow_mut();
        let pipe = &mut wire.pipes[self.side as usize];
        if pipe.room() > 0 {
            return Poll::Ready(());
        }
        pipe.writer = Some(context.waker().clone());
        self.poll_at(wire.broken_at[self.side as usize])
    }

    fn ready_at(&self) -> Option<Instant> {
        self.next.take()
    }
}

/// The version that a CONNECT names.
fn version_of(frame: &[u8]) -> Option<Version> {
    if frame.first() != Some(&0x10) {
        return None;
    }
    match decode(frame, PacketContext { version: Version::V5_0, sender: Some(Sender::Client) }) {
        Ok(Packet::Connect(connect)) => Some(connect.version()),
        Ok(_) | Err(_) => None,
    }
}

impl Link for End {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let now = self.executor.now();
        let shared = Rc::clone(&self.wire);
        let mut wire = shared.borrow_mut();
        self.check_broken(&wire, now)?;
        let Wire { pipes, rng, .. } = &mut *wire;
        let pipe = &mut pipes[1 - self.side as usize];
        let len = match pipe.read(now, buf, rng) {
            Found::Bytes(len) => len,
            Found::End => return Ok(0),
            Found::Nothing => return Err(ErrorKind::WouldBlock.into()),
        };
        let writer = pipe.writer.take();
        if self.side == Side::Client {
            self.tap(&mut wire, Point::ClientIn, [&[IoSlice::new(&buf[..len])]], len);
        }
        drop(wire);
        writer.into_iter().for_each(Waker::wake);
        Ok(len)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let now = self.executor.now();
        let shared = Rc::clone(&self.wire);
        let mut wire = shared.borrow_mut();
        self.check_broken(&wire, now)?;
        let Wire { pipes, rng, .. } = &mut *wire;
        let pipe = &mut pipes[self.side as usize];
        if pipe.is_shut_down() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let (len, is_cut) = pipe.write(now, chunks, rng);
        let mut wakers: Vec<Waker> = pipe.reader.take().into_iter().collect();
        if len > 0 && self.side == Side::Client {
            self.tap(&mut wire, Point::ClientOut, [chunks], len);
        }
        if is_cut && !wire.is_broken() {
            wire.cut(now, self.side, &mut wakers);
            let link = Some(wire.number);
            self.trace.borrow_mut().push(now, Event::Fault { link, text: "breaks at this byte" });
        }
        drop(wire);
        wakers.into_iter().for_each(Waker::wake);
        if len > 0 { Ok(len) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn shutdown(&mut self) -> io::Result<()> {
        let now = self.executor.now();
        let mut wire = self.wire.borrow_mut();
        let pipe = &mut wire.pipes[self.side as usize];
        pipe.shut_down(now, Duration::ZERO);
        let reader = pipe.reader.take();
        drop(wire);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let now = self.executor.now();
        let (own, other) = (self.side as usize, 1 - self.side as usize);
        let mut wakers = Vec::new();
        {
            let mut wire = self.wire.borrow_mut();
            let late = wire.late;
            wire.pipes[own].shut_down(now, late);
            wire.pipes[other].abandon();
            wire.wake(&mut wakers);
            let event = Event::Closed { link: wire.number, side: self.side };
            self.trace.borrow_mut().push(now, event);
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("side", &self.side).finish_non_exhaustive()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("side", &self.side).finish_non_exhaustive()
    }
}
