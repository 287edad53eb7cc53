//! The subscriptions that the application wants, and the requests that bring the server to the same view.
//!
//! What is wanted is a set of filters. Each change becomes a request in a queue; consecutive changes of one kind
//! travel in one packet. After each CONNACK the set is reconciled: if the session is present, only requests
//! without an answer go out again; otherwise the whole set is subscribed anew, in its original order. A request
//! keeps its ticket through all of that.

mod identifiers;
mod request;
mod answers;
mod ending;
mod quarantine;
mod rebuild;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use mqtt_proto::{
    FilterId, FilterTrie, Filters, Packet, PacketId, PacketKind, Properties, Property, QoS, ReasonCode,
    SubscribeFilter, SubscribeOptions, TopicFilter, TopicFilters,
};

use crate::command::Subscribe;
use crate::error::{Rejected, SessionRefusal};
use crate::event::{Event, Outcome, Ticket};
use crate::events::Events;
use crate::explain::Waits;
use crate::lazy::unused;
use crate::negotiated::{Emit, Negotiated};
use crate::record::Record;
use identifiers::Identifiers;
use request::{Change, Request};

pub(crate) use identifiers::Naming;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// To be requested, once the client is online.
    Wanted,
    /// Requested and not yet answered.
    Pending,
    /// Granted, at this QoS at the most.
    Granted(QoS),
    /// The server refused.
    Refused(ReasonCode),
}

/// The wanted set and the requests on their way.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    identifiers: Identifiers,
    /// Whether the server's session is older than this one, so that others may have given identifiers out.
    is_inherited: bool,
    filters: FilterTrie,
    /// By filter.
    wanted: Vec<Option<Wanted>>,
    queue: VecDeque<Request>,
    /// Requests without an answer, in the order in which they were sent.
    sent: VecDeque<(PacketId, Vec<Request>)>,
    /// Wanted subscriptions that the server has not answered.
    pending: usize,
    quarantined: Vec<Request>,
    /// Repeated alone on this connection, and not answered.
    isolated: Option<PacketId>,
}

#[derive(Debug)]
struct Wanted {
    options: SubscribeOptions,
    /// Names the subscription in messages; none once all were given out.
    identifier: Option<u32>,
    status: SubscriptionStatus,
    /// Names the last request for this filter, and orders the filters.
    order: Ticket,
    /// Wait for the answer to that request.
    tickets: Vec<Ticket>,
    /// Whether the server may know of a request that it has not answered.
    was_sent: bool,
}

/// Size of the longest identifier in bytes, with its own number in front.
const IDENTIFIER_LEN_MAX: usize = 5;

/// Filters of one packet at the most, so that a server answers step by step.
const FILTERS_PER_PACKET: usize = 64;

unused!(Subscriptions, Subscriptions::new());

impl Subscriptions {
    const fn new() -> Subscriptions {
        Subscriptions {
            identifiers: Identifiers::new(),
            is_inherited: false,
            filters: FilterTrie::new(),
            wanted: Vec::new(),
            queue: VecDeque::new(),
            sent: VecDeque::new(),
            pending: 0,
            quarantined: Vec::new(),
            isolated: None,
        }
    }

    /// Filters that are wanted.
    pub(crate) fn len(&self) -> usize {
        self.filters.len()
    }

    /// Requests that were not sent.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Subscriptions that the server has neither granted nor refused.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Requests that have not ended.
    pub(crate) fn requests(&self) -> usize {
        self.queue.len()
            + self.quarantined.len()
            + self.sent.iter().map(|(_, requests)| requests.len()).sum::<usize>()
    }

