//! Requests that wait for their response: which message asks, and which one answers.
//!
//! A request is a message with a Response Topic and Correlation Data. It ends with the message that answers it, so that
//! the end of its own delivery is only a step on the way. Responses come on one topic of the client's own, which is
//! subscribed to with the first request.

use std::collections::BTreeMap;

use mqtt_proto::{
    EncodeError, Properties, Property, PropertyBuf, PropertyOwner, QoS, ReasonCode, SubscribeOptions,
    TopicFilter, TopicName,
};
use mqtt_session::{
    Command, Deadlines, Input, Instant, Message, Outcome, Publish, Rejected, SessionRefusal, Subscribe,
    SubscriptionStatus, Ticket,
};

use crate::error::PublishError;
use crate::machine::Machine;

/// All requests that have not ended.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Distinguishes the requests of this program from those of an earlier one.
    nonce: u32,
    /// Where the options want responses.
    configured_topic: Option<String>,
    /// Where they come; none before the first request.
    topic: Option<String>,
    /// The subscription to it.
    subscription: Option<Ticket>,
    open: BTreeMap<Ticket, Stage>,
    deadlines: Deadlines<Ticket>,
    /// Responses that nobody waited for any more.
    pub(crate) dropped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The message that asks has not ended.
    Sending,
    /// It has arrived; the response is awaited.
    Waiting,
    /// The request has ended before its message.
    Ended,
}

impl Requests {
    /// `seed` is another one in each program.
    pub(crate) fn new(seed: u64, configured_topic: Option<String>) -> Requests {
        Requests {
            nonce: (seed >> 32 ^ seed) as u32,
            configured_topic,
            topic: None,
            subscription: None,
            open: BTreeMap::new(),
            deadlines: Deadlines::new(),
            dropped: 0,
        }
    }

