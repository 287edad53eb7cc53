//! Requests and their responses, over the messages and subscriptions of the session.

use alloc::format;
use alloc::string::{String, ToString};

use mqtt_parts::Instant;
use mqtt_proto::{
    EncodeError, PacketKind, Property, PropertyBuf, PropertyId, PropertyOwner, QoS, ReasonCode,
    SubscribeOptions, TopicFilter, TopicName,
};

use super::Session;
use crate::command::{Publish, Subscribe};
use crate::error::{Indeterminate, Rejected, SessionRefusal};
use crate::event::{Event, Message, Outcome, Ticket};
use crate::events::DONE;
use crate::requests::correlation;
use crate::subscriptions::SubscriptionStatus;

impl Session {
    /// The message that asks has the ticket behind that of the request, and the subscription to the responses, if
    /// it has to be made, the one behind that.
    pub(super) fn request(
        &mut self,
        now: Instant,
        request: Ticket,
        publish: &Publish<'_>,
    ) -> Result<(), SessionRefusal> {
        if !self.config.version.has_properties() {
            return Err(SessionRefusal::Encode(EncodeError::NeedsVersion5(PacketKind::Publish)));
        }
        for id in [PropertyId::ResponseTopic, PropertyId::CorrelationData] {
            if publish.properties.contains(id) {
                let owner = PropertyOwner::Publish;
                return Err(SessionRefusal::Encode(EncodeError::PropertyNotAllowed { id, owner }));
            }
        }
        let topic = self.response_topic()?;
        let response_topic = TopicName::new(&topic).map_err(SessionRefusal::ResponseTopic)?;
        let filter = TopicFilter::new(&topic).map_err(SessionRefusal::ResponseTopic)?;
        self.check_wanted()?;
        // The first request draws what distinguishes those of this program from those of an earlier one.
        let nonce = self.events.open_requests().nonce();
        let mut rng = self.rng.clone();
        let nonce = nonce.unwrap_or_else(|| rng.next_u64() as u32);
        let correlation = correlation(nonce, request);
        let mut properties = PropertyBuf::new();
        let owner = PropertyOwner::Publish;
        let put = properties
            .extend(owner, publish.properties, |_| true)
            .and_then(|()| properties.push(owner, Property::ResponseTopic(response_topic.as_str())))
            .and_then(|()| properties.push(owner, Property::CorrelationData(&correlation)));
        put.map_err(SessionRefusal::Encode)?;
        let message = request.next();
        let timeout = publish.timeout;
        let publish = Publish { properties: properties.as_properties(), timeout: None, ..publish.clone() };
        self.publish(now, message, &publish)?;
        if let Err(reason) = self.subscribe_to_responses(message.next(), filter) {
            self.outbox.get_or_init().withdraw(message, &mut self.events);
            return Err(reason);
        }
        self.rng = rng;
        self.events.requests().open(request, &topic, nonce);
        if let Some(timeout) = timeout {
            self.events.set_deadline(request, now + timeout);
        }
        self.tickets += 2;
        Ok(())
    }

    /// The one that is in use, that of the configuration, or one that follows from what the server calls the client.
    fn response_topic(&mut self) -> Result<String, SessionRefusal> {
        let in_use = self.events.requests().topic();
        if !in_use.is_empty() {
            return Ok(in_use.to_string());
        }
        if let Some(topic) = &self.config.response_topic {
            return Ok(topic.clone());
        }
        if let Some(base) = &self.negotiated.response_information {
            return Ok(format!("{}/responses", base.trim_end_matches('/')));
        }
        if self.client_id.is_empty() {
            return Err(SessionRefusal::NoResponseTopic);
        }
        Ok(format!("responses/{}", self.client_id))
    }

    fn subscribe_to_responses(
        &mut self,
        ticket: Ticket,
        filter: TopicFilter<'_>,
    ) -> Result<(), SessionRefusal> {
        match self.subscriptions.status(filter) {
            None | Some(SubscriptionStatus::Refused(_)) => {}
            Some(_) => return Ok(()),
        }
        let options = SubscribeOptions::with_qos(QoS::ExactlyOnce);
        self.subscribe(ticket, &Subscribe { filter, options })?;
        self.events.requests().set_subscription(ticket);
        Ok(())
    }

    /// A message has arrived. One that comes where responses do ends its request; one that nobody waits for any
    /// more is counted and acknowledged.
    pub(super) fn deliver(&mut self, message: Message) {
        if self.events.has_requests() && message.topic() == self.events.requests().topic() {
            let request = self.events.requests().answered_by(message.properties().correlation_data());
            match request {
                Some(ticket) => {
                    self.events.requests().settle(ticket);
                    self.events.push(Event::Response { ticket, message });
                    self.events.push_ended(ticket, DONE);
                }
                None => {
                    self.events.counters.responses_dropped += 1;
                    if let Some(receipt) = message.receipt() {
                        self.acknowledge(receipt, ReasonCode::Success).expect("every version has it");
                    }
                }
            }
            return;
        }
        self.events.push(Event::Message(message));
    }

    /// The time of a request is over; false if there is no such request.
    pub(super) fn end_late_request(&mut self, request: Ticket) -> bool {
        if !self.events.has_requests() || !self.events.requests().is_open(request) {
            return false;
        }
        let message = request.next();
        let mut outcome = Outcome::Indeterminate(Indeterminate::TimedOut);
        if !self.events.requests().awaits_response(request) {
            let events = &mut self.events;
            let withdrawn = self.outbox.get_mut().is_some_and(|outbox| outbox.withdraw(message, events));
            if withdrawn {
                outcome = Outcome::Rejected(Rejected::TimedOut);
            }
        }
        self.events.requests().settle(request);
        if outcome == Outcome::Rejected(Rejected::TimedOut) {
            // Its message has ended too, which is not reported.
            self.events.end(message, outcome);
        }
        self.events.push_ended(request, outcome);
        true
    }

    /// No response will come any more.
    pub(super) fn end_requests(&mut self) {
        if self.events.has_requests() {
            for request in self.events.requests().waiting_requests() {
                self.events.requests().settle(request);
                let outcome = Outcome::Indeterminate(Indeterminate::Disconnected);
                self.events.push_ended(request, outcome);
            }
        }
    }
}
