//! What the programs of a simulation do: they publish, subscribe, read, change their minds, go away and come back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use mqtt_memory::{
    Client, ConnectionEvent, Disconnect, Instant, Message, Properties, Property, Publish, QoS, Rng, Status,
    SubscriptionStatus, Version, World, WorldConfig,
};

use crate::readers::Lives;
use crate::scenario::{Plan, SETTLES_WITHIN, Scenario, one_in, qos};
use crate::story::{ClientEnd, Fact, Meant, Story, merge, message_number, payload, without_unread};

/// Name of the properties by which a message is known again.
const MARK: &str = "mark";

/// What the programs write down.
#[derive(Default)]
pub(crate) struct Notes {
    messages: RefCell<Vec<Meant>>,
    facts: RefCell<Vec<(u64, Instant, usize, Fact)>>,
    pub(crate) streams: Cell<usize>,
    /// Messages whose token is awaited.
    open: Cell<usize>,
    pub(crate) is_over: Cell<bool>,
    /// Whether all is written into the trace too.
    is_traced: bool,
}

/// One client and its program.
pub(crate) struct Actor {
    pub(crate) number: usize,
    pub(crate) plan: Plan,
    /// That of this life.
    client: RefCell<Client>,
    pub(crate) lives: Lives,
    pub(crate) world: World,
    pub(crate) notes: Rc<Notes>,
    queued_most: Cell<usize>,
    /// What its books have said that does not agree.
    disagreements: RefCell<BTreeSet<String>>,
    waiting_most: Cell<usize>,
    /// What the broker takes before 5.0, whatever its settings: QoS, retained messages, bytes of a packet.
    limits: (QoS, bool, u32),
    /// Whether the program wants to be connected.
    wants_connection: Cell<bool>,
    /// Whether it has asked to disconnect and is not back.
    is_away: Cell<bool>,
}

impl Actor {
    fn new(number: usize, scenario: &Scenario, world: &World, notes: Rc<Notes>) -> Actor {
        let plan = scenario.clients[number].clone();
        Actor {
            number,
            client: RefCell::new(world.client(plan.options.clone())),
            plan,
            lives: Lives::default(),
            world: world.clone(),
            notes,
            queued_most: Cell::new(0),
            disagreements: RefCell::default(),
            waiting_most: Cell::new(0),
            limits: (
                scenario.qos_max_always(),
                scenario.may_retain_always(),
                scenario.packet_size_max_always(),
            ),
            wants_connection: Cell::new(true),
            is_away: Cell::new(false),
        }
    }

