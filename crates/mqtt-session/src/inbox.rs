//! Messages from the server that wait for their acknowledgement, and QoS 2 messages that must not arrive twice.
//!
//! Acknowledgements go out in the order in which the messages arrived, in whatever order the application
//! acknowledges them. A QoS 2 identifier is known from its PUBLISH until its PUBREL, across connections; a
//! repetition is answered but not delivered. Nothing of a lost connection is acknowledged on the next one, except
//! that a repeated QoS 2 message which the application has taken meanwhile is answered at once.
//!
//! A message that the application had no room for is *left*: it is not acknowledged, holds back what came later, and
//! comes again on the next connection of the session.

mod audit;

use alloc::collections::{BTreeMap, VecDeque};

use mqtt_parts::{AliasesIn, PacketIds};
use mqtt_proto::{PacketId, QoS, ReasonCode};

use crate::event::{AliasedTopic, Receipt};
use crate::lazy::unused;

/// Messages that have arrived and are not yet acknowledged.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// In the order of arrival on this connection; the first is the oldest not yet acknowledged.
    arrivals: VecDeque<Arrival>,
    /// Those of `arrivals` that repeat a QoS 2 message.
    repeated: usize,
    /// Number of the first of `arrivals`.
    first: u64,
    /// QoS 2 identifiers between PUBLISH and PUBREL.
    known: PacketIds,
    /// Those of `known` that the application has not yet acknowledged.
    held: PacketIds,
    /// Those of `held` that were delivered on an earlier connection, with the number of their arrival there.
    carried: BTreeMap<PacketId, u64>,
    /// QoS 2 identifiers that were published on this connection and not yet completed.
    open: PacketIds,
    /// QoS 2 messages that the application has refused and the server does not know of yet.
    refused: BTreeMap<PacketId, ReasonCode>,
    /// Messages that the server counts against its window on this connection.
    in_flight: usize,
    /// QoS 2 identifiers whose PUBREC went out on this connection and whose PUBREL is awaited, also by a disconnection.
    unreleased: PacketIds,
    /// The same of messages that no disconnection waits for.
    unreleased_late: PacketIds,
    /// Arrivals from this number on came after the request to disconnect, which does not wait for them.
    drain_end: u64,
    /// Whether the server has exceeded the window on this connection.
    is_exceeded: bool,
    /// Counts sessions at the server.
    session: u32,
    /// Topic aliases that the server has set on this connection.
    pub(crate) aliases: AliasesIn<AliasedTopic>,
}

#[derive(Debug)]
struct Arrival {
    packet_id: PacketId,
    qos: QoS,
    is_repeated: bool,
    /// Not taken by the application, and to come again on the next connection.
    is_left: bool,
    /// What the acknowledgement says; none while there is none.
    answer: Option<ReasonCode>,
}

/// What to do with a message that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// Deliver it.
    New(Receipt),
    /// It was delivered before. Without DUP the server has given a new message the identifier of one that is not
    /// released, or repeats one without saying so: a fault of the server either way.
    Duplicate { is_reused: bool },
    /// It is one more than the server may send; nothing has changed.
    TooMany,
}

unused!(Inbox, Inbox::new());

impl Inbox {
    const fn new() -> Inbox {
        Inbox {
            arrivals: VecDeque::new(),
            repeated: 0,
            first: 0,
            known: PacketIds::new(),
            held: PacketIds::new(),
            carried: BTreeMap::new(),
            open: PacketIds::new(),
            refused: BTreeMap::new(),
            in_flight: 0,
            unreleased: PacketIds::new(),
            unreleased_late: PacketIds::new(),
            drain_end: u64::MAX,
            is_exceeded: false,
            session: 0,
            aliases: AliasesIn::new(),
        }
    }

    /// A QoS 1 or 2 message. [5.0 MQTT-4.3.2-4] [5.0 MQTT-4.3.3-8] [5.0 MQTT-4.3.3-10] [3.1.1 MQTT-4.3.3-2]
    pub(crate) fn on_publish(
        &mut self,
        packet_id: PacketId,
        qos: QoS,
        is_dup: bool,
        in_flight_max: u16,
    ) -> Arrived {
        // A repetition on the same connection counts once more, so that they are bounded too.
        let counts = qos != QoS::ExactlyOnce || !self.open.contains(packet_id);
        let in_flight = (self.in_flight + usize::from(counts)).max(self.arrivals.len() + 1);
        if in_flight > usize::from(in_flight_max) {
            return Arrived::TooMany;
        }
        let arrival = self.first + self.arrivals.len() as u64;
        let receipt = Receipt { arrival, packet_id, qos, session: self.session };
        let is_known = qos == QoS::ExactlyOnce && self.known.contains(packet_id);
        let is_answered = is_known && !self.held.contains(packet_id);
        let answer =
            is_answered.then(|| self.refused.get(&packet_id).copied().unwrap_or(ReasonCode::Success));
        self.arrivals.push_back(Arrival { packet_id, qos, is_repeated: is_known, is_left: false, answer });
        self.repeated += usize::from(is_known);
        match qos {
            QoS::ExactlyOnce => {
                self.known.claim(packet_id);
                self.open.claim(packet_id);
            }
            QoS::AtLeastOnce | QoS::AtMostOnce => {}
        }
        self.in_flight += usize::from(counts);
        if is_known {
            return Arrived::Duplicate { is_reused: !is_dup };
        }
        if qos == QoS::ExactlyOnce {
            self.held.claim(packet_id);
        }
        Arrived::New(receipt)
    }

