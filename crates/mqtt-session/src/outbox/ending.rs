//! What becomes of messages when a connection, a session, or the client itself ends.

use mqtt_proto::QoS;

use super::entry::{Entry, Place};
use super::{Outbox, Repeat};
use crate::config::{Lost, QueuePolicy, SessionLoss};
use crate::error::{Indeterminate, OfflineCause, Rejected};
use crate::event::Outcome;
use crate::events::Events;
use crate::record::Record;

impl Outbox {
    /// The connection is gone; nothing is repeated before the server has said whether the session is present.
    pub(crate) fn on_connection_lost(
        &mut self,
        cause: OfflineCause,
        policy: QueuePolicy,
        events: &mut Events,
    ) {
        self.forget_connection();
        let is_dropped = |qos| match policy {
            QueuePolicy::Refuse | QueuePolicy::DropOldestQoS0 => false,
            QueuePolicy::KeepAboveQoS0 => qos == QoS::AtMostOnce,
            QueuePolicy::RefuseOffline => true,
        };
        if is_dropped(QoS::AtMostOnce) {
            self.end_never_sent(is_dropped, Rejected::Offline(cause), events);
        }
    }

    fn forget_connection(&mut self) {
        self.isolated = None;
        self.repeat = Repeat::Nothing;
        self.set_due(false);
    }

    /// Whether what was sent or released is to be repeated.
    fn set_due(&mut self, is_due: bool) {
        self.store.visit(|entry| match entry.place {
            Place::Sent { packet_id, .. } => Place::Sent { packet_id, is_due },
            Place::Released { packet_id, release, .. } => Place::Released { packet_id, is_due, release },
            place @ (Place::Waiting { .. } | Place::Quarantined { .. } | Place::Tombstone) => place,
        });
    }

    fn end_never_sent(&mut self, is_meant: impl Fn(QoS) -> bool, why: Rejected, events: &mut Events) {
        self.store.visit(|entry| match entry.place {
            Place::Waiting { was_sent: false } if is_meant(entry.qos) => end_never_sent(entry, why, events),
            place => place,
        });
    }

    /// The session is present: what was sent or released on earlier connections goes out again.
    pub(crate) fn start_repeating(&mut self) {
        self.repeat = Repeat::Pubrels;
        self.set_due(true);
    }

    /// The server lost the session. What becomes of its messages is a matter of policy; what QoS 2 came to that the
    /// server had taken is unknown, and its payload is gone.
    pub(crate) fn on_session_lost(&mut self, policy: SessionLoss, events: &mut Events) {
        self.forget_connection();
        events.ids.release_all(self.store.release_reserved());
        self.store.visit(|entry| {
            let place = entry.place;
            events.ids.release_all(place.packet_id());
            let fate = match entry.qos {
                QoS::ExactlyOnce => policy.exactly_once,
                QoS::AtMostOnce | QoS::AtLeastOnce => policy.at_least_once,
            };
            let is_resent = fate == Lost::Resend && entry.is_awaited;
            match place {
                Place::Waiting { .. } | Place::Tombstone => place,
                Place::Sent { .. } if is_resent => Place::Waiting { was_sent: true },
                Place::Quarantined { release: None, .. } if is_resent => {
                    Place::Quarantined { packet_id: None, release: None }
                }
                Place::Sent { .. } | Place::Released { .. } | Place::Quarantined { .. } => {
                    end_sent(entry, Indeterminate::SessionLost, events)
                }
            }
        });
    }

    /// A session was lost, and what was never sent shares its fate.
    pub(crate) fn end_queue_with_session(&mut self, policy: SessionLoss, events: &mut Events) {
        if policy.never_sent == Lost::End {
            self.end_never_sent(|_| true, Rejected::SessionLost, events);
        }
    }

    /// The client stops for good: everything is reported. If the server keeps the session, exchanges go on with the
    /// next connection, so that nothing is doubled and no identifier means two messages; otherwise nothing stays. With a
    /// journal, messages that wait stay too: whoever accepted them for certain sends them once there is a connection.
    ///
    /// [5.0 MQTT-4.4.0-1] [3.1.1 MQTT-4.4.0-1]
    pub(crate) fn on_stopped(&mut self, is_persistent: bool, events: &mut Events) {
        self.forget_connection();
        self.store.visit(|entry| {
            let is_recorded = entry.qos > QoS::AtMostOnce && events.journal().is_some();
            if entry.is_waiting() && is_recorded {
                forget(entry, events);
                return entry.place;
            }
            if entry.place == (Place::Waiting { was_sent: false }) {
                return end_never_sent(entry, Rejected::Disconnected, events);
            }
            let place = entry.place.resumed(false);
            let Some(packet_id) = place.packet_id().filter(|_| is_persistent) else {
                events.ids.release_all(place.packet_id());
                return end_sent(entry, Indeterminate::Disconnected, events);
            };
            debug_assert!(events.ids.contains(packet_id), "it is in use");
            entry.failures = 0;
            forget(entry, events);
            place
        });
        if !is_persistent {
            events.ids.release_all(self.store.release_reserved());
        }
    }
}

/// The client stops, and the message goes on. What becomes of it is of interest only to a later program.
fn forget(entry: &mut Entry, events: &mut Events) {
    if entry.is_awaited {
        entry.is_awaited = events.journal().is_some();
        events.end(entry.ticket, Outcome::Indeterminate(Indeterminate::Disconnected));
    }
}

fn end_never_sent(entry: &Entry, why: Rejected, events: &mut Events) -> Place {
    if entry.qos > QoS::AtMostOnce {
        events.record(Record::Ended { ticket: entry.ticket });
    }
    events.end(entry.ticket, Outcome::Rejected(why));
    Place::Tombstone
}

fn end_sent(entry: &Entry, why: Indeterminate, events: &mut Events) -> Place {
    events.record(Record::Ended { ticket: entry.ticket });
    if entry.is_awaited {
        events.end(entry.ticket, Outcome::Indeterminate(why));
    }
    Place::Tombstone
}
