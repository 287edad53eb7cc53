//! What one session is still to be sent, and what it has not acknowledged yet.
//!
//! A message is in one of three places: it waits in the queue, it was sent, or (QoS 2, after PUBREC) it is released
//! and only its packet identifier is left. A new connection sends again what was sent, in the original order, with
//! the original identifiers and within the window, before anything from the queue. The queue is one for all
//! QoS, so that everything for a topic arrives in the order in which it was published; what stands behind a message
//! that waits for the window waits too, whatever its QoS. [5.0 MQTT-4.6.0-5] [5.0 MQTT-4.6.0-6] [3.1.1 MQTT-4.6.0-5] [3.1.1 MQTT-4.6.0-6]

use alloc::collections::VecDeque;

use mqtt_parts::{Instant, PacketIds};
use mqtt_proto::{PacketId, QoS};

use crate::config::Config;
use crate::message::Delivery;

/// One session's messages on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Delivery>,
    /// Ascending by sequence.
    sent: VecDeque<Sent>,
    /// In the order of their PUBRECs.
    released: VecDeque<Released>,
    ids: PacketIds,
    /// Bytes of the messages in `queue` and `sent`.
    size: usize,
    /// No message of the queue expires earlier, so that a full queue is not searched for nothing.
    first_expiry: Option<Instant>,
    /// Sequence of the next message that leaves the queue.
    sequence: u64,
    /// What was sent with this sequence or a later one is to be sent again on this connection.
    replay_from: u64,
    /// Messages that this connection's client has not acknowledged to the end.
    window_used: usize,
}

#[derive(Debug)]
struct Sent {
    sequence: u64,
    packet_id: PacketId,
    delivery: Delivery,
}

#[derive(Debug)]
struct Released {
    packet_id: PacketId,
    is_in_window: bool,
}

/// Why a message did not enter the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    QueueFull,
}

/// What became of the attempt to send one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Sent,
    /// The client takes no packet of that size. [5.0 MQTT-3.1.2-25]
    TooLarge,
    Expired,
    /// The queue is empty, or the window is full.
    Nothing,
}

/// Whether a message fitted into the client's Maximum Packet Size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Sent,
    TooLarge,
}

/// What an acknowledgement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    Expected,
    /// No message has this identifier.
    Unknown,
    /// A message of another QoS has it, or one in another step.
    Wrong,
}

impl Outbox {
    /// Messages that wait to be sent for the first time.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Messages that were sent and not acknowledged to the end.
    pub(crate) fn inflight(&self) -> usize {
        self.sent.len() + self.released.len()
    }

    /// Bytes of the stored messages.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Queues a message; what finds the queue full is dropped. Expired messages make room first.
    pub(crate) fn push(&mut self, now: Instant, delivery: Delivery, config: &Config) -> Result<(), Dropped> {
        if !self.has_room(&delivery, config) {
            self.remove_expired(now);
            if !self.has_room(&delivery, config) {
                return Err(Dropped::QueueFull);
            }
        }
        self.size += delivery.size();
        self.first_expiry = earlier(self.first_expiry, delivery.message.expires_at());
        self.queue.push_back(delivery);
        Ok(())
    }

    fn remove_expired(&mut self, now: Instant) {
        if self.first_expiry.is_some_and(|first| first <= now) {
            self.remove_queued(|queued| queued.message.is_expired(now));
            let expiries = self.queue.iter().map(|queued| queued.message.expires_at());
            self.first_expiry = expiries.fold(None, earlier);
        }
    }

    fn has_room(&self, delivery: &Delivery, config: &Config) -> bool {
        self.queue.len() < config.queue_messages_max && self.size + delivery.size() <= config.queue_bytes_max
    }

    fn remove_queued(&mut self, is_removed: impl Fn(&Delivery) -> bool) {
        let size = &mut self.size;
        self.queue.retain(|queued| {
            let is_kept = !is_removed(queued);
            if !is_kept {
                *size -= queued.size();
            }
            is_kept
        });
    }

    /// The connection is gone; returns how many QoS 0 messages went with it.
    pub(crate) fn on_offline(&mut self, config: &Config) -> usize {
        let queued = self.queue.len();
        if !config.queues_qos0_offline {
            self.remove_queued(|queued| queued.qos == QoS::AtMostOnce);
        }
        queued - self.queue.len()
    }

    /// A connection took the session up: all that was sent is sent again. [5.0 MQTT-4.4.0-1] [3.1.1 MQTT-4.4.0-1]
    ///
    /// Returns the identifiers whose PUBREL is sent again, in the order of their PUBRECs.
    pub(crate) fn on_online(&mut self) -> impl Iterator<Item = PacketId> {
        self.replay_from = 0;
        self.window_used = 0;
        self.released.iter_mut().map(|released| {
            released.is_in_window = false;
            released.packet_id
        })
    }

    /// Whether [`Outbox::send_next`] would do something.
    pub(crate) fn wants_to_send(&self, window_max: u16) -> bool {
        let has_window = self.window_used < usize::from(window_max);
        if self.has_replay() {
            return has_window;
        }
        match self.queue.front() {
            Some(delivery) => has_window || delivery.qos == QoS::AtMostOnce,
            None => false,
        }
    }

    fn has_replay(&self) -> bool {
        self.sent.back().is_some_and(|sent| sent.sequence >= self.replay_from)
    }