    /// The application has taken or refused a message; a receipt of a lost connection or session changes nothing on
    /// the wire. True for a QoS 2 message, whose answer is to be remembered.
    #[inline]
    pub(crate) fn acknowledge(&mut self, receipt: Receipt, reason: ReasonCode) -> bool {
        if receipt.session != self.session {
            return false;
        }
        let is_here = self.answer_one(&receipt, reason);
        if receipt.qos != QoS::ExactlyOnce {
            return false;
        }
        let is_carried = self.carried.get(&receipt.packet_id) == Some(&receipt.arrival);
        if is_carried {
            self.carried.remove(&receipt.packet_id);
        }
        let is_taken = (is_here || is_carried) && self.held.release(receipt.packet_id);
        if is_taken {
            if reason.is_error() {
                self.refused.insert(receipt.packet_id, reason);
            }
            self.answer_repetitions(&receipt, reason);
        }
        is_taken
    }

    /// The application had no room for a message: it is not acknowledged on this connection, and its repetition on
    /// the next one is a new message. The connection on which it came may be gone by now.
    pub(crate) fn leave(&mut self, receipt: Receipt) {
        let is_exactly_once = receipt.qos == QoS::ExactlyOnce;
        let is_carried = is_exactly_once && self.carried.get(&receipt.packet_id) == Some(&receipt.arrival);
        if receipt.session != self.session || !is_carried && !self.is_current(&receipt) {
            return;
        }
        let is_meant = |arrival: &&mut Arrival| {
            arrival.packet_id == receipt.packet_id && arrival.qos == receipt.qos && arrival.answer.is_none()
        };
        self.arrivals.iter_mut().filter(is_meant).for_each(|arrival| arrival.is_left = true);
        if is_exactly_once {
            self.carried.remove(&receipt.packet_id);
            self.known.release(receipt.packet_id);
            self.held.release(receipt.packet_id);
        }
    }

    /// Whether no acknowledgement can go out any more on this connection, since the first message was left.
    pub(crate) fn is_stuck(&self) -> bool {
        self.arrivals.front().is_some_and(|arrival| arrival.is_left)
    }

    /// Whether the receipt stands for an arrival on this connection that is not acknowledged.
    pub(crate) fn is_current(&self, receipt: &Receipt) -> bool {
        let index = receipt.arrival.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let arrival = index.and_then(|index| self.arrivals.get(index));
        receipt.session == self.session
            && arrival.is_some_and(|arrival| arrival.packet_id == receipt.packet_id)
    }

    /// Messages that have arrived on this connection and are not acknowledged.
    pub(crate) fn arrivals(&self) -> usize {
        self.arrivals.len()
    }

    /// Messages that the server counts against its window, if that is more than it may have under way; once for each
    /// connection.
    pub(crate) fn newly_exceeded(&mut self, receive_maximum: u16) -> Option<usize> {
        let in_flight = self.in_flight.max(self.arrivals.len());
        let is_new = in_flight > usize::from(receive_maximum) && !self.is_exceeded;
        self.is_exceeded |= is_new;
        is_new.then_some(in_flight)
    }

    /// Whether exchanges go on that began before the request to disconnect: PUBREC was sent and PUBREL is awaited.
    pub(crate) fn awaits_release(&self) -> bool {
        !self.unreleased.is_empty()
    }

    /// What arrives from now on is not waited for.
    pub(crate) fn start_drain(&mut self) {
        self.drain_end = self.first + self.arrivals.len() as u64;
    }

    /// An earlier program has taken a QoS 2 message.
    pub(crate) fn rebuild_taken(&mut self, packet_id: PacketId, reason: ReasonCode) {
        self.known.claim(packet_id);
        if reason.is_error() {
            self.refused.insert(packet_id, reason);
        }
    }

