//! A session that keeps a journal, and one that is rebuilt from what an earlier one has recorded.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mqtt_parts::TransmitBuf;
use mqtt_proto::{Packet, PacketKind};

use super::{Session, TRANSMIT_BATCH};
use crate::config::{Config, Lost, SessionLoss};
use crate::error::SessionRefusal;
use crate::journal::{Journal, Mark};
use crate::record::{NoteKey, Record, RecordError, RecordErrorKind};

impl Session {
    /// A session that keeps a journal, rebuilt from the records of an earlier one; a new one if there are none.
    ///
    /// From then on each change that must survive the program becomes a record ([`Session::poll_record`]), and no
    /// byte that follows from a record leaves before it is stored ([`crate::Input::Stored`]). A crash between any
    /// two records loses and doubles nothing: QoS 1 arrives at least once, QoS 2 exactly once, in order. What the
    /// application stores of its own belongs to the record of [`Session::mark`]: a QoS 2 message that it has taken
    /// and acknowledged is known as taken from that record on, and comes again without it.
    ///
    /// Remembered are QoS 1 and 2 messages until they end, under their tickets, QoS 2 messages that were taken, and
    /// the filters that are wanted; timeouts, QoS 0 and operations on the connection are not. For Message Expiry
    /// Intervals to count on, the clock has to go on where it was.
    ///
    /// Fails if a record cannot be read, or does not follow from those before it.
    pub fn rebuild<R: AsRef<[u8]>>(
        config: impl Into<Arc<Config>>,
        seed: u64,
        records: impl IntoIterator<Item = R>,
    ) -> Result<Session, RecordError> {
        let mut session = Session::new(config, seed);
        let mut count = 0;
        for (index, bytes) in records.into_iter().enumerate() {
            let record = Record::decode(bytes.as_ref());
            let applied = record.and_then(|record| session.apply_record(&record));
            applied.map_err(|kind| RecordError { index, kind })?;
            count += 1;
        }
        // What was to be reported belonged to the earlier program.
        session.events.discard();
        session.events.keep_journal(Box::new(Journal::behind(count)));
        Ok(session)
    }

    /// Appends the next record to `out`, if there is one; where it ends and whether it is whole is the store's to
    /// remember. None without a journal.
    pub fn poll_record(&mut self, out: &mut Vec<u8>) -> Option<Mark> {
        self.events.journal_mut()?.poll(out)
    }

    pub(super) fn on_stored(&mut self, mark: Mark) {
        if let Some(journal) = self.events.journal_mut() {
            journal.on_stored(mark);
        }
    }

    /// Bytes that waited for records go out as they are, in front of whatever comes next.
    pub(super) fn on_store_lost(&mut self) {
        if let Some(journal) = self.events.stop_journal() {
            self.control.splice(0..0, journal.into_held());
        }
    }

    pub(super) fn note(&mut self, key: &[u8], value: &[u8]) -> Result<(), SessionRefusal> {
        if self.events.journal().is_none() {
            return Err(SessionRefusal::NoStore);
        }
        if key.len() > usize::from(u16::MAX) {
            return Err(SessionRefusal::NoteKeyTooLong { len: key.len() });
        }
        self.events.record(Record::Note { key: NoteKey(key), value });
        Ok(())
    }

    /// The last record that was made; none without a journal.
    pub fn mark(&self) -> Option<Mark> {
        self.events.journal().map(Journal::mark)
    }

    /// Fills a batch, and appends to `out` those batches whose records are stored.
    ///
    /// CONNECT, and AUTH before the connection is accepted, follow from no record.
    pub(super) fn fill_behind_records(&mut self, now: mqtt_parts::Instant, out: &mut TransmitBuf) {
        if self.connection.is_connecting() {
            return self.fill(now, out);
        }
        let (has_link, is_online) = (self.connection.has_link(), self.connection.is_online());
        let Some(journal) = self.events.journal_mut() else { return };
        if !has_link {
            journal.forget_batches();
        }
        if journal.take_ping() && is_online {
            self.events.counters.count_sent(PacketKind::Pingreq);
            out.put(&Packet::Pingreq, self.config.version).expect("it has no variable part");
        }
        let Some(journal) = self.events.journal_mut() else { return };
        if journal.held() < TRANSMIT_BATCH {
            let mut batch = journal.begin_batch();
            self.fill(now, &mut batch);
            if let Some(journal) = self.events.journal_mut() {
                journal.hold(batch);
            }
        }
        if let Some(journal) = self.events.journal_mut() {
            journal.release(out);
            // A server cannot acknowledge what it has not got.
            if journal.held() > 0 {
                self.liveness.set_awaited(now, false);
            }
        }
    }

    /// Whether bytes wait for the store.
    pub(super) fn is_held_back(&self) -> bool {
        self.events.journal().is_some_and(|journal| journal.held() > 0)
    }

    fn apply_record(&mut self, record: &Record<'_>) -> Result<(), RecordErrorKind> {
        if let Some(ticket) = record.ticket() {
            self.tickets = self.tickets.max(ticket.get());
        }
        match *record {
            Record::Queued { .. }
            | Record::Sent { .. }
            | Record::Released { .. }
            | Record::Ended { .. }
            | Record::Reserved { .. } => {
                let version = self.config.version;
                return self.outbox.get_or_init().apply_record(record, version, &mut self.events.ids);
            }
            Record::Wanted { .. }
            | Record::Granted { .. }
            | Record::Unwanted { .. }
            | Record::Unsubscribed { .. }
            | Record::Dropped { .. } => {
                let naming = self.naming();
                return self.subscriptions.get_or_init().apply_record(record, naming, &mut self.events);
            }
            Record::Taken { packet_id, reason } => self.inbox.get_or_init().rebuild_taken(packet_id, reason),
            Record::Completed { packet_id } => self.inbox.get_or_init().rebuild_completed(packet_id),
            Record::SessionLost {} => {
                // What was not to be sent anew has ended before.
                let policy = SessionLoss {
                    never_sent: Lost::Resend,
                    at_least_once: Lost::Resend,
                    exactly_once: Lost::Resend,
                };
                self.inbox.get_or_init().on_session_lost();
                self.outbox.get_or_init().on_session_lost(policy, &mut self.events);
                self.subscriptions.get_or_init().on_session_lost(&mut self.events);
            }
            // It is the application's.
            Record::Note { .. } => {}
            Record::Online { client_id } => {
                self.client_id = client_id.into();
                self.connection.rebuild_online();
            }
        }
        Ok(())
    }
}