    /// Sends one message, if the window lets it. [5.0 MQTT-3.3.4-9]
    ///
    /// `send` gets the delivery, its packet identifier, and whether it is a repetition.
    pub(crate) fn send_next(
        &mut self,
        now: Instant,
        window_max: u16,
        send: impl FnOnce(&Delivery, Option<PacketId>, bool) -> Fit,
    ) -> Step {
        if !self.wants_to_send(window_max) {
            return Step::Nothing;
        }
        if self.has_replay() {
            return self.send_again(send);
        }
        match self.queue.front().map(|delivery| delivery.qos) {
            None => Step::Nothing,
            Some(_) if self.queue.front().is_some_and(|delivery| delivery.message.is_expired(now)) => {
                // [5.0 MQTT-3.3.2-5]
                self.pop_queued();
                Step::Expired
            }
            Some(QoS::AtMostOnce) => match self.pop_queued().map(|delivery| send(&delivery, None, false)) {
                Some(Fit::Sent) => Step::Sent,
                Some(Fit::TooLarge) => Step::TooLarge,
                None => Step::Nothing,
            },
            Some(QoS::AtLeastOnce | QoS::ExactlyOnce) => self.send_first(send),
        }
    }

    /// Sends a message of QoS 1 or 2 for the first time, with an unused identifier.
    ///
    /// [5.0 MQTT-2.2.1-4] [3.1.1 MQTT-2.3.1-4]
    fn send_first(&mut self, send: impl FnOnce(&Delivery, Option<PacketId>, bool) -> Fit) -> Step {
        let Some(packet_id) = self.ids.take() else { return Step::Nothing };
        let Some(delivery) = self.queue.pop_front() else { return Step::Nothing };
        match send(&delivery, Some(packet_id), false) {
            Fit::Sent => {
                self.sent.push_back(Sent { sequence: self.sequence, packet_id, delivery });
                self.sequence += 1;
                self.replay_from = self.sequence;
                self.window_used += 1;
                Step::Sent
            }
            Fit::TooLarge => {
                self.size -= delivery.size();
                self.ids.release(packet_id);
                Step::TooLarge
            }
        }
    }

    /// Sends the next repetition; its delivery had begun, so that it does not expire.
    ///
    /// [5.0 MQTT-3.3.1-3] [3.1.1 MQTT-3.3.1-3]
    fn send_again(&mut self, send: impl FnOnce(&Delivery, Option<PacketId>, bool) -> Fit) -> Step {
        let at = self.sent.partition_point(|sent| sent.sequence < self.replay_from);
        let Some(sent) = self.sent.get(at) else { return Step::Nothing };
        match send(&sent.delivery, Some(sent.packet_id), true) {
            Fit::Sent => {
                self.replay_from = sent.sequence + 1;
                self.window_used += 1;
                Step::Sent
            }
            Fit::TooLarge => {
                self.remove_sent(at);
                Step::TooLarge
            }
        }
    }

    fn pop_queued(&mut self) -> Option<Delivery> {
        let delivery = self.queue.pop_front()?;
        self.size -= delivery.size();
        Some(delivery)
    }

    /// PUBACK ends a message of QoS 1, whatever its reason.
    pub(crate) fn on_puback(&mut self, packet_id: PacketId) -> Acknowledged {
        match self.sent_position(packet_id) {
            Some(at) if self.sent[at].delivery.qos == QoS::AtLeastOnce => {
                self.remove_sent(at);
                Acknowledged::Expected
            }
            Some(_) => Acknowledged::Wrong,
            None if self.ids.contains(packet_id) => Acknowledged::Wrong,
            None => Acknowledged::Unknown,
        }
    }

    /// PUBREC releases a message of QoS 2; one with an error ends it. [5.0 MQTT-4.8.2-6]
    pub(crate) fn on_pubrec(&mut self, packet_id: PacketId, is_error: bool) -> Acknowledged {
        match self.sent_position(packet_id) {
            Some(at) if self.sent[at].delivery.qos != QoS::ExactlyOnce => Acknowledged::Wrong,
            Some(at) if is_error => {
                self.remove_sent(at);
                Acknowledged::Expected
            }
            Some(at) => {
                self.release(at);
                Acknowledged::Expected
            }
            // Released already: the PUBREL is sent once more.
            None if self.ids.contains(packet_id) && !is_error => Acknowledged::Expected,
            None if self.ids.contains(packet_id) => Acknowledged::Wrong,
            None => Acknowledged::Unknown,
        }
    }

    /// PUBCOMP ends a message of QoS 2.
    pub(crate) fn on_pubcomp(&mut self, packet_id: PacketId) -> Acknowledged {
        let position = self.released.iter().position(|released| released.packet_id == packet_id);
        match position.and_then(|at| self.released.remove(at)) {
            Some(released) => {
                self.ids.release(packet_id);
                self.window_used -= usize::from(released.is_in_window);
                Acknowledged::Expected
            }
            None if self.ids.contains(packet_id) => Acknowledged::Wrong,
            None => Acknowledged::Unknown,
        }
    }

    fn sent_position(&self, packet_id: PacketId) -> Option<usize> {
        self.sent.iter().position(|sent| sent.packet_id == packet_id)
    }

    /// Moves a message on to the released; only its identifier is left of it.
    fn release(&mut self, at: usize) {
        let Some(sent) = self.sent.remove(at) else { return };
        self.size -= sent.delivery.size();
        let is_in_window = sent.sequence < self.replay_from;
        self.released.push_back(Released { packet_id: sent.packet_id, is_in_window });
    }

    fn remove_sent(&mut self, at: usize) {
        let Some(sent) = self.sent.remove(at) else { return };
        self.size -= sent.delivery.size();
        self.ids.release(sent.packet_id);
        if sent.sequence < self.replay_from {
            self.window_used -= 1;
        }
    }
}

/// The earlier of two points in time that may not be there.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests;
