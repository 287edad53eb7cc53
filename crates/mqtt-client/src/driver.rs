//! The one driver turn: reads what there is, lets the session decide, writes what it asks for.
//!
//! An adapter asks [`Driver::goal`] what the link should be, dials or drops it, and calls [`Driver::turn`] whenever
//! the link is ready, the driver is woken, or the deadline has passed. It decides nothing itself.

mod input;
mod load;
mod transfer;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mqtt_session::{Input, Instant, OfflineCause, Status, TransmitBuf, Transport};

use crate::authentication::Dialogue;
#[cfg(feature = "capture")]
use crate::capture::Sink;
use crate::link::Link;
#[cfg(feature = "tracing")]
use crate::log;
#[cfg(feature = "capture")]
use crate::machine::Machine;
use crate::route::Route;
use crate::shared::Shared;
use input::InputBuf;
use load::{Load, Traffic};

/// Moves bytes between a session and its link. Dropping it leaves the client without a connection for good.
#[derive(Debug)]
#[must_use = "nothing happens unless an adapter runs the driver"]
pub struct Driver {
    shared: Arc<Shared>,
    /// The beginning of a packet that has not arrived completely.
    input: InputBuf,
    output: TransmitBuf,
    /// The link for which `input` and `output` are.
    attempt: u64,
    /// When the link last took bytes, or had nothing to take.
    progress_at: Instant,
    network_timeout: Duration,
    is_shut_down: bool,
    /// Whether the link is left unread, since too much waits for the application.
    is_unread: bool,
    /// Whether the link is left unread, since the server takes no answers.
    is_silenced: bool,
    /// Whether the output has had nothing but the CONNECT of this link in it.
    holds_connect: bool,
    /// The last attempt that was logged.
    #[cfg(feature = "tracing")]
    logged_attempt: u64,
    /// Whether something was written since the system was last asked to acknowledge at once.
    has_written: bool,
    /// Whether nothing was written since the last bytes were read, which were few.
    owes_acknowledgement: bool,
    load: Load,
    /// Bytes of this turn.
    read_len: usize,
    written_len: usize,
    /// The authentication that is going on, or was the last.
    dialogue: Option<Box<dyn Dialogue>>,
    /// Whom to wake once the turn has ended.
    wakers: Vec<Waker>,
    /// Where the log of the session goes.
    #[cfg(feature = "capture")]
    capture: Option<Sink>,
}

/// What the link should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// No link. Ask again when woken, or at the deadline.
    Idle {
        /// The latest moment to ask again.
        deadline: Option<Instant>,
    },
    /// A link with this number; a higher number is a new link. While it is being dialled, ask again when woken, or
    /// at the deadline.
    Link {
        /// Counts dials.
        attempt: u64,
        /// The latest moment to ask again.
        deadline: Option<Instant>,
    },
    /// All handles are gone and everything has ended.
    Finished,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Another turn is due when the link can be read if `wants_read`, when it can be written if `wants_write`, when
    /// woken, or at the deadline.
    Wait {
        /// Whether the link is to be read; not while too much waits to be written.
        wants_read: bool,
        /// Whether bytes wait to be written.
        wants_write: bool,
        /// The latest moment for another turn.
        deadline: Option<Instant>,
        /// Under load: leave the link alone for so long, then take another turn, so that one read finds what arrives
        /// meanwhile and one write takes what is published. Only after [`Driver::set_coalescing`].
        coalescing_delay: Option<Duration>,
    },
    /// More can be done at once; others may go first.
    Again,
    /// The link is not wanted any more: drop it and ask [`Driver::goal`].
    Drop,
}

/// Fewer bytes than this in a turn are sparse traffic, whose end the other side's system may be holding back.
const SPARSE_MAX: usize = 4096;

