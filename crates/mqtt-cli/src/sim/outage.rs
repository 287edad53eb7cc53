//! What goes wrong, when, and for how long: drawn from the seed.

use std::time::Duration;

use mqtt_memory::{Rng, World};

/// The names of the two clients.
pub(crate) const PUBLISHER: &str = "publisher";
pub(crate) const SUBSCRIBER: &str = "subscriber";

/// One rehearsed outage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) kind: Kind,
    pub(crate) at: Duration,
    pub(crate) length: Duration,
}

/// What an outage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing gets through between the publisher and the broker.
    PublisherCut,
    SubscriberCut,
    /// The broker is down, and comes back with its sessions.
    BrokerDown,
    /// All connections break at one moment.
    AllCut,
}

const KINDS: [Kind; 4] = [Kind::PublisherCut, Kind::SubscriberCut, Kind::BrokerDown, Kind::AllCut];

impl Kind {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Kind::PublisherCut => "publisher without network",
            Kind::SubscriberCut => "subscriber without network",
            Kind::BrokerDown => "broker down",
            Kind::AllCut => "all connections cut",
        }
    }
}

/// Outages spread over a time, none within another.
pub(crate) fn draw(rng: &mut Rng, count: u32, time: Duration) -> Vec<Outage> {
    let share = time / count.max(1);
    let outage = |number: u32| {
        let kind = KINDS[usize::try_from(rng.next_u64() % KINDS.len() as u64).unwrap_or_default()];
        let length =
            if kind == Kind::AllCut { Duration::ZERO } else { share / 10 + rng.duration_up_to(share / 3) };
        let room = share.saturating_sub(length + share / 10);
        Outage { kind, at: share * number + rng.duration_up_to(room), length }
    };
    (0..count).map(outage).collect()
}

/// Lets the outages happen, one after the other.
pub(crate) async fn rehearse(world: World, outages: Vec<Outage>) {
    let mut now = Duration::ZERO;
    for Outage { kind, at, length } in outages {
        world.sleep(at.saturating_sub(now)).await;
        set(&world, kind, true);
        world.sleep(length).await;
        set(&world, kind, false);
        now = at + length;
    }
}

fn set(world: &World, kind: Kind, is_out: bool) {
    match (kind, is_out) {
        (Kind::PublisherCut, is_out) => world.partition(PUBLISHER, is_out),
        (Kind::SubscriberCut, is_out) => world.partition(SUBSCRIBER, is_out),
        (Kind::BrokerDown, true) => world.stop_broker(true),
        (Kind::BrokerDown, false) => world.start_broker(),
        (Kind::AllCut, true) => _ = world.cut_all(),
        (Kind::AllCut, false) => {}
    }
}