    /// Submits the message that asks, and the subscription to the responses if it has to be made.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        publish: &Publish<'_>,
        session: &mut Machine,
    ) -> Result<Ticket, PublishError> {
        let topic = self.response_topic(session).ok_or(PublishError::NoResponseTopic)?;
        let response_topic = TopicName::new(&topic).map_err(PublishError::ResponseTopic)?;
        let filter = TopicFilter::new(&topic).map_err(PublishError::ResponseTopic)?;
        let correlation = self.correlation(session.next_ticket());
        let properties = with_request(publish.properties, response_topic.as_str(), &correlation)
            .map_err(SessionRefusal::Encode)?;
        let asking = Publish { properties: properties.as_properties(), timeout: None, ..publish.clone() };
        let ticket = submit(now, &Command::Publish(asking), session)?;
        if let Err(refusal) = self.subscribe(now, filter, session) {
            session.notify(now, Input::Withdraw(ticket));
            return Err(refusal.into());
        }
        self.topic = Some(topic);
        self.open.insert(ticket, Stage::Sending);
        self.deadlines.set(ticket, publish.timeout.map(|timeout| now + timeout));
        Ok(ticket)
    }

    /// The one in use, that of the options, or one that follows from what the server said or calls the client.
    fn response_topic(&self, session: &Machine) -> Option<String> {
        let chosen = self.topic.as_ref().or(self.configured_topic.as_ref()).cloned();
        let information = session.negotiated().response_information.as_ref();
        let client_id = session.client_id();
        chosen
            .or_else(|| information.map(|base| format!("{}/responses", base.trim_end_matches('/'))))
            .or_else(|| (!client_id.is_empty()).then(|| format!("responses/{client_id}")))
    }

    /// The Correlation Data that names a request in its response.
    fn correlation(&self, request: Ticket) -> [u8; 12] {
        let mut data = [0; 12];
        data[..4].copy_from_slice(&self.nonce.to_be_bytes());
        data[4..].copy_from_slice(&request.get().to_be_bytes());
        data
    }

    fn subscribe(
        &mut self,
        now: Instant,
        filter: TopicFilter<'_>,
        session: &mut Machine,
    ) -> Result<(), SessionRefusal> {
        if let None | Some(SubscriptionStatus::Refused(_)) = session.subscription(filter) {
            let options = SubscribeOptions::with_qos(QoS::ExactlyOnce);
            let subscribe = Command::Subscribe(Subscribe { filter, options });
            self.subscription = Some(submit(now, &subscribe, session)?);
        }
        Ok(())
    }

    /// Whether a message comes where responses do.
    pub(crate) fn is_response(&self, message: &Message) -> bool {
        self.topic.as_ref().is_some_and(|topic| topic == message.topic())
    }

    /// A response has come: ends the request that it answers, if somebody waits for it.
    pub(crate) fn on_response(&mut self, response: &Message) -> Option<Ticket> {
        let properties = response.properties();
        let number = properties.correlation_data().and_then(<[u8]>::last_chunk);
        let request = number.and_then(|number| Ticket::from_number(u64::from_be_bytes(*number)));
        let request = request.filter(|request| {
            properties.correlation_data() == Some(&self.correlation(*request)) && self.is_open(*request)
        });
        match request {
            Some(request) => self.end(request),
            None => self.dropped += 1,
        }
        request
    }

    fn is_open(&self, request: Ticket) -> bool {
        self.open.get(&request).is_some_and(|stage| *stage != Stage::Ended)
    }

    /// Whether the message of that request has arrived, and its response is awaited.
    pub(crate) fn awaits_response(&self, request: Ticket) -> bool {
        self.open.get(&request) == Some(&Stage::Waiting)
    }

    /// The end of a request is reported; that of its message may follow.
    fn end(&mut self, request: Ticket) {
        self.deadlines.remove(request);
        match self.open.get_mut(&request) {
            Some(stage @ Stage::Sending) => *stage = Stage::Ended,
            _ => _ = self.open.remove(&request),
        }
    }

    /// An operation has ended: how it has for those who wait for it, unless it goes on or was reported.
    #[inline]
    pub(crate) fn on_ended(&mut self, ticket: Ticket, outcome: Outcome) -> Option<Outcome> {
        let Some(stage) = self.open.get_mut(&ticket) else { return Some(outcome) };
        let outcome = match outcome {
            Outcome::Done(ReasonCode::NoMatchingSubscribers) => Outcome::Rejected(Rejected::NoResponder),
            Outcome::Done(_) if *stage == Stage::Sending => {
                *stage = Stage::Waiting;
                return None;
            }
            outcome => outcome,
        };
        let is_reported = *stage == Stage::Ended;
        self.open.remove(&ticket);
        self.deadlines.remove(ticket);
        (!is_reported).then_some(outcome)
    }

    /// An operation has failed: the requests that end with it, if it is the subscription to their responses.
    pub(crate) fn on_failed(&mut self, ticket: Ticket) -> Vec<Ticket> {
        if self.subscription != Some(ticket) {
            return Vec::new();
        }
        self.subscription = None;
        self.end_all(|stage| stage != Stage::Ended)
    }

    /// No connection is wanted any more: the requests whose responses cannot come. The others end as their messages do.
    pub(crate) fn on_stopped(&mut self) -> Vec<Ticket> {
        self.end_all(|stage| stage == Stage::Waiting)
    }

    fn end_all(&mut self, is_meant: impl Fn(Stage) -> bool) -> Vec<Ticket> {
        let open = self.open.iter().filter(|(_, stage)| is_meant(**stage));
        let requests: Vec<Ticket> = open.map(|(request, _)| *request).collect();
        requests.iter().for_each(|request| self.end(*request));
        requests
    }

    /// Bounds the wait for a response.
    pub(crate) fn set_deadline(&mut self, request: Ticket, at: Instant) {
        if self.is_open(request) {
            self.deadlines.set(request, at);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// The requests whose time is over. Those that were never sent end as their messages do.
    pub(crate) fn handle_timeout(&mut self, now: Instant, session: &mut Machine) -> Vec<Ticket> {
        let mut late = Vec::new();
        while let Some(request) = self.deadlines.pop_passed(now) {
            if session.apply(now, Input::Withdraw(request)).is_err() {
                self.end(request);
                late.push(request);
            }
        }
        late
    }
}

fn submit(now: Instant, command: &Command<'_>, session: &mut Machine) -> Result<Ticket, SessionRefusal> {
    let ticket = session.apply(now, Input::Submit(command))?;
    Ok(ticket.expect("an accepted command has a ticket"))
}

/// The properties of a message that asks; each of them may stand there once.
fn with_request(
    properties: Properties<'_>,
    response_topic: &str,
    correlation: &[u8],
) -> Result<PropertyBuf, EncodeError> {
    let owner = PropertyOwner::Publish;
    let mut all = PropertyBuf::new();
    all.extend(owner, properties, |_| true)?;
    all.push(owner, Property::ResponseTopic(response_topic))?;
    all.push(owner, Property::CorrelationData(correlation))?;
    Ok(all)
}

#[cfg(test)]
mod tests;
