//! What is logged by `tracing`, with the feature of that name; without it this file is not compiled.
//!
//! Lost messages and stalls are logged at `warn`, the life of connections at `debug`, packets at `trace`: by kind and
//! number, and never their content.

use std::io;

use mqtt_proto::PacketKind;
use mqtt_session::{Event, Stats};
use tracing::{debug, trace, warn};

use crate::connection_events::ConnectionEvent;
use crate::server::Server;

/// A link is being opened.
pub(crate) fn dialling(attempt: u64, server: &Server) {
    debug!(attempt, %server, "opening a link");
}

/// A link is open.
pub(crate) fn opened(attempt: u64) {
    debug!(attempt, "the link is open");
}

/// A link broke, or dialling failed.
pub(crate) fn link_failed(attempt: u64, error: Option<&io::Error>) {
    match error {
        Some(error) => debug!(attempt, %error, "the link failed"),
        None => debug!(attempt, "the link ended"),
    }
}

/// An event of the session, which the application gets too.
pub(crate) fn event(event: &Event) {
    match event {
        Event::Online { session_present } => {
            debug!(session_present, "the server has accepted the connection");
        }
        Event::Offline { cause, retry_at } => {
            debug!(%cause, will_retry = retry_at.is_some(), "there is no connection");
        }
        Event::Quarantined { ticket, report } => {
            debug!(ticket = ticket.get(), ?report, "quarantined");
        }
        Event::Authentication { step, stage } => debug!(step = step.get(), ?stage, "authentication"),
        Event::CredentialsWanted { attempt } => debug!(attempt, "credentials are wanted"),
        Event::Ended { ticket, outcome } => trace!(ticket = ticket.get(), %outcome, "an operation has ended"),
        Event::Message(message) => trace!(qos = %message.qos(), size = message.payload().len(), "a message"),
        _ => {}
    }
}

/// Events that matter also to an application without [`Events`](crate::Events).
pub(crate) fn connection_event(event: &ConnectionEvent) {
    match event {
        ConnectionEvent::MessagesDropped { count } => {
            warn!(count, "messages were dropped: there was no room, since nothing was taken");
        }
        ConnectionEvent::MessagesLeft { count } => {
            warn!(count, "messages were left to the server: there was no room, since nothing was taken");
        }
        ConnectionEvent::MessagesGivenUp { topic, count } => {
            warn!(%topic, count, "messages were given up: no stream, callback or listen took them");
        }
        ConnectionEvent::MessageHandedBack { topic } => {
            warn!(%topic, "a guard was dropped without a word; its message is handed out again");
        }
        ConnectionEvent::Stalled { filter, topic, unacknowledged } => {
            let filter = filter.as_deref().unwrap_or("none");
            warn!(filter, %topic, unacknowledged, "a message is not taken and holds back acknowledgements");
        }
        ConnectionEvent::ReceiveMaximumExceeded { unacknowledged } => {
            warn!(unacknowledged, "the server has more messages under way than the receive maximum");
        }
        ConnectionEvent::IdentifierReused { packet_id } => {
            warn!(packet_id, "the server reuses an identifier; the message counts as a repetition");
        }
        ConnectionEvent::SubscriptionRefused { filter, why } => {
            warn!(%filter, %why, "a subscription was refused after a reconnect");
        }
        ConnectionEvent::FaultRepeated { cause, connections } => {
            warn!(%cause, connections, "connections end by the same fault one after the other");
        }
        ConnectionEvent::Draining { unfinished } => {
            warn!(unfinished, "all handles are gone, and operations have not ended");
        }
        _ => {}
    }
}

/// Packets went or came between two looks at the counters.
pub(crate) fn packets(before: &Stats, after: &Stats) {
    if !tracing::enabled!(tracing::Level::TRACE) {
        return;
    }
    for kind in PacketKind::ALL {
        let sent = after.packets_sent.get(kind) - before.packets_sent.get(kind);
        let received = after.packets_received.get(kind) - before.packets_received.get(kind);
        if sent > 0 {
            trace!(%kind, count = sent, "sent");
        }
        if received > 0 {
            trace!(%kind, count = received, "received");
        }
    }
}
