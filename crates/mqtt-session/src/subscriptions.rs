//! The subscriptions that the application wants, and the requests that bring the server to the same view.
//!
//! What is wanted is a set of filters. Each change becomes a request in a queue; consecutive changes of one kind
//! travel in one packet. After each CONNACK the set is reconciled: if the session is present, only requests
//! without an answer go out again; otherwise the whole set is subscribed anew, in its original order. A request
//! keeps its ticket through all of that.

mod identifiers;
mod request;
mod sent;
mod answers;
mod ending;
mod quarantine;
mod rebuild;
mod audit;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_proto::{
    Filters, Packet, PacketId, Properties, Property, QoS, ReasonCode, SubscribeFilter, SubscribeOptions,
    TopicFilter, TopicFilters,
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
use request::{Kind, Request};
use sent::Sent;

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
    /// By filter.
    wanted: BTreeMap<String, Wanted>,
    queue: VecDeque<Request>,
    /// Requests without an answer.
    sent: Sent,
    /// Wanted subscriptions that the server has not answered.
    pending: usize,
    quarantined: Vec<Request>,
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
            wanted: BTreeMap::new(),
            queue: VecDeque::new(),
            sent: Sent::new(),
            pending: 0,
            quarantined: Vec::new(),
        }
    }

    /// Filters that are wanted.
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
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
        self.queue.len() + self.quarantined.len() + self.sent.requests().count()
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
        self.sent
            .requests()
            .find(|request| is_meant(request))
            .map(|request| Waits::Answer(request.kind.packets().1))
    }

    /// Whether somebody who has that ticket waits for this request.
    fn is_awaited(&self, request: &Request, ticket: Ticket) -> bool {
        // An earlier request for the same filter ends with the last one.
        let is_earlier = || self.wanted[&request.filter].tickets.contains(&ticket);
        self.is_current(request)
            && (request.ticket == ticket || request.kind == Kind::Subscribe && is_earlier())
    }

    /// Whether no request waits for the server.
    pub(crate) fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.sent.is_empty()
    }

    pub(crate) fn status(&self, filter: TopicFilter<'_>) -> Option<SubscriptionStatus> {
        self.wanted.get(filter.as_str()).map(|wanted| wanted.status)
    }

    /// What names the subscription to a filter in messages, if the server has identifiers.
    pub(crate) fn identifier(&self, filter: TopicFilter<'_>) -> Option<u32> {
        self.wanted.get(filter.as_str())?.identifier
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
        let filter = subscribe.filter.as_str();
        let (options, status, order) = (subscribe.options, SubscriptionStatus::Wanted, ticket);
        let old = self.remove_wanted(filter);
        let (identifier, was_sent) =
            old.as_ref().map_or((identifier, false), |old| (old.identifier, old.was_sent));
        let mut tickets = old.map(|old| old.tickets).unwrap_or_default();
        tickets.push(ticket);
        let wanted = Wanted { options, identifier, status, order, tickets, was_sent };
        self.wanted.insert(filter.into(), wanted);
        self.pending += 1;
        self.queue.push_back(Request::new(filter, ticket, Kind::Subscribe));
    }

    /// Wants a filter no more. Requests for it that wait for an answer end.
    pub(crate) fn unsubscribe(&mut self, ticket: Ticket, filter: TopicFilter<'_>, events: &mut Events) {
        if let Some(wanted) = self.remove(filter.as_str()) {
            let outcome = Outcome::Rejected(Rejected::Superseded);
            events.end_all(wanted.tickets, outcome);
        }
        self.supersede_quarantined(filter.as_str(), events);
        events.record(Record::Unwanted { ticket, filter: filter.as_str() });
        self.queue.push_back(Request::new(filter.as_str(), ticket, Kind::Unsubscribe));
    }

    /// Wants a filter no more that the server does not know of.
    pub(crate) fn forget_filter(&mut self, filter: TopicFilter<'_>, events: &mut Events) {
        if let Some(wanted) = self.remove(filter.as_str()) {
            events.record(Record::Dropped { filter: filter.as_str() });
            events.end_all(wanted.tickets, Outcome::Rejected(Rejected::Superseded));
        }
        self.supersede_quarantined(filter.as_str(), events);
    }

    /// Requests to end a subscription that were not answered.
    pub(crate) fn unsubscribes(&self) -> usize {
        self.queue
            .iter()
            .chain(self.sent.requests())
            .filter(|request| request.kind == Kind::Unsubscribe)
            .count()
    }

    fn remove(&mut self, filter: &str) -> Option<Wanted> {
        let wanted = self.remove_wanted(filter)?;
        wanted.identifier.into_iter().for_each(|identifier| self.identifiers.release(identifier));
        Some(wanted)
    }

    fn remove_wanted(&mut self, filter: &str) -> Option<Wanted> {
        let wanted = self.wanted.remove(filter)?;
        self.pending -= usize::from(is_pending(wanted.status));
        debug_assert!(self.pending <= self.wanted.len(), "what is pending is wanted");
        Some(wanted)
    }

    /// Appends the next request, if one is due; what the server's terms rule out ends at once.
    pub(crate) fn poll(&mut self, emit: &mut Emit<'_>) -> bool {
        self.skip_superseded();
        let Some(first) = self.queue.front() else { return false };
        let is_suspect = emit.config.is_suspect(first.failures);
        let is_quiet = emit.others == 0 && self.sent.is_empty();
        if self.is_isolating(emit.config) || is_suspect && !is_quiet {
            return false;
        }
        let kind = first.kind;
        let is_subscribe = kind == Kind::Subscribe;
        let mut count = 0;
        let mut refused = None;
        let with_identifier =
            is_subscribe && emit.config.subscription_identifiers && emit.terms.subscription_id_available;
        let per_filter = 2 + usize::from(is_subscribe);
        let mut body_len = 2;
        if emit.config.version.has_properties() {
            body_len += 1 + emit.config.user_properties.size(kind.user_properties());
        }
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
            if request.kind != kind || !self.is_current(request) || is_suspect || fits.is_err() {
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
        let mut requests: Vec<Request> = self.queue.drain(..count).collect();
        self.put(packet_id, kind, &requests, with_identifier, emit);
        emit.events.counters.count_sent(kind.packets().0);
        for request in &mut requests {
            request.was_sent = true;
            if let (Kind::Subscribe, Some(wanted)) = (kind, self.wanted.get_mut(&request.filter)) {
                wanted.status = SubscriptionStatus::Pending;
                wanted.was_sent = true;
            }
        }
        self.sent.push(packet_id, requests);
        true
    }

    /// A subscribe request counts only while it is the last one for its filter.
    fn is_current(&self, request: &Request) -> bool {
        request.kind == Kind::Unsubscribe
            || self.wanted.get(&request.filter).is_some_and(|wanted| wanted.order == request.ticket)
    }

    fn skip_superseded(&mut self) {
        while self.queue.front().is_some_and(|request| !self.is_current(request)) {
            self.queue.pop_front();
        }
    }

    fn check_terms(&self, terms: &Negotiated, request: &Request) -> Result<(), SessionRefusal> {
        let (filter, is_subscribe) = (request.filter(), request.kind == Kind::Subscribe);
        if is_subscribe && filter.has_wildcard() && !terms.wildcard_available {
            return Err(SessionRefusal::WildcardNotSupported);
        }
        if is_subscribe && filter.is_shared() && !terms.shared_available {
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
        match request.kind {
            Kind::Unsubscribe => end_unsubscribe(request, outcome, events),
            Kind::Subscribe => {
                events.record(Record::Dropped { filter: &request.filter });
                let wanted = self.remove(&request.filter);
                let mut tickets = wanted.map(|wanted| wanted.tickets).unwrap_or_default();
                end_subscribe(&request.filter, &mut tickets, outcome, events);
            }
        }
    }

    /// An identifier belongs to all filters of a packet.
    fn put(
        &self,
        packet_id: PacketId,
        kind: Kind,
        requests: &[Request],
        with_identifier: bool,
        emit: &mut Emit<'_>,
    ) {
        let wanted: Vec<&Wanted> =
            requests.iter().filter_map(|request| self.wanted.get(&request.filter)).collect();
        let identifier = wanted.first().filter(|_| with_identifier).and_then(|wanted| wanted.identifier);
        let mut list: Vec<Property<'_>> =
            identifier.map(Property::SubscriptionIdentifier).into_iter().collect();
        if emit.config.version.has_properties() {
            list.extend(emit.config.user_properties.of(kind.user_properties()));
        }
        let properties = Properties::new(&list);
        let filters: Vec<TopicFilter<'_>> = requests.iter().map(Request::filter).collect();
        let with_options: Vec<SubscribeFilter<'_>> = filters
            .iter()
            .zip(&wanted)
            .map(|(filter, wanted)| SubscribeFilter { filter: *filter, options: wanted.options })
            .collect();
        let packet = match kind {
            Kind::Subscribe => {
                let filters = Filters::new(&with_options);
                Packet::Subscribe(mqtt_proto::Subscribe { packet_id, properties, filters })
            }
            Kind::Unsubscribe => {
                let filters = TopicFilters::new(&filters);
                Packet::Unsubscribe(mqtt_proto::Unsubscribe { packet_id, properties, filters })
            }
        };
        emit.out.put(&packet, emit.config.version).expect("checked when it was accepted");
    }
}

fn end_unsubscribe(request: &Request, outcome: Outcome, events: &mut Events) {
    events.record(Record::Unsubscribed { ticket: request.ticket });
    events.end(request.ticket, outcome);
}

/// Ends the requests for a filter. A refusal that none of them waits for is an event.
fn end_subscribe(filter: &str, tickets: &mut Vec<Ticket>, outcome: Outcome, events: &mut Events) {
    if let (Outcome::Rejected(why), true) = (outcome, tickets.is_empty()) {
        events.push(Event::SubscriptionRefused { filter: filter.into(), why });
    }
    events.end_all(tickets.drain(..), outcome);
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
