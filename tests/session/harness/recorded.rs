//! A session whose every input is recorded; when a test ends well, what was recorded must replay equal.

use std::ops::Deref;

use mqtt_capture::{End, Recorder, Redact, replay};
use mqtt_proto::Version;
use mqtt_session::{Config, Event, Input, Instant, Mark, Session, SessionRefusal, Ticket, TransmitBuf};

/// Messages up to which a session is audited after each step.
const AUDITED_MAX: usize = 100;

/// Applies each input through the recorder.
#[derive(Debug)]
pub(super) struct Recorded {
    session: Session,
    recorder: Recorder,
    /// A session that was rebuilt from a journal is not made of a configuration alone.
    is_rebuilt: bool,
}

impl Recorded {
    /// Payloads and secrets are masked, except in 3.1.1, so that both ways are proven.
    pub(super) fn new(config: Config, seed: u64) -> Recorded {
        let is_masked = config.version != Version::V3_1_1;
        let redact = Redact { payloads: is_masked, secrets: is_masked };
        let recorder = Recorder::new(&config, seed, redact);
        Recorded { session: Session::new(config, seed), recorder, is_rebuilt: false }
    }

    pub(super) fn rebuild(&mut self, session: Session) {
        self.session = session;
        self.is_rebuilt = true;
    }

    pub(super) fn apply(&mut self, now: Instant, input: Input<'_>) -> Result<Option<Ticket>, SessionRefusal> {
        let applied = match input {
            // Only rebuilt sessions have a store, and they are not recorded.
            Input::Stored(_) => self.session.apply(now, input),
            input => self.recorder.apply(&mut self.session, now, input),
        };
        self.audit();
        applied
    }

    pub(super) fn poll_transmit(&mut self, now: Instant, out: &mut TransmitBuf) -> bool {
        let is_more = self.recorder.poll_transmit(&mut self.session, now, out);
        self.audit();
        is_more
    }

    /// Nothing leaks and nothing is counted twice. With a long queue only the end is looked at.
    #[track_caller]
    fn audit(&self) {
        if self.session.unfinished() < AUDITED_MAX {
            assert_eq!(self.session.audit(), [""; 0]);
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.recorder.poll_event(&mut self.session)
    }

    pub(super) fn poll_record(&mut self, out: &mut Vec<u8>) -> Option<Mark> {
        self.session.poll_record(out)
    }
}

impl Deref for Recorded {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.session.audit(), [""; 0]);
        if self.is_rebuilt {
            return;
        }
        self.recorder.finish(&self.session);
        match replay(&self.recorder.take()) {
            Ok(replayed) => assert_eq!(replayed.end, End::Complete, "{replayed}"),
            Err(error) => panic!("the capture of this test replays otherwise: {error}"),
        }
    }
}
