//! Faults on purpose, so that the tests can be tested: each names a promise that the session then breaks.
//!
//! Without the feature `planted` every question is answered with a constant `false` and costs nothing. With it, one
//! fault for the whole process can be chosen, or none.

/// What the session does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[cfg_attr(not(feature = "planted"), expect(unreachable_pub, reason = "it is public with the feature"))]
pub enum Planted {
    /// A PUBREC is not answered.
    ForgetPubrel = 1,
    /// A PUBREL is not repeated after a reconnect.
    ForgetPubrelOnReplay,
    /// A packet identifier is given back as soon as it is used.
    ReuseIdentifier,
    /// A message is acknowledged before the application has taken it.
    AcknowledgeBeforeDelivery,
    /// A message that is to be sent again is not.
    DropOnReplay,
    /// What is sent again has no DUP flag.
    NoDupOnReplay,
    /// What is sent again goes out in the opposite order.
    ReplayBackwards,
    /// Topic aliases of the last connection are used on the next one.
    KeepAliases,
    /// A QoS 2 message that comes again is delivered again.
    DeliverTwice,
    /// A QoS 2 message that comes again is not answered.
    IgnoreRepetition,
    /// A QoS 1 message that comes again is dropped.
    DropRepetition,
    /// Subscriptions that the server has lost are not asked for again.
    ForgetSubscriptions,
    /// A SUBSCRIBE that was cut off is not repeated.
    ForgetSubscribe,
    /// More messages are under way than the server allows.
    IgnoreReceiveMaximum,
    /// The window never opens again.
    LeakWindow,
    /// A message that was never sent is lost when the connection is.
    LoseNeverSent,
    /// An operation ends twice.
    EndTwice,
    /// A QoS 2 message never ends.
    NeverEnd,
    /// A message counts as done when it is sent.
    EndWhenSent,
    /// A message that was sent is called rejected when its time is over.
    CallItRejected,
    /// No pings.
    NoPing,
    /// An unanswered ping changes nothing.
    IgnorePingTimeout,
    /// The server is believed to have kept the session.
    BelieveSessionPresent,
    /// A repetition counts as a message.
    CountRepetition,
    /// Bytes are counted twice.
    CountBytesTwice,
    /// The queue has no bound.
    UnboundedQueue,
    /// Acknowledgements go out in the opposite order.
    AcknowledgeBackwards,
}

impl Planted {
    /// All of them.
    #[cfg(feature = "planted")]
    pub const ALL: [Planted; 27] = [
        Planted::ForgetPubrel,
        Planted::ForgetPubrelOnReplay,
        Planted::ReuseIdentifier,
        Planted::AcknowledgeBeforeDelivery,
        Planted::DropOnReplay,
        Planted::NoDupOnReplay,
        Planted::ReplayBackwards,
        Planted::KeepAliases,
        Planted::DeliverTwice,
        Planted::IgnoreRepetition,
        Planted::DropRepetition,
        Planted::ForgetSubscriptions,
        Planted::ForgetSubscribe,
        Planted::IgnoreReceiveMaximum,
        Planted::LeakWindow,
        Planted::LoseNeverSent,
        Planted::EndTwice,
        Planted::NeverEnd,
        Planted::EndWhenSent,
        Planted::CallItRejected,
        Planted::NoPing,
        Planted::IgnorePingTimeout,
        Planted::BelieveSessionPresent,
        Planted::CountRepetition,
        Planted::CountBytesTwice,
        Planted::UnboundedQueue,
        Planted::AcknowledgeBackwards,
    ];
}

#[cfg(feature = "planted")]
static CHOSEN: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(0);

/// Has every session of this process do something wrong, or nothing any more.
#[cfg(feature = "planted")]
pub fn plant(fault: Option<Planted>) {
    CHOSEN.store(fault.map_or(0, |fault| fault as u8), core::sync::atomic::Ordering::Relaxed);
}

/// Whether this fault was chosen.
#[inline]
pub(crate) fn is(fault: Planted) -> bool {
    #[cfg(feature = "planted")]
    let chosen = CHOSEN.load(core::sync::atomic::Ordering::Relaxed);
    #[cfg(not(feature = "planted"))]
    let chosen = 0;
    fault as u8 == chosen
}
