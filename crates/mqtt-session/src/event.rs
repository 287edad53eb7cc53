//! What a session reports to its application: where the connection stands, how operations ended, and messages.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU64;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{
    Context, Packet, PacketId, PacketKind, Properties, QoS, ReasonCode, Sender, Version, decode,
};
use thiserror::Error;

use crate::authentication::{AuthStage, AuthStep};
use crate::error::{Indeterminate, OfflineCause, Rejected};

/// Names an operation of the application; later ones have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(NonZeroU64);

impl Ticket {
    /// The number, from 1.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The ticket of that number, so that one can be kept as a number; none for 0.
    pub const fn from_number(number: u64) -> Option<Ticket> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Ticket(number)),
            None => None,
        }
    }

    /// The ticket after `count` others.
    #[inline]
    pub(crate) const fn after(count: u64) -> Ticket {
        Ticket(NonZeroU64::MIN.saturating_add(count))
    }

    #[inline]
    pub(crate) const fn next(self) -> Ticket {
        Ticket(self.0.saturating_add(1))
    }
}

/// Something the application should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server has accepted the connection.
    Online {
        /// Whether the server resumed a session from before.
        session_present: bool,
    },
    /// The connection has ended, or an attempt to connect has failed.
    Offline {
        /// Why.
        cause: OfflineCause,
        /// When the next attempt starts; none if there is no further attempt.
        retry_at: Option<Instant>,
    },
    /// An operation has ended. Each ticket ends exactly once, except that with a journal a message that went on after it
    /// had ended as [`Indeterminate::TimedOut`] or [`Indeterminate::Disconnected`] ends once more when it is known how.
    Ended {
        /// Which.
        ticket: Ticket,
        /// How.
        outcome: Outcome,
    },
    /// Connections broke whenever an operation was under way: it is quarantined, and everything else goes on.
    ///
    /// It has not ended: [`crate::Input::Retry`] or [`crate::Input::GiveUp`] decides about it.
    Quarantined {
        /// Which.
        ticket: Ticket,
        /// What speaks against it.
        report: QuarantineReport,
    },
    /// A message has arrived.
    Message(Message),
    /// An authentication waits for [`crate::Input::Authenticate`], for as long as `network_timeout`.
    Authentication {
        /// Names the question.
        step: AuthStep,
        /// What is asked.
        stage: AuthStage,
    },
    /// The server has more messages under way than [`crate::Config::receive_maximum`] allows. They are taken all the
    /// same. Reported once for each connection. [5.0 MQTT-3.3.4-9]
    ReceiveMaximumExceeded {
        /// Messages that are not acknowledged.
        unacknowledged: usize,
    },
    /// The server has sent a QoS 2 message under an identifier whose last message it has not released, and without
    /// DUP: the message counts as a repetition and is not delivered. [5.0 MQTT-2.2.1-4] [5.0 MQTT-3.3.1-1]
    IdentifierReused {
        /// Which.
        packet_id: PacketId,
    },
    /// A subscription that was made anew after a reconnect was refused, so that no messages come for it any more.
    SubscriptionRefused {
        /// Which.
        filter: Box<str>,
        /// Why.
        why: Rejected,
    },
    /// So many connections in a row ended because the server sent what cannot be taken, such as the same message that
    /// is larger than [`crate::Config::packet_size_max`]. Reported at the third, the sixth, the twelfth and so on.
    FaultRepeated {
        /// How they ended.
        cause: OfflineCause,
        /// How many.
        connections: u32,
    },
    /// CONNECT waits for [`crate::Input::SetCredentials`], for as long as `network_timeout`.
    CredentialsWanted {
        /// Which link they are for.
        attempt: u64,
    },
}

/// What speaks against an operation that is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantineReport {
    /// The packet that was not answered.
    pub packet: PacketKind,
    /// Connections in a row that broke while it was under way.
    pub failures: u8,
    /// How the last of them ended.
    pub last_cause: OfflineCause,
    /// Whether nothing else was under way on the last of them.
    pub was_alone: bool,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Outcome {
    /// It took effect. The code is the server's: success, a granted QoS, or that there are no subscribers.
    ///
    /// A QoS 0 message is done when it was handed to the transport.
    #[error("done: {0}")]
    Done(ReasonCode),
    /// It took no effect, for certain.
    #[error("rejected: {0}")]
    Rejected(Rejected),
    /// Nobody can say whether it took effect.
    #[error("indeterminate: {0}")]
    Indeterminate(Indeterminate),
}