    /// The exchange that an earlier program had under that identifier is over.
    pub(crate) fn rebuild_completed(&mut self, packet_id: PacketId) {
        self.known.release(packet_id);
        self.refused.remove(&packet_id);
    }

    /// True if the receipt stands for an arrival on this connection that had no answer.
    fn answer_one(&mut self, receipt: &Receipt, reason: ReasonCode) -> bool {
        let Some(arrival) = self.arrival_mut(receipt) else { return false };
        let is_meant = arrival.packet_id == receipt.packet_id
            && arrival.qos == receipt.qos
            && !arrival.is_repeated
            && arrival.answer.is_none();
        if is_meant {
            arrival.answer = Some(reason);
        }
        is_meant
    }

    /// A QoS 2 message may have arrived several times on this connection.
    fn answer_repetitions(&mut self, receipt: &Receipt, reason: ReasonCode) {
        if self.repeated > 0 {
            let repetitions = self.arrivals.iter_mut().filter(|arrival| {
                arrival.is_repeated && arrival.packet_id == receipt.packet_id && arrival.qos == receipt.qos
            });
            repetitions.for_each(|arrival| arrival.answer = Some(reason));
        }
    }

    /// The arrival that a receipt stands for, if it was on this connection.
    fn arrival_mut(&mut self, receipt: &Receipt) -> Option<&mut Arrival> {
        let index = usize::try_from(receipt.arrival.checked_sub(self.first)?).ok()?;
        self.arrivals.get_mut(index)
    }

    /// The next acknowledgement that may go out. [5.0 MQTT-4.6.0-2] [5.0 MQTT-4.6.0-3] [3.1.1 MQTT-4.6.0-2]
    ///
    /// A refusal ends the exchange, also with QoS 2. [5.0 MQTT-4.3.3-9]
    #[inline]
    pub(crate) fn poll(&mut self) -> Option<(PacketId, QoS, ReasonCode)> {
        debug_assert!(self.repeated <= self.arrivals.len(), "repetitions are arrivals");
        let reason = self.arrivals.front()?.answer?;
        let Arrival { packet_id, qos, is_repeated, .. } = self.arrivals.pop_front()?;
        let is_before_drain = self.first < self.drain_end;
        self.first += 1;
        self.repeated -= usize::from(is_repeated);
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.in_flight -= 1,
            QoS::ExactlyOnce if reason.is_error() => {
                self.known.release(packet_id);
                self.refused.remove(&packet_id);
                self.in_flight -= usize::from(self.open.release(packet_id));
            }
            // The PUBREL of a repetition may have come before.
            QoS::ExactlyOnce if self.open.contains(packet_id) => {
                let unreleased =
                    if is_before_drain { &mut self.unreleased } else { &mut self.unreleased_late };
                unreleased.claim(packet_id);
            }
            QoS::ExactlyOnce => {}
        }
        Some((packet_id, qos, reason))
    }

    /// The server releases a QoS 2 message; the code goes into the PUBCOMP. [5.0 MQTT-4.3.3-11] [5.0 MQTT-4.3.3-12]
    ///
    /// None if no PUBREC went out yet, so that there is nothing to release.
    pub(crate) fn on_pubrel(&mut self, packet_id: PacketId) -> Option<ReasonCode> {
        let is_answered = self.unreleased.release(packet_id) | self.unreleased_late.release(packet_id);
        if self.held.contains(packet_id) || self.open.contains(packet_id) && !is_answered {
            return None;
        }
        if self.open.release(packet_id) {
            self.in_flight -= 1;
        }
        let is_known = self.known.release(packet_id);
        Some(if is_known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound })
    }

    /// Arrivals are numbered on, so that a receipt of the lost connection meets none of the next.
    pub(crate) fn on_connection_lost(&mut self) {
        for (arrival, number) in self.arrivals.drain(..).zip(self.first..) {
            let is_waiting = arrival.answer.is_none() && !arrival.is_repeated && !arrival.is_left;
            if arrival.qos == QoS::ExactlyOnce && is_waiting {
                self.carried.insert(arrival.packet_id, number);
            }
            self.first = number + 1;
        }
        self.aliases.clear();
        self.repeated = 0;
        self.open.clear();
        self.in_flight = 0;
        self.unreleased.clear();
        self.unreleased_late.clear();
        self.drain_end = u64::MAX;
        self.is_exceeded = false;
    }

    pub(crate) fn on_session_lost(&mut self) {
        self.on_connection_lost();
        self.known.clear();
        self.held.clear();
        self.refused.clear();
        self.carried.clear();
        self.session = self.session.wrapping_add(1);
    }
}
