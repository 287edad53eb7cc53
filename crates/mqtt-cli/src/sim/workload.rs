//! The workload: numbered messages at a fixed rate, and what arrives of them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mqtt_memory::{Faults, Options, Publish, Rng, Subscribe, World, WorldConfig};
use mqtt_smol::QoS;

use super::outage::{Outage, PUBLISHER, SUBSCRIBER, draw, rehearse};
use crate::args::SimArgs;

/// A simulation that has not run.
pub(crate) struct Run {
    world: World,
    qos: QoS,
    time: Duration,
    interval: Duration,
    outages: Vec<Outage>,
}

/// What became of the messages.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) outages: Vec<Outage>,
    pub(crate) messages: Vec<Journey>,
    /// Connections of both clients.
    pub(crate) connections: u32,
}

/// What became of one message; times are virtual, from the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journey {
    pub(crate) published: Duration,
    pub(crate) acknowledged: bool,
    pub(crate) arrived: Option<Duration>,
    pub(crate) arrivals: u32,
}

/// Time after the last message in which everything arrives that is to arrive.
const REST: Duration = Duration::from_secs(600);

impl Run {
    pub(crate) fn new(args: &SimArgs, seed: u64) -> Run {
        let faults = if args.network == "bad" { Faults::network() } else { Faults::none() };
        let world = World::with(WorldConfig::new(seed).faults(faults));
        // Another sequence than that of the world.
        let outages = draw(&mut Rng::new(seed ^ 0x6f75_7461_6765), args.outages, args.time);
        let interval = Duration::from_secs(1) / args.rate;
        Run { world, qos: args.qos, time: args.time, interval, outages }
    }

    /// Publishes through all outages, and waits for what is to arrive.
    pub(crate) fn finish(self) -> Result<Outcome, String> {
        let Run { world, qos, time, interval, outages } = self;
        let outcome = Rc::new(RefCell::new(Outcome { outages: outages.clone(), ..Outcome::default() }));
        let shared = Rc::clone(&outcome);
        let ran = world.run_until(async {
            let options =
                |name: &str| Options::new("broker").client_id(name).clean_session(false).retry_first(true);
            let subscriber = world.connect(options(SUBSCRIBER)).await?;
            let mut stream = subscriber.subscribe(Subscribe::new("sim").qos(qos))?;
            stream.granted().await?;
            let publisher = world.connect(options(PUBLISHER)).await?;
            let start = world.now();
            let (clock, arrivals) = (world.clone(), Rc::clone(&shared));
            let _receiving = world.spawn(async move {
                while let Some(message) = stream.next().await {
                    let number =
                        std::str::from_utf8(message.payload()).ok().and_then(|text| text.parse().ok());
                    let mut outcome = arrivals.borrow_mut();
                    if let Some(journey) = number.and_then(|number: usize| outcome.messages.get_mut(number)) {
                        journey.arrivals += 1;
                        journey.arrived.get_or_insert(clock.now().since(start));
                    }
                }
            });
            let _rehearsing = world.spawn(rehearse(world.clone(), outages));
            let mut tokens = Vec::new();
            loop {
                let now = world.now().since(start);
                if now >= time {
                    break;
                }
                let number = shared.borrow().messages.len();
                let journey = Journey { published: now, ..Journey::default() };
                shared.borrow_mut().messages.push(journey);
                tokens.push(publisher.publish(Publish::new("sim", number.to_string()).qos(qos))?);
                world.sleep(interval).await;
            }
            world.heal();
            for (number, token) in tokens.into_iter().enumerate() {
                let is_acknowledged = token.await.is_ok();
                shared.borrow_mut().messages[number].acknowledged = is_acknowledged;
            }
            world.sleep(REST).await;
            Ok::<(), Box<dyn std::error::Error>>(())
        });
        match ran {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(stalled) => return Err(stalled.to_string()),
        }
        outcome.borrow_mut().connections = world.links_dialled();
        drop(world);
        Ok(outcome.take())
    }
}

impl Outcome {
    /// Messages that never arrived.
    pub(crate) fn lost(&self) -> usize {
        self.messages.iter().filter(|journey| journey.arrivals == 0).count()
    }

    /// Messages that arrived more than once.
    pub(crate) fn doubled(&self) -> usize {
        self.messages.iter().filter(|journey| journey.arrivals > 1).count()
    }

    /// The longest way from publishing to arriving.
    pub(crate) fn longest(&self) -> Duration {
        let ways = self.messages.iter().filter_map(|journey| Some(journey.arrived? - journey.published));
        ways.max().unwrap_or_default()
    }

    /// What the delivery guarantee rules out and has happened all the same.
    pub(crate) fn broken_promise(&self, qos: QoS) -> Option<String> {
        let (lost, doubled) = (self.lost(), self.doubled());
        match qos {
            QoS::AtLeastOnce | QoS::ExactlyOnce if lost > 0 => {
                Some(format!("{lost} messages of QoS {qos} are lost"))
            }
            QoS::AtMostOnce | QoS::ExactlyOnce if doubled > 0 => {
                Some(format!("{doubled} messages of QoS {qos} are doubled"))
            }
            _ => None,
        }
    }
}
