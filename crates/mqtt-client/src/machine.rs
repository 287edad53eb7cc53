//! The session as handles and driver use it: everything that changes it passes here, so that it can be recorded.
//!
//! What only looks at the session goes straight to it.

use std::ops::Deref;
use std::time::Duration;

use bytes::BytesMut;
#[cfg(feature = "capture")]
use mqtt_capture::Recorder;
use mqtt_proto::{ReasonCode, TopicFilter};
use mqtt_session::{
    AuthAnswer, AuthStep, Command, Config, Credentials, Event, Instant, OfflineCause, Receipt, RefusedReason,
    Session, Ticket, TransmitBuf,
};

#[cfg(feature = "capture")]
use crate::capture::{Capture, Sink};

/// A session, and what records it.
#[derive(Debug)]
pub(crate) struct Machine {
    session: Session,
    #[cfg(feature = "capture")]
    recorder: Option<Box<Recorder>>,
    /// Until the driver has it.
    #[cfg(feature = "capture")]
    sink: Option<Sink>,
}

/// A log of which more bytes than this wait to be written is cut off: nobody drives the client.
#[cfg(feature = "capture")]
const LOG_MAX: usize = 256 * 1024 * 1024;

macro_rules! calls {
    ($($(#[$attribute:meta])* fn $name:ident$(<$life:lifetime>)?(
        $($argument:ident: $type:ty),*
    )$(-> $result:ty)?;)*) => {
        /// The calls that change a session.
        impl Machine {
            $($(#[$attribute])*
            #[inline]
            pub(crate) fn $name$(<$life>)?(&mut self, $($argument: $type),*) $(-> $result)? {
                #[cfg(feature = "capture")]
                if let Some(recorder) = &mut self.recorder {
                    let result = recorder.$name(&mut self.session, $($argument),*);
                    if recorder.waiting() > LOG_MAX {
                        self.recorder = None;
                    }
                    return result;
                }
                self.session.$name($($argument),*)
            })*
        }
    };
}

calls! {
    fn submit_ref(now: Instant, command: &Command<'_>) -> Result<Ticket, RefusedReason>;
    fn set_credentials(credentials: Option<Credentials>) -> Result<(), RefusedReason>;
    fn answer_authentication(now: Instant, step: AuthStep, answer: AuthAnswer) -> Result<(), RefusedReason>;
    fn acknowledge(receipt: Receipt);
    fn acknowledge_with(receipt: Receipt, reason: ReasonCode) -> Result<(), RefusedReason>;
    fn leave(receipt: Receipt);
    fn fetch_left(now: Instant);
    fn abandon_subscription(filter: TopicFilter<'_>);
    fn set_timeout(now: Instant, ticket: Ticket, timeout: Duration);
    fn retry(ticket: Ticket) -> bool;
    fn give_up(ticket: Ticket) -> bool;
    fn handle_opened(now: Instant);
    fn handle_input(now: Instant, input: &mut BytesMut);
    fn handle_written(now: Instant);
    fn handle_unread(now: Instant);
    fn handle_closed(now: Instant, cause: OfflineCause);
    fn handle_timeout(now: Instant);
    fn poll_transmit(now: Instant, out: &mut TransmitBuf) -> bool;
    fn poll_event() -> Option<Event>;
}

impl Machine {
    #[cfg(not(feature = "capture"))]
    pub(crate) fn new(config: Config, seed: u64) -> Machine {
        Machine { session: Session::new(config, seed) }
    }

    #[cfg(feature = "capture")]
    pub(crate) fn new(config: Config, seed: u64, capture: Option<Capture>) -> Machine {
        let (recorder, sink) = match capture.and_then(Capture::take) {
            Some((redact, sink)) => (Some(Box::new(Recorder::new(&config, seed, redact))), Some(sink)),
            None => (None, None),
        };
        Machine { session: Session::new(config, seed), recorder, sink }
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