    /// What the request of that ticket waits for; none if it has ended.
    pub(crate) fn waits(&self, ticket: Ticket) -> Option<Waits> {
        let is_meant = |request: &Request| self.is_awaited(request, ticket);
        if let Some(ahead) = self.queue.iter().position(is_meant) {
            return Some(Waits::Turn { ahead, qos: None });
        }
        if self.quarantined.iter().any(is_meant) {
            return Some(Waits::Decision);
        }
        let mut sent = self.sent.iter().flat_map(|(_, requests)| requests);
        sent.find(|request| is_meant(request)).map(|request| Waits::Answer(request.answer()))
    }

    /// Whether somebody who has that ticket waits for this request.
    fn is_awaited(&self, request: &Request, ticket: Ticket) -> bool {
        match request.change {
            Change::Unsubscribe { ticket: own } => own == ticket,
            // An earlier request for the same filter ends with the last one.
            Change::Subscribe { order } => self.wanted(request.filter()).is_some_and(|wanted| {
                wanted.order == order && (order == ticket || wanted.tickets.contains(&ticket))
            }),
        }
    }

    fn wanted(&self, filter: TopicFilter<'_>) -> Option<&Wanted> {
        let id = self.filters.get(filter)?;
        self.wanted.get(id.index())?.as_ref()
    }