impl Outcome {
    /// What the server's reason code means for an operation. "No matching subscribers" is success.
    pub(crate) fn of(reason: ReasonCode) -> Outcome {
        if reason.is_error() { Outcome::Rejected(Rejected::ByServer(reason)) } else { Outcome::Done(reason) }
    }
}

/// Stands for a QoS 1 or 2 message that waits for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Counts arrivals.
    pub(crate) arrival: u64,
    pub(crate) packet_id: PacketId,
    pub(crate) qos: QoS,
    /// Counts sessions at the server, so that a receipt of a lost one acknowledges nothing.
    pub(crate) session: u32,
}

impl Receipt {
    /// QoS of the message.
    pub const fn qos(&self) -> QoS {
        self.qos
    }

    /// A number that stands for the exchange: repetitions of the message on later connections of the session share it.
    pub const fn exchange(&self) -> u16 {
        self.packet_id.get()
    }

    /// Whether the message of this receipt may repeat that of an earlier one: the same exchange in the same session.
    pub fn repeats(&self, earlier: &Receipt) -> bool {
        self.packet_id == earlier.packet_id && self.qos == earlier.qos && self.session == earlier.session
    }
}

/// A message that has arrived. Topic and payload share the bytes that were read.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The whole PUBLISH.
    pub(crate) frame: Bytes,
    /// What its alias stands for, if that alone names it.
    pub(crate) aliased: Option<AliasedTopic>,
    pub(crate) version: Version,
    pub(crate) topic_at: u8,
    pub(crate) topic_len: u16,
    pub(crate) payload_at: u32,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) receipt: Option<Receipt>,
}

/// A topic that aliases stand for; a pointer, so that messages stay small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AliasedTopic(pub(crate) Arc<Vec<u8>>);

impl AsRef<[u8]> for AliasedTopic {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Message {
    /// The name it was published under.
    pub fn topic(&self) -> &str {
        let start = usize::from(self.topic_at);
        let named = &self.frame[start..start + usize::from(self.topic_len)];
        let topic = self.aliased.as_ref().map_or(named, AsRef::as_ref);
        core::str::from_utf8(topic).expect("decoding has checked it")
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.frame[self.payload_at as usize..]
    }

    /// The payload, reference-counted; it keeps alive what was read together with it.
    pub fn payload_bytes(&self) -> Bytes {
        self.frame.slice(self.payload_at as usize..)
    }

    /// Size of the PUBLISH as it came, in bytes, fixed header included.
    pub const fn packet_size(&self) -> usize {
        self.frame.len()
    }

    /// QoS of this delivery: the lower of the publisher's and the granted one.
    pub const fn qos(&self) -> QoS {
        self.qos
    }

    /// Whether it is a retained message from before the subscription.
    pub const fn retain(&self) -> bool {
        self.retain
    }

    /// Whether this may be a repetition; with QoS 2 it never reaches the application twice.
    pub const fn dup(&self) -> bool {
        self.dup
    }

    /// 5.0: the properties that the publisher gave it.
    pub fn properties(&self) -> Properties<'_> {
        let context = Context { version: self.version, sender: Some(Sender::Server) };
        match decode(&self.frame, context) {
            Ok(Packet::Publish(publish)) => publish.properties,
            _ => Properties::EMPTY,
        }
    }

    /// 5.0: the Subscription Identifiers of the subscriptions that it is for, where the server has them.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + use<'_> {
        let id_len = if self.qos == QoS::AtMostOnce { 0 } else { 2 };
        let properties_at = usize::from(self.topic_at) + usize::from(self.topic_len) + id_len;
        // A section without properties is one byte, which says so.
        let has_properties = self.version.has_properties() && properties_at + 1 < self.payload_at as usize;
        let properties = if has_properties { self.properties() } else { Properties::EMPTY };
        properties.subscription_identifiers()
    }

    /// Stands for its acknowledgement; none with QoS 0.
    pub const fn receipt(&self) -> Option<Receipt> {
        self.receipt
    }

    /// A copy in memory of its own, so that a small message that stays for long does not pin a large read.
    pub fn detach(&self) -> Message {
        Message { frame: Bytes::copy_from_slice(&self.frame), ..self.clone() }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("dup", &self.dup)
            .field("properties", &self.properties())
            .field("payload_size", &self.payload().len())
            .finish_non_exhaustive()
    }
}
