//! One outgoing message, and where it is.

use core::fmt;

use bytes::Bytes;
use mqtt_parts::Instant;
use mqtt_proto::{PacketId, QoS, ReasonCode};

use super::frames::FrameAt;
use crate::event::Ticket;
use crate::frame::Shape;

/// One message.
pub(super) struct Entry {
    pub(super) ticket: Ticket,
    pub(super) place: Place,
    pub(super) qos: QoS,
    /// Whether somebody waits for its end.
    pub(super) is_awaited: bool,
    /// Connections in a row that broke while it was under way.
    pub(super) failures: u8,
    /// When it first went out.
    pub(super) sent_at: Instant,
    pub(super) frame_at: FrameAt,
    pub(super) frame_len: u32,
    pub(super) shape: Shape,
    pub(super) payload: Option<Bytes>,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To be sent; `was_sent` in a session that the server has lost since.
    Waiting { was_sent: bool },
    /// Sent and not answered; `is_due` to be repeated on this connection.
    Sent { packet_id: PacketId, is_due: bool },
    /// QoS 2 between PUBREC and PUBCOMP; `is_due` if its PUBREL is to be repeated on this connection.
    Released { packet_id: PacketId, is_due: bool, release: Release },
    /// Under way whenever a connection broke. It keeps its identifier, until the server has lost the session.
    Quarantined { packet_id: Option<PacketId>, release: Option<Release> },
    /// Ended.
    Tombstone,
}

/// A PUBREC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// Counts PUBRECs, so that PUBRELs are repeated in their order.
    pub(super) order: u32,
    /// Says whether there were subscribers.
    pub(super) reason: ReasonCode,
}

impl Place {
    /// Its number among the places.
    pub(super) const fn kind(self) -> usize {
        match self {
            Place::Waiting { .. } => WAITING,
            Place::Sent { is_due, .. } => SENT + is_due as usize,
            Place::Released { is_due, .. } => RELEASED + is_due as usize,
            Place::Quarantined { .. } => QUARANTINED,
            Place::Tombstone => TOMBSTONE,
        }
    }

    pub(super) const fn packet_id(self) -> Option<PacketId> {
        match self {
            Place::Sent { packet_id, .. } | Place::Released { packet_id, .. } => Some(packet_id),
            Place::Quarantined { packet_id, .. } => packet_id,
            Place::Waiting { .. } | Place::Tombstone => None,
        }
    }

    /// Where a message is that was quarantined here, once it is under way again.
    pub(super) const fn resumed(self, is_due: bool) -> Place {
        match self {
            Place::Quarantined { packet_id: Some(packet_id), release: Some(release) } => {
                Place::Released { packet_id, is_due, release }
            }
            Place::Quarantined { packet_id: Some(packet_id), release: None } => {
                Place::Sent { packet_id, is_due }
            }
            Place::Quarantined { packet_id: None, .. } => Place::Waiting { was_sent: true },
            place => place,
        }
    }

    /// Whether the frame is not needed any more.
    pub(super) const fn is_without_frame(self) -> bool {
        matches!(
            self,
            Place::Released { .. } | Place::Quarantined { release: Some(_), .. } | Place::Tombstone
        )
    }
}

pub(super) const WAITING: usize = 0;
pub(super) const SENT: usize = 1;
pub(super) const SENT_DUE: usize = SENT + 1;
pub(super) const RELEASED: usize = 3;
pub(super) const RELEASED_DUE: usize = RELEASED + 1;
pub(super) const QUARANTINED: usize = 5;
pub(super) const TOMBSTONE: usize = 6;

/// A message counts as so many bytes more than its packet has.
pub(super) const OVERHEAD: usize = size_of::<Entry>();

impl Entry {
    pub(super) fn packet_size(&self) -> usize {
        self.frame_len as usize + self.payload.as_ref().map_or(0, Bytes::len)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.place, Place::Waiting { .. })
    }

    /// Whether it is to be repeated on this connection.
    pub(super) const fn is_due(&self) -> bool {
        matches!(self.place, Place::Sent { is_due: true, .. } | Place::Released { is_due: true, .. })
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { ticket, place, qos, is_awaited, failures, sent_at, frame_len, .. } = self;
        write!(f, "{ticket:?} {place:?} {qos} {is_awaited} {failures} {sent_at:?} {frame_len}")
    }
}