    /// Whether no request waits for the server.
    pub(crate) fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.sent.is_empty()
    }

    pub(crate) fn status(&self, filter: TopicFilter<'_>) -> Option<SubscriptionStatus> {
        self.wanted(filter).map(|wanted| wanted.status)
    }

    /// What names the subscription to a filter in messages, if the server has identifiers.
    pub(crate) fn identifier(&self, filter: TopicFilter<'_>) -> Option<u32> {
        self.wanted(filter)?.identifier
    }

    /// Whether this identifier was given out, perhaps to a subscription that is not wanted any more.
    pub(crate) fn was_identifier(&self, identifier: u32) -> bool {
        !self.is_inherited && self.identifiers.was_counted(identifier)
    }

    /// The server has a session from before: identifiers in it may mean other subscriptions than ours.
    pub(crate) fn on_inherited(&mut self) {
        self.is_inherited = true;
    }

    /// Wants a filter, or wants it with other options.
    pub(crate) fn subscribe(
        &mut self,
        ticket: Ticket,
        subscribe: &Subscribe<'_>,
        naming: Naming,
        events: &mut Events,
    ) {
        self.supersede_quarantined(subscribe.filter.as_str(), events);
        let is_new = self.status(subscribe.filter).is_none();
        let identifier = if is_new { self.identifiers.next(subscribe.filter.as_str(), naming) } else { None };
        self.want(ticket, subscribe, identifier);
    }

    /// A filter that is new has that identifier.
    fn want(&mut self, ticket: Ticket, subscribe: &Subscribe<'_>, identifier: Option<u32>) {
        let id = self.filters.insert(subscribe.filter);
        let status = SubscriptionStatus::Wanted;
        if self.wanted.len() <= id.index() {
            self.wanted.resize_with(id.index() + 1, || None);
        }
        match &mut self.wanted[id.index()] {
            Some(wanted) => {
                self.pending += usize::from(!is_pending(wanted.status));
                wanted.options = subscribe.options;
                wanted.status = status;
                wanted.order = ticket;
                wanted.tickets.push(ticket);
            }
            None => {
                self.pending += 1;
                let tickets = alloc::vec![ticket];
                let options = subscribe.options;
                let wanted = Wanted { options, identifier, status, order: ticket, tickets, was_sent: false };
                self.wanted[id.index()] = Some(wanted);
            }
        }
        self.queue.push_back(Request::new(subscribe.filter.as_str(), Change::Subscribe { order: ticket }));
    }

    /// Wants a filter no more. Requests for it that wait for an answer end.
    pub(crate) fn unsubscribe(&mut self, ticket: Ticket, filter: TopicFilter<'_>, events: &mut Events) {
        if let Some(wanted) = self.remove(filter) {
            let outcome = Outcome::Rejected(Rejected::Superseded);
            events.end_all(wanted.tickets, outcome);
        }
        self.supersede_quarantined(filter.as_str(), events);
        events.record(Record::Unwanted { ticket, filter: filter.as_str() });
        self.queue.push_back(Request::new(filter.as_str(), Change::Unsubscribe { ticket }));
    }

    /// Wants a filter no more that the server does not know of.
    pub(crate) fn forget_filter(&mut self, filter: TopicFilter<'_>, events: &mut Events) {
        if let Some(wanted) = self.remove(filter) {
            events.record(Record::Dropped { filter: filter.as_str() });
            events.end_all(wanted.tickets, Outcome::Rejected(Rejected::Superseded));
        }
        self.supersede_quarantined(filter.as_str(), events);
    }

    /// Requests to end a subscription that were not answered.
    pub(crate) fn unsubscribes(&self) -> usize {
        let sent = self.sent.iter().flat_map(|(_, requests)| requests);
        self.queue.iter().chain(sent).filter(|request| !request.is_subscribe()).count()
    }

    fn remove(&mut self, filter: TopicFilter<'_>) -> Option<Wanted> {
        let id = self.filters.remove(filter)?;
        let wanted = self.wanted[id.index()].take()?;
        wanted.identifier.into_iter().for_each(|identifier| self.identifiers.release(identifier));
        self.pending -= usize::from(is_pending(wanted.status));
        debug_assert!(self.pending <= self.filters.len(), "what is pending is wanted");
        Some(wanted)
    }

    fn wanted_mut(&mut self, filter: TopicFilter<'_>) -> Option<&mut Wanted> {
        let id: FilterId = self.filters.get(filter)?;
        self.wanted.get_mut(id.index())?.as_mut()
    }

    /// Appends the next request, if one is due; what the server's terms rule out ends at once.
    pub(crate) fn poll(&mut self, emit: &mut Emit<'_>) -> bool {
        self.skip_superseded();
        let Some(first) = self.queue.front() else { return false };
        let is_suspect = emit.config.is_suspect(first.failures);
        let is_quiet = emit.others == 0 && self.sent.is_empty();
        if self.isolated.is_some() || is_suspect && !is_quiet {
            return false;
        }
        let is_subscribe = first.is_subscribe();
        let mut count = 0;
        let mut refused = None;
        let with_identifier =
            is_subscribe && emit.config.subscription_identifiers && emit.terms.subscription_id_available;
        let per_filter = 2 + usize::from(is_subscribe);
        let mut body_len = 2 + usize::from(emit.config.version.has_properties());
        if with_identifier {
            body_len += IDENTIFIER_LEN_MAX;
        }
        let count_max = if with_identifier || is_suspect { 1 } else { FILTERS_PER_PACKET };
        for request in self.queue.iter().take(count_max) {
            body_len += per_filter + request.filter.len();
            let fits = emit
                .terms
                .check_size(packet_size(body_len))
                .and_then(|()| self.check_terms(emit.terms, request));
            let is_suspect = count > 0 && emit.config.is_suspect(request.failures);
            if request.is_subscribe() != is_subscribe
                || !self.is_current(request)
                || is_suspect
                || fits.is_err()
            {
                refused = fits.err();
                break;
            }
            count += 1;
        }
        if count == 0 {
            self.refuse_first(refused.unwrap_or(SessionRefusal::Disconnected), emit.events);
            return true;
        }
        let Some(packet_id) = emit.events.ids.take() else { return false };
        self.isolated = is_suspect.then_some(packet_id);
        let mut requests: Vec<Request> = self.queue.drain(..count).collect();
        self.put(packet_id, &requests, with_identifier, emit);
        let kind = if is_subscribe { PacketKind::Subscribe } else { PacketKind::Unsubscribe };
        emit.events.counters.count_sent(kind);
        for request in &mut requests {
            request.was_sent = true;
            if let (true, Some(wanted)) = (request.is_subscribe(), self.wanted_mut(request.filter())) {
                wanted.status = SubscriptionStatus::Pending;
                wanted.was_sent = true;
            }
        }
        self.sent.push_back((packet_id, requests));
        true
    }

    /// A subscribe request counts only while it is the last one for its filter.
    fn is_current(&self, request: &Request) -> bool {
        match request.change {
            Change::Unsubscribe { .. } => true,
            Change::Subscribe { order } => {
                self.wanted(request.filter()).is_some_and(|wanted| wanted.order == order)
            }
        }
    }

    fn skip_superseded(&mut self) {
        while self.queue.front().is_some_and(|request| !self.is_current(request)) {
            self.queue.pop_front();
        }
    }

    fn check_terms(&self, terms: &Negotiated, request: &Request) -> Result<(), SessionRefusal> {
        let filter = request.filter();
        if request.is_subscribe() && filter.has_wildcard() && !terms.wildcard_available {
            return Err(SessionRefusal::WildcardNotSupported);
        }
        if request.is_subscribe() && filter.is_shared() && !terms.shared_available {
            return Err(SessionRefusal::SharedNotSupported);
        }
        Ok(())
    }

    fn refuse_first(&mut self, why: SessionRefusal, events: &mut Events) {
        if let Some(request) = self.queue.pop_front() {
            self.end_request(&request, Outcome::Rejected(Rejected::BySession(why)), events);
        }
    }

    /// A request that goes nowhere ends, and with it the wish for its filter.
    fn end_request(&mut self, request: &Request, outcome: Outcome, events: &mut Events) {
        match request.change {
            Change::Unsubscribe { ticket } => {
                events.record(Record::Unsubscribed { ticket });
                events.end(ticket, outcome);
            }
            Change::Subscribe { .. } => {
                events.record(Record::Dropped { filter: request.filter().as_str() });
                let wanted = self.remove(request.filter());
                let tickets = wanted.map(|wanted| wanted.tickets).unwrap_or_default();
                if let (Outcome::Rejected(why), true) = (outcome, tickets.is_empty()) {
                    events.push(Event::SubscriptionRefused { filter: request.filter().as_str().into(), why });
                }
                events.end_all(tickets, outcome);
            }
        }
    }

    /// An identifier belongs to all filters of a packet.
    fn put(&self, packet_id: PacketId, requests: &[Request], with_identifier: bool, emit: &mut Emit<'_>) {
        let options = |filter| self.wanted(filter).map(|wanted| wanted.options).unwrap_or_default();
        let first = requests.first().filter(|_| with_identifier).map(Request::filter);
        let identifier =
            first.and_then(|filter| self.identifier(filter)).map(Property::SubscriptionIdentifier);
        let properties = Properties::new(identifier.as_slice());
        if requests.iter().any(Request::is_subscribe) {
            let filters: Vec<_> = requests
                .iter()
                .map(Request::filter)
                .map(|filter| SubscribeFilter { filter, options: options(filter) })
                .collect();
            let filters = Filters::new(&filters);
            let packet = Packet::Subscribe(mqtt_proto::Subscribe { packet_id, properties, filters });
            emit.out.put(&packet, emit.config.version).expect("checked when it was accepted");
        } else {
            let filters: Vec<_> = requests.iter().map(Request::filter).collect();
            let filters = TopicFilters::new(&filters);
            let packet = Packet::Unsubscribe(mqtt_proto::Unsubscribe { packet_id, properties, filters });
            emit.out.put(&packet, emit.config.version).expect("checked when it was accepted");
        }
    }
}

/// Size in bytes of a packet whose fixed header announces `body_len`.
const fn packet_size(body_len: usize) -> usize {
    let remaining_length_len = match body_len {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    };
    1 + remaining_length_len + body_len
}

fn is_pending(status: SubscriptionStatus) -> bool {
    matches!(status, SubscriptionStatus::Wanted | SubscriptionStatus::Pending)
}