/// While more can be done at once, the log is written when it has more bytes than this.
#[cfg(feature = "capture")]
const LOG_HIGH: usize = 64 * 1024;

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>) -> Driver {
        let network_timeout = shared.lock().session.config().network_timeout;
        #[cfg(feature = "capture")]
        let capture = shared.lock().session.take_sink();
        Driver {
            shared,
            input: InputBuf::default(),
            output: TransmitBuf::new(),
            attempt: 0,
            progress_at: Instant::ORIGIN,
            network_timeout,
            is_shut_down: false,
            is_unread: false,
            is_silenced: false,
            holds_connect: false,
            #[cfg(feature = "tracing")]
            logged_attempt: 0,
            has_written: false,
            owes_acknowledgement: false,
            load: Load::new(),
            read_len: 0,
            written_len: 0,
            dialogue: None,
            wakers: Vec::new(),
            #[cfg(feature = "capture")]
            capture,
        }
    }

    /// Says whether the adapter can leave a connection alone for a short time. By default it cannot.
    pub fn set_coalescing(&mut self, is_possible: bool) {
        self.load.set_coalescing(is_possible);
    }

    /// The route to the server of the current attempt.
    pub fn route(&self) -> Route {
        self.shared.route()
    }

    /// Bound for each step that waits for the network.
    pub fn network_timeout(&self) -> Duration {
        self.network_timeout
    }

    /// The time by the client's clock.
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Ready when the driver has something to do; otherwise the task is woken once it has.
    pub fn poll_woken(&self, context: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_driver_due(context)
    }

    /// What the link should be now.
    pub fn goal(&mut self) -> Goal {
        let goal = self.next_goal();
        #[cfg(feature = "tracing")]
        if let Goal::Link { attempt, .. } = goal {
            if attempt != self.logged_attempt {
                self.logged_attempt = attempt;
                log::dialling(attempt, self.route().server());
            }
        }
        self.shared.answer_credentials();
        self.shared.answer_authentication(&mut self.dialogue);
        self.wake();
        #[cfg(feature = "capture")]
        self.write_capture(|session| session.take_log(0), true);
        goal
    }

    fn next_goal(&mut self) -> Goal {
        let now = self.shared.now();
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if state.is_abandoned {
            state.disconnect_abandoned(now, self.network_timeout);
        }
        state.look_at_store(now);
        state.handle_timeout(now);
        let deadline = state.poll_timeout();
        let goal = match state.session.poll_transport() {
            _ if state.gone.is_some() => Goal::Finished,
            Transport::Open { attempt } => Goal::Link { attempt, deadline },
            Transport::Closed if state.is_abandoned && state.session.status() == Status::Idle => {
                Goal::Finished
            }
            Transport::Closed | Transport::Flush => Goal::Idle { deadline },
        };
        shared.release_by_driver(state, now, &mut self.wakers);
        goal
    }

    /// The link of that attempt is open. Turns follow.
    pub fn on_opened(&mut self, attempt: u64) {
        #[cfg(feature = "tracing")]
        log::opened(attempt);
        let now = self.shared.now();
        self.attempt = attempt;
        self.input.reset();
        self.output.clear();
        self.progress_at = now;
        self.is_shut_down = false;
        (self.is_unread, self.is_silenced) = (false, false);
        self.holds_connect = true;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if state.session.poll_transport() == (Transport::Open { attempt }) {
            state.session.notify(now, Input::Opened);
        }
        shared.release_by_driver(state, now, &mut self.wakers);
        self.wake();
    }

    /// The link of that attempt could not be opened.
    pub fn on_dial_failed(&mut self, attempt: u64, error: io::Error) {
        let now = self.shared.now();
        let shared = Arc::clone(&self.shared);
        let error = Arc::new(error);
        let mut state = shared.lock();
        if state.session.poll_transport() == (Transport::Open { attempt }) {
            #[cfg(feature = "tracing")]
            log::link_failed(attempt, Some(&*error));
            state.set_link_error(Some(Arc::clone(&error)));
            state.session.notify(now, Input::Closed(OfflineCause::DialFailed));
        }
        shared.release_by_driver(state, now, &mut self.wakers);
        self.wake();
    }

    /// Reads, decides, writes: everything that can be done without waiting.
    pub fn turn(&mut self, link: &mut impl Link) -> Turn {
        let turn = self.take_turn(link);
        self.wake();
        // What is logged while nobody waits for it can wait too.
        #[cfg(feature = "capture")]
        self.write_capture(|session| session.take_log(if turn == Turn::Again { LOG_HIGH } else { 0 }), false);
        turn
    }

    fn take_turn(&mut self, link: &mut impl Link) -> Turn {
        let is_held_back = !self.wants_read();
        self.look_at_room();
        (self.read_len, self.written_len) = (0, 0);
        self.shared.answer_authentication(&mut self.dialogue);
        // A server that gathers small writes has sent one before a delay. What it has gathered since comes once that is
        // read and answered.
        let mut is_looked_at_again = self.load.is_delayed();
        let is_more_to_read = loop {
            match self.read_and_write(link) {
                Ok(false) if std::mem::take(&mut is_looked_at_again) => {}
                Ok(is_more) => break is_more,
                Err(error) => return self.close(OfflineCause::TransportClosed, error),
            }
        };
        let now = self.shared.now();
        if !self.output.is_empty() && now >= self.progress_at + self.network_timeout {
            return self.close(OfflineCause::WriteTimedOut, None);
        }
        let state = self.shared.lock();
        match state.session.poll_transport() {
            Transport::Open { attempt } if attempt == self.attempt => {}
            Transport::Flush => {}
            Transport::Open { .. } | Transport::Closed => return Turn::Drop,
        }
        // What has come meanwhile is not announced a second time.
        if is_more_to_read || is_held_back && self.wants_read() {
            return Turn::Again;
        }
        let wants_write = link.wants_write(!self.output.is_empty());
        let stalled = (!self.output.is_empty()).then(|| self.progress_at + self.network_timeout);
        let unread = if self.is_unread { state.routes.unread_until() } else { None };
        let deadline = state.poll_timeout().into_iter().chain(stalled).chain(unread).min();
        let traffic = Traffic {
            messages: state.session.messages(),
            packets: state.session.packets(),
            in_flight: state.session.messages_in_flight(),
        };
        drop(state);
        let is_written = self.output.is_empty();
        let coalescing_delay = is_written.then(|| self.load.delay(now, traffic)).flatten();
        if !self.load.is_loaded() && (1..SPARSE_MAX).contains(&self.read_len) {
            self.input.give_pieces_back(self.read_len);
        }
        self.acknowledge_read(link, coalescing_delay.is_some());
        Turn::Wait { wants_read: self.wants_read(), wants_write, deadline, coalescing_delay }
    }

    /// Wakes those for whom something has come, once they need not wait for this driver any more.
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// Asks the system to acknowledge what was read, where the server may wait for that and nothing carries it.
    ///
    /// Once a system has seen answers go out soon after what they answer, it holds acknowledgements back for the next one.
    /// Asked once, it acknowledges whatever is read until something is written again.
    fn acknowledge_read(&mut self, link: &mut impl Link, is_loaded: bool) {
        if self.written_len > 0 {
            (self.has_written, self.owes_acknowledgement) = (true, false);
        } else if self.read_len > 0 {
            self.owes_acknowledgement = self.read_len < SPARSE_MAX;
        }
        if self.owes_acknowledgement && self.has_written && !is_loaded {
            (self.has_written, self.owes_acknowledgement) = (false, false);
            link.quickack();
        }
    }

    /// Whether the link is to be read. That bytes wait to be written is no reason not to: the server may be waiting for
    /// us to read, and both would wait for ever. Only a server that takes no answers is asked no further questions.
    fn wants_read(&self) -> bool {
        !self.is_unread && !self.is_silenced
    }

    /// The application may have taken what the link was left unread for.
    fn look_at_room(&mut self) {
        if self.is_unread {
            let now = self.shared.now();
            let mut state = self.shared.lock();
            state.session.notify(now, Input::Unread);
            self.is_unread = !state.routes.wants_read(now);
        }
    }

    fn close(&mut self, cause: OfflineCause, error: Option<io::Error>) -> Turn {
        #[cfg(feature = "tracing")]
        log::link_failed(self.attempt, error.as_ref());
        let now = self.shared.now();
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        // A link that was to be closed anyway breaks for a reason that is known already.
        if let Transport::Open { .. } = state.session.poll_transport() {
            state.set_link_error(error.map(Arc::new));
        }
        state.session.notify(now, Input::Closed(cause));
        shared.release_by_driver(state, now, &mut self.wakers);
        Turn::Drop
    }
}

#[cfg(feature = "capture")]
impl Driver {
    /// Writes what there is of the log. The lock is not held meanwhile.
    fn write_capture(&mut self, take: impl FnOnce(&mut Machine) -> Vec<u8>, is_flushed: bool) {
        let Some(sink) = &mut self.capture else { return };
        let log = take(&mut self.shared.lock().session);
        let written = sink.write(&log).and_then(|()| if is_flushed { sink.flush() } else { Ok(()) });
        if let Err(error) = written {
            self.capture = None;
            self.shared.on_capture_failed(error.kind());
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        #[cfg(feature = "capture")]
        self.write_capture(Machine::end_log, true);
        self.shared.on_driver_gone();
    }
}