    /// What is known of the client by now.
    fn end(&self) -> ClientEnd {
        ClientEnd {
            stats: self.client().stats(),
            lives: self.lives.number() + 1,
            queued_most: self.queued_most.get(),
            disagreements: self.disagreements.borrow().iter().cloned().chain(self.client().audit()).collect(),
            waiting_most: self.waiting_most.get(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client.borrow().clone()
    }

    pub(crate) fn note(&self, fact: Fact) {
        if self.notes.is_traced {
            self.world.note(format!("{}: {fact:?}", self.plan.name));
        }
        let entry = (self.world.records_count(), self.world.now(), self.number, fact);
        self.notes.facts.borrow_mut().push(entry);
    }
}

/// The world of a scenario, ready to be run.
pub fn world(seed: u64, scenario: &Scenario) -> World {
    let mut config = WorldConfig::new(seed);
    config.faults = scenario.faults;
    config.broker = scenario.broker.clone();
    World::with(config)
}

/// Runs a scenario to its end and returns its story.
///
/// If `is_traced`, the trace has what the programs did and saw, too.
pub fn live(world: &World, scenario: Scenario, is_traced: bool) -> Story {
    let notes = Rc::new(Notes { is_traced, ..Notes::default() });
    let actors: Vec<Rc<Actor>> = (0..scenario.clients.len())
        .map(|number| Rc::new(Actor::new(number, &scenario, world, Rc::clone(&notes))))
        .collect();
    let mut unsettled = Vec::new();
    let mut healed_at = Instant::ORIGIN;
    let outcome = world.run_until(async {
        for actor in &actors {
            actor.begin();
        }
        world.spawn(trouble(world.clone(), scenario.clone(), Rc::clone(&notes)));
        world.sleep(scenario.storm).await;
        notes.is_over.set(true);
        for actor in &actors {
            actor.wants_connection.set(true);
        }
        world.heal();
        healed_at = world.now();
        settle(world, &actors, &notes, &mut unsettled).await;
        // What works now is shown by one more message of each client and QoS.
        for actor in &actors {
            for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::AtMostOnce] {
                actor.publish(0, qos, false);
            }
        }
        settle(world, &actors, &notes, &mut unsettled).await;
        // Messages whose tokens were dropped are waited for by nobody.
        world.sleep(Duration::from_secs(5)).await;
        for actor in &actors {
            actor.wants_connection.set(false);
            if let Ok(token) = actor.client().disconnect_with(Disconnect::within(Duration::from_secs(5))) {
                token.await;
            }
        }
        world.sleep(Duration::from_secs(1)).await;
    });
    if let Err(stalled) = outcome {
        unsettled.push(stalled.to_string());
    }
    let ends = actors.iter().map(|actor| actor.end()).collect();
    let mut records = Vec::new();
    world.for_each_record(|record| records.push(record.clone()));
    let names: Vec<String> = scenario.clients.iter().map(|plan| plan.name.clone()).collect();
    let steps = without_unread(&names, merge(records.iter(), notes.facts.take()));
    Story { scenario, steps, messages: notes.messages.take(), ends, healed_at, unsettled }
}

/// Waits until nothing is open any more; says what is if it takes too long.
async fn settle(world: &World, actors: &[Rc<Actor>], notes: &Notes, unsettled: &mut Vec<String>) {
    let until = world.now() + SETTLES_WITHIN;
    loop {
        world.sleep(Duration::from_millis(500)).await;
        let open = what_is_open(world, actors, notes);
        if open.is_empty() {
            return;
        }
        if world.now() >= until {
            return unsettled.extend(open);
        }
    }
}

fn what_is_open(world: &World, actors: &[Rc<Actor>], notes: &Notes) -> Vec<String> {
    let mut open = Vec::new();
    if notes.open.get() > 0 {
        open.push(format!("{} tokens are unresolved", notes.open.get()));
    }
    for actor in actors {
        let (name, client) = (&actor.plan.name, actor.client());
        if actor.is_away.get() {
            open.push(format!("{name} has not come back"));
        }
        if !client.is_connected() {
            open.push(format!("{name} is not connected: {}", client.status()));
        }
        let pending = client.pending_subscriptions();
        if pending > 0 {
            open.push(format!("{name} has {pending} subscriptions pending"));
        }
        for (filter, _) in &actor.plan.filters {
            if client.subscription_status(filter).is_some_and(|status| {
                matches!(status, SubscriptionStatus::Wanted | SubscriptionStatus::Pending)
            }) {
                open.push(format!("{name} is not subscribed to {filter}"));
            }
        }
        if client.messages_waiting().0 > 0 {
            open.push(format!("{name} has {} messages that nobody takes", client.messages_waiting().0));
        }
        if client.messages_queued() > 0 {
            open.push(format!("{name} has {} messages waiting", client.messages_queued()));
        }
    }
    let stats = world.broker(|broker, _| broker.stats());
    if stats.queued + stats.inflight > 0 && stats.sessions_online >= stats.sessions {
        open.push(format!("the broker has {} messages queued, {} sent", stats.queued, stats.inflight));
    }
    open
}

/// What happens to the broker and to the links beyond the plans of the links.
async fn trouble(world: World, scenario: Scenario, notes: Rc<Notes>) {
    if scenario.faults == mqtt_memory::Faults::none() {
        return;
    }
    let mut rng = Rng::new(world.random(u64::MAX));
    let mut terms = scenario.terms.iter().enumerate();
    let mut forget = || {
        world.stop_broker(false);
        if let Some((number, config)) = terms.next() {
            world.reconfigure_broker(config.clone());
            notes.facts.borrow_mut().push((world.records_count(), world.now(), 0, Fact::Terms(number)));
        }
    };
    loop {
        world.sleep(rng.duration_up_to(Duration::from_secs(40))).await;
        if notes.is_over.get() {
            return;
        }
        let victim = scenario.clients[rng.below(scenario.clients.len() as u64) as usize].name.clone();
        match rng.below(8) {
            0 | 1 => world.restart_broker(true),
            2 => {
                forget();
                world.start_broker();
            }
            3 => {
                if one_in(&mut rng, 2) {
                    world.stop_broker(true);
                } else {
                    forget();
                }
                world.sleep(rng.duration_up_to(Duration::from_secs(20))).await;
                world.start_broker();
            }
            4 | 5 => {
                world.partition(&victim, true);
                world.sleep(rng.duration_up_to(Duration::from_secs(30))).await;
                world.partition(&victim, false);
            }
            6 if scenario.has_thief => take_over(&world, &victim, &mut rng).await,
            _ => drop(world.cut(&victim)),
        }
    }
}

/// Another client of the same name connects, which ends the session.
async fn take_over(world: &World, victim: &str, rng: &mut Rng) {
    let options = mqtt_memory::Options::new("broker").client_id(victim).clean_session(true);
    let thief = world.client(options);
    if let Ok(token) = thief.connect() {
        // Whether it succeeds is up to the network.
        let _ = token.await;
    }
    world.sleep(rng.duration_up_to(Duration::from_secs(5))).await;
}

impl Actor {
    fn begin(self: &Rc<Self>) {
        let world = &self.world;
        world.spawn(Rc::clone(self).stay_connected());
        world.spawn(Rc::clone(self).watch_memory());
        self.start_life();
        world.spawn(Rc::clone(self).write());
        if self.plan.goes_away {
            world.spawn(Rc::clone(self).go_away());
        }
        if self.plan.dies {
            world.spawn(Rc::clone(self).die());
        }
    }

