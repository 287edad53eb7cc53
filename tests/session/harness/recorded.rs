//! A session whose every call is recorded; when a test ends well, what was recorded must replay equal.

use std::ops::Deref;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_capture::{End, Recorder, Redact, replay};
use mqtt_proto::{ReasonCode, Version};
use mqtt_session::{
    AuthAnswer, AuthStep, Command, Config, Credentials, Event, Instant, Mark, OfflineCause, Receipt, Refused,
    RefusedReason, Session, Ticket, TransmitBuf,
};

/// Has the methods of a session, and makes each call through the recorder.
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

    #[expect(clippy::result_large_err, reason = "a refused command is handed back whole")]
    pub(super) fn submit<'a>(&mut self, now: Instant, command: Command<'a>) -> Result<Ticket, Refused<'a>> {
        self.recorder.submit(&mut self.session, now, command)
    }

    pub(super) fn set_credentials(&mut self, credentials: Option<Credentials>) -> Result<(), RefusedReason> {
        self.recorder.set_credentials(&mut self.session, credentials)
    }

    pub(super) fn answer_authentication(
        &mut self,
        now: Instant,
        step: AuthStep,
        answer: AuthAnswer,
    ) -> Result<(), RefusedReason> {
        self.recorder.answer_authentication(&mut self.session, now, step, answer)
    }

    pub(super) fn acknowledge(&mut self, receipt: Receipt) {
        self.recorder.acknowledge(&mut self.session, receipt);
    }

    pub(super) fn leave(&mut self, receipt: Receipt) {
        self.recorder.leave(&mut self.session, receipt);
    }

    pub(super) fn fetch_left(&mut self, now: Instant) {
        self.recorder.fetch_left(&mut self.session, now);
    }

    pub(super) fn acknowledge_with(
        &mut self,
        receipt: Receipt,
        reason: ReasonCode,
    ) -> Result<(), RefusedReason> {
        self.recorder.acknowledge_with(&mut self.session, receipt, reason)
    }

    pub(super) fn set_timeout(&mut self, now: Instant, ticket: Ticket, timeout: Duration) {
        self.recorder.set_timeout(&mut self.session, now, ticket, timeout);
    }

    pub(super) fn retry(&mut self, ticket: Ticket) -> bool {
        self.recorder.retry(&mut self.session, ticket)
    }

    pub(super) fn give_up(&mut self, ticket: Ticket) -> bool {
        self.recorder.give_up(&mut self.session, ticket)
    }

    pub(super) fn handle_opened(&mut self, now: Instant) {
        self.recorder.handle_opened(&mut self.session, now);
    }

    pub(super) fn handle_input(&mut self, now: Instant, input: &mut BytesMut) {
        self.recorder.handle_input(&mut self.session, now, input);
    }

    pub(super) fn handle_written(&mut self, now: Instant) {
        self.recorder.handle_written(&mut self.session, now);
    }

    pub(super) fn handle_unread(&mut self, now: Instant) {
        self.recorder.handle_unread(&mut self.session, now);
    }

    pub(super) fn handle_closed(&mut self, now: Instant, cause: OfflineCause) {
        self.recorder.handle_closed(&mut self.session, now, cause);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.recorder.handle_timeout(&mut self.session, now);
    }

    pub(super) fn poll_transmit(&mut self, now: Instant, out: &mut TransmitBuf) -> bool {
        self.recorder.poll_transmit(&mut self.session, now, out)
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.recorder.poll_event(&mut self.session)
    }

    pub(super) fn poll_record(&mut self, out: &mut Vec<u8>) -> Option<Mark> {
        self.session.poll_record(out)
    }

    pub(super) fn handle_stored(&mut self, mark: Mark) {
        self.session.handle_stored(mark);
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
        if self.is_rebuilt || std::thread::panicking() {
            return;
        }
        self.recorder.finish(&self.session);
        match replay(&self.recorder.take()) {
            Ok(replayed) => assert_eq!(replayed.end, End::Complete, "{replayed}"),
            Err(error) => panic!("the capture of this test replays otherwise: {error}"),
        }
    }
}
