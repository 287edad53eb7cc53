//! What is drawn from a seed before a simulation begins: how many clients, their settings, the broker's, and when
//! the faults end.

use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_memory::{Faults, Lost, Options, QoS, QueuePolicy, Rng, Version, broker};

/// Everything that is decided before the first step.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What goes wrong on the network.
    pub faults: Faults,
    /// The broker's settings.
    pub broker: broker::Config,
    /// How long things go wrong.
    pub storm: Duration,
    /// The clients.
    pub clients: Vec<Plan>,
    /// Whether another client takes sessions over.
    pub has_thief: bool,
}

/// One client.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The client identifier, also its part of topics.
    pub name: String,
    /// Its settings.
    pub options: Options,
    /// Messages that it publishes while things go wrong.
    pub messages: usize,
    /// Longest time between them.
    pub pause: Duration,
    /// What it subscribes to.
    pub filters: Vec<(String, QoS)>,
    /// Longest time that its reader takes for a message.
    pub reads_within: Duration,
    /// Whether it now and then drops a subscription and asks for it anew.
    pub changes_mind: bool,
    /// Whether it now and then disconnects and comes back.
    pub goes_away: bool,
}

impl Scenario {
    /// What the seed has in store; `clients` overrides how many clients there are.
    pub fn draw(seed: u64, clients: Option<usize>) -> Scenario {
        let mut rng = Rng::new(seed ^ 0x5ce0);
        let count = clients.unwrap_or(1 + rng.below(4) as usize);
        let faults = match rng.below(10) {
            0 => Faults::none(),
            1..=5 => Faults::network(),
            _ => Faults::all(),
        };
        let storm = Duration::from_secs(20 + rng.below(80));
        let broker = broker_config(&mut rng);
        let names: Vec<String> = (0..count).map(|number| format!("c{number}")).collect();
        let clients = names.iter().map(|name| Plan::draw(name, &names, &mut rng)).collect();
        Scenario { faults, broker, storm, clients, has_thief: one_in(&mut rng, 8) }
    }
}

fn broker_config(rng: &mut Rng) -> broker::Config {
    let mut config = broker::Config::default();
    if one_in(rng, 3) {
        config.receive_max = 1 + rng.below(4) as u16;
    }
    if one_in(rng, 3) {
        config.inflight_max = 1 + rng.below(4) as u16;
    }
    if one_in(rng, 4) {
        config.topic_alias_max = rng.below(3) as u16;
    }
    if one_in(rng, 5) {
        config.server_keep_alive_secs = Some(3 + rng.below(10) as u16);
    }
    if one_in(rng, 6) {
        config.session_expiry_secs_max = 5 + rng.below(60) as u32;
    }
    if one_in(rng, 8) {
        config.qos_max = QoS::AtLeastOnce;
    }
    config.identifiers_available = !one_in(rng, 4);
    config.shared_available = !one_in(rng, 8);
    config.retain_available = !one_in(rng, 8);
    config.queues_qos0_offline = one_in(rng, 4);
    config
}

impl Plan {
    fn draw(name: &str, names: &[String], rng: &mut Rng) -> Plan {
        let mut filters = Vec::new();
        for _ in 0..rng.below(4) {
            let other = &names[rng.below(names.len() as u64) as usize];
            let filter = match rng.below(6) {
                0 => "t/#".into(),
                1 => format!("t/+/{}", rng.below(3)),
                2 => format!("t/{other}/#"),
                3 => format!("t/{other}/{}", rng.below(3)),
                4 => "r/#".into(),
                _ => "$share/group/t/#".into(),
            };
            if filters.iter().all(|(known, _)| *known != filter) {
                filters.push((filter, qos(rng)));
            }
        }
        Plan {
            name: name.into(),
            options: options(name, rng),
            messages: rng.below(25) as usize,
            pause: Duration::from_millis(1 + rng.below(6000)),
            filters,
            reads_within: Duration::from_millis(if one_in(rng, 3) { rng.below(2000) } else { 0 }),
            changes_mind: one_in(rng, 4),
            goes_away: one_in(rng, 6),
        }
    }
}

fn options(name: &str, rng: &mut Rng) -> Options {
    let version = match rng.below(10) {
        0..=4 => Version::V5_0,
        5..=8 => Version::V3_1_1,
        _ => Version::V3_1,
    };
    // A server of 3.1 cannot say whether it has kept a session, so that keeping one there promises nothing.
    let is_clean = version == Version::V3_1 || one_in(rng, 4);
    let mut options = Options::new("broker").client_id(name).version(version).clean_session(is_clean);
    let config = &mut options.config;
    if version == Version::V5_0 && one_in(rng, 4) {
        config.session_expiry_secs = Some(1 + rng.below(100) as u32);
    }
    config.keep_alive_secs = [0, 2, 5, 10, 30][rng.below(5) as usize];
    config.network_timeout = Duration::from_millis(1000 + rng.below(5000));
    config.reconnect.after = Duration::from_millis(50 + rng.below(3000));
    config.reconnect.after_max = RECONNECT_MAX.min(config.reconnect.after * (1 + rng.below(8) as u32));
    config.reconnect.stable_after = Duration::from_secs(rng.below(30));
    config.reconnect.retry_first = true;
    if one_in(rng, 3) {
        config.receive_maximum = small(rng);
    }
    if one_in(rng, 3) {
        config.in_flight_max = Some(small(rng));
    }
    if one_in(rng, 4) {
        config.packet_size_max = 150 + rng.below(100) as u32;
    }
    config.topic_aliases_max = rng.below(4) as u16;
    config.topic_alias_maximum = rng.below(4) as u16;
    config.subscription_identifiers = !one_in(rng, 3);
    if one_in(rng, 5) {
        config.queue_messages_max = 1 + rng.below(5) as usize;
    }
    config.queue_policy = match rng.below(10) {
        0 => QueuePolicy::DropOldestQoS0,
        1 => QueuePolicy::KeepAboveQoS0,
        2 => QueuePolicy::RefuseOffline,
        _ => QueuePolicy::Refuse,
    };
    if one_in(rng, 3) {
        config.acknowledgement_timeout = Some(Duration::from_secs(5 + rng.below(20)));
    }
    if one_in(rng, 6) {
        config.session_loss.never_sent = Lost::End;
    }
    if one_in(rng, 6) {
        config.session_loss.at_least_once = Lost::End;
    }
    options
}

/// Any QoS.
pub fn qos(rng: &mut Rng) -> QoS {
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][rng.below(3) as usize]
}

/// True once in so many times.
pub fn one_in(rng: &mut Rng, times: u64) -> bool {
    rng.below(times) == 0
}

fn small(rng: &mut Rng) -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(rng.below(4) as u16)
}

/// Longest wait between attempts to connect.
pub const RECONNECT_MAX: Duration = Duration::from_secs(15);

/// Once the faults have ended, everything is settled within this time.
///
/// An acknowledgement that never comes is noticed after a minute, a dead link after a keep alive and a network
/// timeout, and then come a wait, a dial and the exchange itself.
pub const SETTLES_WITHIN: Duration = Duration::from_secs(150);
