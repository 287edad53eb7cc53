//! What a broker holds and what it did, in numbers.

/// What a broker holds now, and what it did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that exist, whatever their state.
    pub connections: usize,
    /// Sessions, with and without connection.
    pub sessions: usize,
    /// Sessions that have a connection.
    pub sessions_online: usize,
    /// Subscriptions of all sessions.
    pub subscriptions: usize,
    /// What counts against [`Config::subscriptions_bytes_max`](crate::Config::subscriptions_bytes_max).
    pub subscriptions_bytes: usize,
    /// Retained messages.
    pub retained: usize,
    /// Retained messages, in bytes of topics, payloads and properties.
    pub retained_bytes: usize,
    /// Messages that wait to be sent, over all sessions.
    pub queued: usize,
    /// Messages that were sent and wait for an acknowledgement, over all sessions.
    pub inflight: usize,
    /// Messages of both kinds, in bytes of topics, payloads and properties; a shared one counts for each session.
    pub queued_bytes: usize,
    /// What counts against [`Config::messages_bytes_max`](crate::Config::messages_bytes_max); a shared message counts once.
    pub messages_bytes: usize,
    /// What counts against [`Config::buffers_bytes_max`](crate::Config::buffers_bytes_max).
    pub buffers_bytes: usize,

    /// Connections that were opened.
    pub connections_opened: u64,
    /// CONNECTs that were refused.
    pub connections_refused: u64,
    /// Whole packets that came in.
    pub packets_in: u64,
    /// Packets that were handed to [`poll_transmit`](crate::Broker::poll_transmit)'s buffer.
    pub packets_out: u64,
    /// Bytes of the packets that came in.
    pub bytes_in: u64,
    /// Bytes of the packets that were handed out.
    pub bytes_out: u64,
    /// Messages that clients published, without repetitions that were recognised.
    pub messages_in: u64,
    /// Messages that were handed out, with repetitions.
    pub messages_out: u64,
    /// Wills that were published.
    pub wills: u64,
    /// Messages dropped for a session because its queue was full.
    pub dropped_queue_full: u64,
    /// Messages dropped for a session because all sessions together had too many.
    pub dropped_total_full: u64,
    /// QoS 0 messages dropped for a session because it had no connection.
    pub dropped_offline: u64,
    /// Messages dropped for a session because their expiry interval had passed.
    pub dropped_expired: u64,
    /// Messages dropped for a session because its client takes no packet of that size.
    pub dropped_too_large: u64,
    /// Messages that were refused, or left out for a session, because of a rule.
    pub dropped_denied: u64,
}
