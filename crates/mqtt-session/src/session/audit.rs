//! Audits all parts of a session.

use alloc::string::String;
use alloc::vec::Vec;

use super::Session;
use crate::audit::Audit;

impl Session {
    /// What the session counts and what it holds, where they differ; empty in a session without a fault. It looks at
    /// everything, so it is for tests.
    #[doc(hidden)]
    pub fn audit(&self) -> Vec<String> {
        let mut audit = Audit::default();
        self.outbox.audit(&mut audit);
        self.subscriptions.audit(&mut audit);
        self.inbox.audit(&mut audit);
        audit.ids_equal(&self.events.ids);
        for ticket in self.events.deadlines.keys() {
            let goes_on = self.outbox.waits(ticket).is_some() || self.dialogue.ticket == Some(ticket);
            audit.holds("only what goes on has a deadline", goes_on);
        }
        audit.found
    }
}
