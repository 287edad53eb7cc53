//! What goes out on one connection: first answers, then messages as far as the window lets them.

use alloc::vec::Vec;

use mqtt_parts::{AliasesOut, Instant, Naming, TransmitBuf};
use mqtt_proto::{JoinedProperties, Packet, PacketId, Properties, Property, Publish, ReasonCode, TopicName};

use crate::broker::{Broker, ending};
#[cfg(doc)]
use crate::config::Config;
use crate::control::{Control, Limits};
use crate::fault::Fault;
use crate::ids::ConnectionId;
use crate::message::Delivery;
use crate::outbox::{Fit, Step};

/// Whether there may be more to send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Made,
    None,
}

impl Broker {
    /// Appends what is to be sent on this connection, in one call about 64 KiB and one packet at most; false when
    /// there is nothing.
    ///
    /// Only messages wait for the window. [5.0 MQTT-3.3.4-10]
    ///
    /// What was appended counts as sent, and no longer as queued: a driver calls it while little waits to be written,
    /// say 64 KiB, so that what waits for a client that does not read is bounded by [`Config::queue_bytes_max`]. If there
    /// is more, [`Broker::poll_ready`] names the connection again.
    pub fn poll_transmit(&mut self, now: Instant, id: ConnectionId, out: &mut TransmitBuf) -> bool {
        self.now = now;
        let start = out.len();
        let mut progress = Progress::Made;
        while progress == Progress::Made {
            if out.len() - start >= TRANSMIT_SIZE {
                self.list(id);
                break;
            }
            progress = self.transmit_one(now, id, out);
        }
        self.note_buffers(id, None);
        out.len() > start
    }

    fn transmit_one(&mut self, now: Instant, id: ConnectionId, out: &mut TransmitBuf) -> Progress {
        let Some(connection) = self.connections.get_mut(&id) else { return Progress::None };
        if let Some(control) = connection.control.pop() {
            self.transmit_control(now, id, &control, out);
            return Progress::Made;
        }
        let session = connection.session().and_then(|key| self.sessions.get_mut(key));
        let Some(session) = session else { return Progress::None };
        let list = &mut self.hop_properties;
        let before = out.len();
        let step = session.outbox.send_next(now, connection.window_max, |delivery, packet_id, dup| {
            let outgoing = Outgoing { now, limits: connection.limits, delivery, packet_id, dup };
            outgoing.put(&mut connection.aliases_out, list, out)
        });
        match step {
            Step::Sent => {
                self.stats.messages_out += 1;
                self.stats.packets_out += 1;
                self.stats.bytes_out += (out.len() - before) as u64;
            }
            Step::TooLarge => self.stats.dropped_too_large += 1,
            Step::Expired => self.stats.dropped_expired += 1,
            Step::Nothing => return Progress::None,
        }
        Progress::Made
    }

    /// An answer that the client cannot take ends the connection.
    fn transmit_control(&mut self, now: Instant, id: ConnectionId, control: &Control, out: &mut TransmitBuf) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Control::Ack { ends_message: true, .. } = control {
            connection.unacknowledged = connection.unacknowledged.saturating_sub(1);
        }
        match (control.put(connection.limits, &self.config, out), control) {
            (Ok(len), _) => {
                self.stats.packets_out += 1;
                self.stats.bytes_out += len as u64;
            }
            // Without CONNACK no other packet may follow.
            (Err(_), Control::Connack(_)) => {
                connection.control.clear();
                let text = "CONNACK is larger than the Maximum Packet Size";
                let end = self.fault_end(&Fault::new(ReasonCode::PacketTooLarge, text));
                self.close(now, id, ending::Will::Stays, Some(end));
            }
            (Err(_), Control::Refusal { .. } | Control::Disconnect { .. }) => {}
            (Err(_), _) => {
                let text = "an answer is larger than the Maximum Packet Size";
                self.fail(now, id, Fault::new(ReasonCode::PacketTooLarge, text));
            }
        }
    }
}

/// One message as it goes out now.
#[derive(Clone, Copy)]
struct Outgoing<'a> {
    now: Instant,
    limits: Limits,
    delivery: &'a Delivery,
    packet_id: Option<PacketId>,
    dup: bool,
}

impl Outgoing<'_> {
    /// Appends the message, named by an alias if there is one and if that fits.
    fn put(&self, aliases: &mut AliasesOut, list: &mut HopProperties, out: &mut TransmitBuf) -> Fit {
        let topic = self.delivery.message.topic();
        let is_short = topic.len() <= ALIASED_MAX;
        let naming = if is_short { aliases.naming(topic) } else { Naming::Name };
        match (self.put_named(naming, list, out), naming) {
            (Fit::Sent, _) => {
                aliases.commit(naming, topic);
                Fit::Sent
            }
            (Fit::TooLarge, Naming::NameAndAlias(_)) => self.put_named(Naming::Name, list, out),
            (Fit::TooLarge, Naming::Name | Naming::Alias(_)) => Fit::TooLarge,
        }
    }

    /// [5.0 MQTT-3.1.2-24] [5.0 MQTT-3.1.2-25]
    fn put_named(&self, naming: Naming, list: &mut HopProperties, out: &mut TransmitBuf) -> Fit {
        let version = self.limits.version;
        let message = &*self.delivery.message;
        let mut publish = Publish {
            dup: self.dup,
            qos: self.delivery.qos,
            retain: self.delivery.retain,
            topic: message.topic_name(),
            packet_id: self.packet_id,
            properties: Properties::EMPTY,
            payload: &message.payload,
        };
        let joined;
        if version.has_properties() {
            self.delivery.put_hop_properties(self.now, list);
            match naming {
                Naming::Name => {}
                Naming::NameAndAlias(alias) => list.push(Property::TopicAlias(alias)),
                Naming::Alias(alias) => {
                    list.push(Property::TopicAlias(alias));
                    publish.topic = TopicName::ALIASED;
                }
            }
            joined = JoinedProperties::new(list, message.properties.as_properties());
            publish.properties = joined.as_properties();
        }
        let fits = |len| len <= self.limits.packet_size_max;
        let has_limit = self.limits.packet_size_max < usize::MAX;
        if has_limit && !Packet::Publish(publish).encoded_len(version).is_ok_and(fits) {
            return Fit::TooLarge;
        }
        match out.put_publish(&publish, &message.payload, version) {
            Ok(_) => Fit::Sent,
            Err(_) => Fit::TooLarge,
        }
    }
}

/// Topics that are longer get no alias, so that a connection keeps little for its aliases.
const ALIASED_MAX: usize = 1024;

/// What this hop adds to the properties of a message.
type HopProperties = Vec<Property<'static>>;

/// Once this many bytes were appended, no further packet is.
const TRANSMIT_SIZE: usize = 65_536;
