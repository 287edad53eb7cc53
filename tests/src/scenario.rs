//! What is drawn from a seed before a simulation begins: how many clients, their settings, the broker's, and when
//! the faults end.

use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_memory::{Faults, Lost, Options, QoS, QueuePolicy, Rng, Version, Will, broker};
use mqtt_proto::{Property, PropertyOwner};

/// Everything that is decided before the first step.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What goes wrong on the network.
    pub faults: Faults,
    /// The broker's settings.
    pub broker: broker::Config,
    /// Its settings after each restart that forgets all sessions, one after the other; then they stay.
    pub terms: Vec<broker::Config>,
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
    /// How it takes the messages of each.
    pub takers: Vec<Taker>,
    /// Longest time that its reader takes for a message.
    pub reads_within: Duration,
    /// Whether its readers take nothing for a long time now and then.
    pub sleeps: bool,
    /// Whether it now and then drops a subscription and asks for it anew.
    pub changes_mind: bool,
    /// Whether it now and then disconnects and comes back.
    pub goes_away: bool,
    /// Whether its program ends now and then, and another one goes on with its session.
    pub dies: bool,
    /// Whether it publishes many messages at once now and then.
    pub bursts: bool,
}

/// How a program takes the messages of a filter.
#[derive(Clone, Copy, Debug)]
pub struct Taker {
    /// By what.
    pub kind: Kind,
    /// Whether messages are acknowledged when they arrive.
    pub on_arrival: bool,
    /// Whether it subscribes some time after it has connected.
    pub is_late: bool,
    /// Whether a callback panics now and then.
    pub panics: bool,
}

/// What takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stream.
    Stream,
    /// A stream, under guards of which some are dropped.
    Held,
    /// A callback.
    Callback,
    /// `receive`.
    Listen,
}

impl Taker {
    fn draw(rng: &mut Rng) -> Taker {
        let kind = match rng.below(8) {
            0..=3 => Kind::Stream,
            4 | 5 => Kind::Held,
            6 => Kind::Callback,
            _ => Kind::Listen,
        };
        Taker { kind, on_arrival: one_in(rng, 8), is_late: one_in(rng, 4), panics: one_in(rng, 2) }
    }
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
        let has_thief = one_in(&mut rng, 8);
        let terms =
            if one_in(&mut rng, 2) { vec![broker_config(&mut rng), broker_config(&mut rng)] } else { vec![] };
        let mut scenario = Scenario { faults, broker, terms, storm, clients, has_thief };
        let (qos_max, may_retain) = (scenario.qos_max_always(), scenario.may_retain_always());
        for plan in &mut scenario.clients {
            if one_in(&mut rng, 3) {
                plan.options.config.will = Some(will(plan, qos_max, may_retain, &mut rng));
            }
        }
        scenario
    }

    /// All settings of the broker.
    fn all_terms(&self) -> impl Iterator<Item = &broker::Config> {
        std::iter::once(&self.broker).chain(&self.terms)
    }

    /// The highest QoS that the broker takes under all its settings.
    pub fn qos_max_always(&self) -> QoS {
        self.all_terms().map(|terms| terms.qos_max).min().unwrap_or(QoS::AtMostOnce)
    }

    /// Whether the broker takes retained messages under all its settings.
    pub fn may_retain_always(&self) -> bool {
        self.all_terms().all(|terms| terms.retain_available)
    }

    /// The largest packet that the broker takes under all its settings.
    pub fn packet_size_max_always(&self) -> u32 {
        self.all_terms().map(|terms| terms.packet_size_max).min().unwrap_or(0)
    }
}

/// A will that the broker takes whatever its settings: it refuses the CONNECT otherwise.
fn will(plan: &Plan, qos_max: QoS, may_retain: bool, rng: &mut Rng) -> Will {
    let mut will = Will::new(format!("w/{}", plan.name), vec![b'w'; rng.below(40) as usize]);
    will.qos = qos(rng).min(qos_max);
    will.retain = may_retain && one_in(rng, 3);
    if plan.options.config.version == Version::V5_0 && one_in(rng, 2) {
        let delay = Property::WillDelayInterval(rng.below(20) as u32);
        will.properties.push(PropertyOwner::Will, delay).expect("a will may have a delay");
    }
    will
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
    if one_in(rng, 6) {
        config.packet_size_max = 700 + rng.below(2000) as u32;
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
        let options = options(name, rng);
        // What another program would have to know of messages under way, it has no journal for.
        let dies = !options.config.clean_session && one_in(rng, 3);
        Plan {
            name: name.into(),
            options,
            messages: if dies { 0 } else { rng.below(25) as usize },
            pause: Duration::from_millis(1 + rng.below(6000)),
            takers: filters.iter().map(|_| Taker::draw(rng)).collect(),
            filters,
            reads_within: Duration::from_millis(if one_in(rng, 3) { rng.below(2000) } else { 0 }),
            sleeps: one_in(rng, 6),
            changes_mind: one_in(rng, 4),
            goes_away: !dies && one_in(rng, 6),
            dies,
            bursts: one_in(rng, 4),
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
    // Before 5.0 a server cannot know the limit, and sends a larger message on each connection.
    if one_in(rng, 4) && version == Version::V5_0 {
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
    if one_in(rng, 12) {
        config.strict_receive_maximum = true;
    }
    if one_in(rng, 6) {
        config.session_loss.never_sent = Lost::End;
    }
    if one_in(rng, 6) {
        config.session_loss.at_least_once = Lost::End;
    }
    if one_in(rng, 4) {
        options.incoming_bytes_max = if one_in(rng, 2) { 500 } else { 500 + rng.below(8000) as usize };
    }
    options.unclaimed_grace = Duration::from_millis(2000 + rng.below(6000));
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
