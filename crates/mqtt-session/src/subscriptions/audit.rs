//! Counts the subscriptions and their requests anew.

use alloc::collections::BTreeSet;

use super::{Kind, Subscriptions, is_pending};
use crate::audit::Audit;

impl Subscriptions {
    pub(crate) fn audit(&self, audit: &mut Audit) {
        let pending = self.wanted.values().filter(|wanted| is_pending(wanted.status)).count();
        audit.equal("pending subscriptions", self.pending, pending);
        self.sent.audit(audit);
        let open = || self.queue.iter().chain(self.sent.requests()).chain(&self.quarantined);
        let asked: BTreeSet<(&str, _)> = open()
            .filter(|request| request.kind == Kind::Subscribe)
            .map(|request| (request.filter.as_str(), request.ticket))
            .collect();
        let mut identifiers = BTreeSet::new();
        for (filter, wanted) in &self.wanted {
            let is_asked = asked.contains(&(filter.as_str(), wanted.order));
            audit.equal("whether a request brings what is pending", is_asked, is_pending(wanted.status));
            let is_awaited = is_pending(wanted.status);
            audit.holds("nobody waits for what was answered", is_awaited || wanted.tickets.is_empty());
            let is_own = wanted.identifier.is_none_or(|identifier| identifiers.insert(identifier));
            audit.holds("a Subscription Identifier names one filter", is_own);
        }
    }
}