    fn start_life(self: &Rc<Self>) {
        self.note(Fact::LifeBegins);
        self.spawn_for_life(Rc::clone(self).watch_connection());
        self.connect();
        self.start_readers();
    }

    /// The program ends now and then, in good order or not, and another one begins with the same session.
    async fn die(self: Rc<Self>) {
        loop {
            self.world.sleep(Duration::from_millis(5000 + self.world.random(30_000))).await;
            if self.notes.is_over.get() {
                return;
            }
            self.is_away.set(true);
            self.wants_connection.set(false);
            if self.world.random(2) == 0
                && let Ok(token) = self.client().disconnect_within(Duration::from_millis(500))
            {
                token.await;
            }
            self.lives.end();
            // Its tasks are dropped at once, and then its last handle.
            self.world.sleep(Duration::from_millis(1)).await;
            let next = self.world.client(self.plan.options.clone());
            drop(self.client.replace(next));
            // What the program has left may still go out within the network timeout, on links of the same name.
            let last_words = self.plan.options.config.network_timeout + Duration::from_secs(1);
            self.world.sleep(last_words + Duration::from_millis(self.world.random(8000))).await;
            self.wants_connection.set(true);
            self.is_away.set(false);
            self.start_life();
        }
    }

    fn connect(self: &Rc<Self>) {
        let Ok(token) = self.client().connect() else { return };
        let actor = Rc::clone(self);
        self.world.spawn(async move {
            if let Err(error) = token.await {
                actor.note(Fact::NotConnected(error));
            }
        });
    }

    /// Connects again whenever the client has given up and the program wants to be connected.
    async fn stay_connected(self: Rc<Self>) {
        loop {
            self.world.sleep(Duration::from_millis(100 + self.world.random(2000))).await;
            let wants_connection = self.wants_connection.get() && !self.is_away.get();
            if wants_connection && self.client().status() == Status::Idle {
                self.connect();
            }
        }
    }

    async fn watch_connection(self: Rc<Self>) {
        let mut events = self.client().events();
        while let Some(event) = events.next().await {
            match event {
                ConnectionEvent::Online { .. } => self.note(Fact::Online),
                ConnectionEvent::Offline { cause, .. } => self.note(Fact::Offline(cause)),
                event => self.note(Fact::Event(event)),
            }
        }
    }

    async fn watch_memory(self: Rc<Self>) {
        loop {
            self.world.sleep(Duration::from_millis(700)).await;
            let client = self.client();
            self.queued_most.set(self.queued_most.get().max(client.messages_queued()));
            self.disagreements.borrow_mut().extend(client.audit());
            self.waiting_most.set(self.waiting_most.get().max(client.messages_waiting().1));
        }
    }

    async fn write(self: Rc<Self>) {
        let mut rng = Rng::new(self.world.random(u64::MAX));
        for _ in 0..self.plan.messages {
            self.world.sleep(rng.duration_up_to(self.plan.pause)).await;
            if self.notes.is_over.get() {
                return;
            }
            for _ in 0..=rng.below(3) {
                let size = match rng.below(48) {
                    0 => rng.below(20_000),
                    1..7 => rng.below(400),
                    _ => rng.below(64),
                };
                self.publish(size as usize, qos(&mut rng), one_in(&mut rng, 6));
            }
            if self.plan.bursts && one_in(&mut rng, 5) {
                for _ in 0..rng.below(60) {
                    self.publish(rng.below(600) as usize, QoS::AtMostOnce, false);
                }
            }
        }
    }

