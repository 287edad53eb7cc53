//! The session as handles and driver use it: everything that changes it passes here, so that it can be recorded.
//!
//! What only looks at the session goes straight to it.

use std::ops::Deref;

#[cfg(feature = "capture")]
use mqtt_capture::Recorder;
use mqtt_proto::ReasonCode;
use mqtt_session::{Event, Input, Instant, Mark, Receipt, Session, SessionRefusal, Ticket, TransmitBuf};
use mqtt_store::{Journal, StoreError};

#[cfg(feature = "capture")]
use crate::capture::{Capture, Sink};

/// A session, and what records it.
#[derive(Debug)]
pub(crate) struct Machine {
    session: Session,
    /// When something was last applied.
    now: Instant,
    /// Where the session's records go.
    journal: Option<Journal>,
    #[cfg(feature = "capture")]
    recorder: Option<Box<Recorder>>,
    /// Until the driver has it.
    #[cfg(feature = "capture")]
    sink: Option<Sink>,
}

/// A log of which more bytes than this wait to be written is cut off: nobody drives the client.
#[cfg(feature = "capture")]
const LOG_MAX: usize = 256 * 1024 * 1024;

/// Makes a call on the session, or on the recorder that makes it in its place.
macro_rules! call {
    ($machine:ident.$name:ident($($argument:ident),*)) => {{
        #[cfg(feature = "capture")]
        if let Some(recorder) = &mut $machine.recorder {
            let result = recorder.$name(&mut $machine.session, $($argument),*);
            if recorder.waiting() > LOG_MAX {
                $machine.recorder = None;
            }
            return result;
        }
        $machine.session.$name($($argument),*)
    }};
}

impl Machine {
    /// A session that nobody records.
    pub(crate) fn new(session: Session, journal: Option<Journal>) -> Machine {
        Machine {
            session,
            now: Instant::ORIGIN,
            journal,
            #[cfg(feature = "capture")]
            recorder: None,
            #[cfg(feature = "capture")]
            sink: None,
        }
    }

    /// Records a session that has done nothing yet.
    #[cfg(feature = "capture")]
    pub(crate) fn record(&mut self, seed: u64, capture: Capture) {
        if let Some((redact, sink)) = capture.take() {
            self.recorder = Some(Box::new(Recorder::new(self.session.config(), seed, redact)));
            self.sink = Some(sink);
        }
    }

    #[inline]
    pub(crate) fn apply(&mut self, now: Instant, input: Input<'_>) -> Result<Option<Ticket>, SessionRefusal> {
        self.now = now;
        call!(self.apply(now, input))
    }

    /// Applies an input that is never refused.
    #[inline]
    pub(crate) fn notify(&mut self, now: Instant, input: Input<'_>) {
        let result = self.apply(now, input);
        debug_assert!(result.is_ok(), "{result:?}");
    }

    /// Acknowledges a message with a reason that was checked, or that every version has.
    pub(crate) fn acknowledge(&mut self, receipt: Receipt, reason: ReasonCode) {
        self.notify(self.now, Input::Acknowledge { receipt, reason });
    }

    #[inline]
    pub(crate) fn poll_transmit(&mut self, now: Instant, out: &mut TransmitBuf) -> bool {
        call!(self.poll_transmit(now, out))
    }

    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        call!(self.poll_event())
    }
}

/// What the driver does with the records.
impl Machine {
    /// Hands records over to the store.
    pub(crate) fn collect_records(&mut self) {
        let Machine { session, journal, .. } = self;
        if let Some(journal) = journal {
            journal.collect(|out| session.poll_record(out));
        }
    }

    /// The last record that is stored, if more are than at the last call.
    pub(crate) fn poll_stored(&self) -> Result<Option<Mark>, StoreError> {
        self.journal.as_ref().map_or(Ok(None), Journal::poll_stored)
    }

    /// Nothing goes to the store from now on.
    pub(crate) fn close_journal(&mut self) {
        self.journal = None;
    }
}

/// What the driver does with the log.
#[cfg(feature = "capture")]
impl Machine {
    pub(crate) fn take_sink(&mut self) -> Option<Sink> {
        self.sink.take()
    }

    /// What was logged since the last time, if it is at least so much.
    pub(crate) fn take_log(&mut self, len_min: usize) -> Vec<u8> {
        match &mut self.recorder {
            Some(recorder) if recorder.waiting() >= len_min => recorder.take(),
            Some(_) | None => Vec::new(),
        }
    }

    /// Nothing is recorded from now on; the end of the log.
    pub(crate) fn end_log(&mut self) -> Vec<u8> {
        self.recorder.take().map_or_else(Vec::new, |mut recorder| {
            recorder.finish(&self.session);
            recorder.take()
        })
    }
}

impl Deref for Machine {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}
