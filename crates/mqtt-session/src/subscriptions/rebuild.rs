//! What an earlier set of subscriptions has recorded, done once more.

use mqtt_proto::{Packet, SubscribeFilter, TopicFilter};

use super::answers::granted_qos;
use super::{Naming, SubscriptionStatus, Subscriptions, is_pending};
use crate::command::Subscribe;
use crate::event::Ticket;
use crate::events::Events;
use crate::record::{Record, RecordErrorKind, packet};

impl Subscriptions {
    /// Fails if the record cannot be read.
    pub(crate) fn apply_record(
        &mut self,
        record: &Record<'_>,
        naming: Naming,
        events: &mut Events,
    ) -> Result<(), RecordErrorKind> {
        let filter = |text| TopicFilter::new(text).map_err(|_| RecordErrorKind::Malformed);
        match *record {
            Record::Wanted { ticket, version, packet: bytes } => {
                let Packet::Subscribe(subscribe) = packet(bytes, version)? else {
                    return Err(RecordErrorKind::Malformed);
                };
                let mut filters = subscribe.filters.iter();
                let (Some(SubscribeFilter { filter, options }), None) = (filters.next(), filters.next())
                else {
                    return Err(RecordErrorKind::Malformed);
                };
                let identifier = subscribe.properties.subscription_identifiers().next();
                identifier.into_iter().for_each(|identifier| self.identifiers.rebuild(identifier, naming));
                self.want(ticket, &Subscribe { filter, options }, identifier);
            }
            Record::Granted { ticket, code, filter: text } => {
                let wanted = self.wanted.get_mut(filter(text)?.as_str());
                let wanted = wanted.filter(|wanted| wanted.order == ticket && is_pending(wanted.status));
                let Some(wanted) = wanted else { return Ok(()) };
                wanted.status =
                    granted_qos(code).map_or(SubscriptionStatus::Refused(code), SubscriptionStatus::Granted);
                wanted.tickets.clear();
                self.pending -= 1;
                self.forget_request(ticket);
            }
            Record::Unwanted { ticket, filter: text } => self.unsubscribe(ticket, filter(text)?, events),
            Record::Unsubscribed { ticket } => self.forget_request(ticket),
            Record::Dropped { filter: text } => _ = self.remove(filter(text)?.as_str()),
            _ => {}
        }
        Ok(())
    }

    fn forget_request(&mut self, ticket: Ticket) {
        if let Some(index) = self.queue.iter().position(|request| request.ticket == ticket) {
            self.queue.remove(index);
        }
    }
}