    /// Whether a message has the payload and the properties that were published.
    pub(crate) fn is_intact(&self, message: &Message) -> bool {
        let number = message_number(message.payload());
        let messages = self.notes.messages.borrow();
        let Some(meant) = messages.get(number as usize) else { return false };
        let mark = number.to_string();
        let found = message.properties();
        let is_told = self.plan.options.config.version == Version::V5_0;
        let expected = (meant.has_properties && is_told).then_some(mark.as_str());
        let marks: Vec<_> = found.user_properties().collect();
        found.content_type() == expected.map(|_| MARK)
            && marks == expected.map(|mark| (MARK, mark)).into_iter().collect::<Vec<_>>()
            && message.payload()[..] == payload(number, meant.size)
    }

    /// Waits for a token, which must resolve.
    pub(crate) fn wait_for<T: 'static>(
        self: &Rc<Self>,
        token: impl Future<Output = T> + 'static,
        on_end: impl FnOnce(&Actor, T) + 'static,
    ) {
        self.notes.open.set(self.notes.open.get() + 1);
        let actor = Rc::clone(self);
        self.world.spawn(async move {
            let outcome = token.await;
            actor.notes.open.set(actor.notes.open.get() - 1);
            on_end(&actor, outcome);
        });
    }

    /// Publishes one message, and has its token awaited.
    fn publish(self: &Rc<Self>, size: usize, qos: QoS, retain: bool) {
        // Before 5.0 a server cannot say what it does not take, and ends the connection.
        let is_told = self.plan.options.config.version == Version::V5_0;
        let (qos_max, may_retain, packet_size_max) = self.limits;
        let qos = if is_told { qos } else { qos.min(qos_max) };
        let retain = retain && (is_told || may_retain);
        let size = if is_told { size } else { size.min(packet_size_max as usize - 100) };
        let has_properties = is_told && self.world.random(4) == 0;
        let expires = is_told && !self.notes.is_over.get() && self.world.random(12) == 0;
        let expiry_secs = expires.then(|| self.world.random(40) as u32);
        let number = {
            let mut messages = self.notes.messages.borrow_mut();
            let kind = if retain { "r" } else { "t" };
            let topic = format!("{kind}/{}/{}", self.plan.name, messages.len() % 3);
            messages.push(Meant {
                client: self.number,
                topic,
                size: size.max(4),
                qos,
                retain,
                has_properties,
                expiry_secs,
            });
            messages.len() - 1
        };
        let topic = self.notes.messages.borrow()[number].topic.clone();
        let number = number as u32;
        let mark = number.to_string();
        let mut properties = Vec::new();
        if has_properties {
            properties.extend([Property::ContentType(MARK), Property::UserProperty(MARK, &mark)]);
        }
        properties.extend(expiry_secs.map(Property::MessageExpiryInterval));
        let mut publish = Publish::new(&topic, payload(number, size))
            .qos(qos)
            .retain(retain)
            .properties(Properties::new(&properties));
        let fate = self.world.random(10);
        if fate == 0 && !self.notes.is_over.get() {
            publish = publish.timeout(Duration::from_millis(self.world.random(20_000)));
        }
        match self.client().publish(publish) {
            Err(_) => self.note(Fact::NotAccepted(number)),
            Ok(token) => {
                self.note(Fact::Accepted(number));
                if fate == 1 && !self.notes.is_over.get() {
                    // Dropping a token cancels nothing.
                    return;
                }
                self.wait_for(token, move |actor, outcome| actor.note(Fact::Ended(number, outcome)));
            }
        }
    }

    /// Disconnects now and then, and comes back.
    async fn go_away(self: Rc<Self>) {
        loop {
            self.world.sleep(Duration::from_millis(self.world.random(60_000))).await;
            if self.notes.is_over.get() {
                return;
            }
            self.is_away.set(true);
            self.wants_connection.set(false);
            let drain = Duration::from_millis(self.world.random(4000));
            if let Ok(token) = self.client().disconnect_within(drain) {
                token.await;
            }
            self.world.sleep(Duration::from_millis(self.world.random(10_000))).await;
            self.wants_connection.set(true);
            self.is_away.set(false);
        }
    }
}
