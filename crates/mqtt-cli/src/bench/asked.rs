//! What the arguments of `mqtt bench pub` and `mqtt bench rtt` ask for, checked against what one process can do.

use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_smol::{Options, QoS, TopicName};
use serde_json::{Value, json};

use super::limits::{check_descriptors, check_memory};
use super::payload;
use super::schedule::Plan;
use super::text::{counted, digits};
use crate::address;
use crate::args::{LoadArgs, ServerArgs};
use crate::failure::Failure;

/// A load that this process can make.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    args: &'a LoadArgs,
    /// With `%c` and `%n` in it.
    pub(crate) topic: &'a str,
    pub(crate) plan: Plan,
    pub(crate) inflight: u16,
    /// Bytes of each payload.
    pub(crate) size: usize,
}

impl<'a> Asked<'a> {
    /// Checks the numbers, which are usually too large because somebody wants to see what happens.
    pub(crate) fn new(args: &'a LoadArgs, server: &'a ServerArgs, size: usize) -> Result<Asked<'a>, Failure> {
        let topic = args.topic.as_deref().or(address::topic(server)).unwrap_or(TOPIC_DEFAULT);
        let first = payload::topic(topic, 0, Some(0));
        if let Err(error) = TopicName::new(&first) {
            return Err(Failure::new(Failure::USAGE, format_args!("-t {topic:?}: {error}")));
        }
        let inflight = args.inflight.unwrap_or(INFLIGHT_DEFAULT);
        check_memory(args.clients, inflight, size + topic.len())?;
        check_descriptors(args.clients)?;
        let plan = Plan {
            rate: args.rate.filter(|rate| *rate > 0.0),
            clients: args.clients.into(),
            warm_up: args.warmup,
            count: args.count,
            duration: duration(args.count, args.duration),
        };
        Ok(Asked { args, topic, plan, inflight, size })
    }

    /// Options with room for all that is under way. Before 5.0 the server cannot say how many messages it takes at once, so
    /// that there only who asks for a number of them gets more than the client's default.
    pub(crate) fn with_room(&self, mut options: Options) -> Options {
        let all = usize::from(self.inflight) * (self.size + self.topic.len() + 256);
        options.config.queue_bytes_max = options.config.queue_bytes_max.max(all);
        if let Some(inflight) = self.args.inflight {
            options.config.in_flight_max = NonZeroU16::new(inflight);
        }
        options
    }

    /// Everything in a few words.
    pub(crate) fn parameters(&self) -> String {
        let LoadArgs { clients, qos, .. } = self.args;
        let clients = counted((*clients).into(), "client");
        let size = counted(self.size as u64, "byte");
        let rate = match self.plan.rate {
            Some(rate) => format!("{}/s", digits(rate)),
            None => "closed loop".into(),
        };
        let count = self.plan.count.map(|count| format!(", {}", counted(count, "message")));
        let duration = self.plan.duration.map(|duration| format!(", {} s", duration.as_secs_f64()));
        let (count, duration) = (count.unwrap_or_default(), duration.unwrap_or_default());
        format!("{clients}, QoS {qos}, {size}, {rate}{count}{duration}")
    }

    /// From when latency is counted.
    pub(crate) fn latency_from(&self) -> &'static str {
        match self.plan.rate {
            Some(_) => "from the intended time",
            None => "from the sending",
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let closed = "without --rate each message waits for room: what a stall delays is not in the latency";
        self.plan.rate.is_none().then(|| closed.to_owned()).into_iter().collect()
    }

    pub(crate) fn settings(&self) -> Vec<(&'static str, Value)> {
        let LoadArgs { clients, qos, warmup, .. } = self.args;
        vec![
            ("clients", json!(clients)),
            ("topic", json!(self.topic)),
            ("qos", json!(qos_number(*qos))),
            ("payload_size", json!(self.size)),
            ("inflight_max", json!(self.inflight)),
            ("warmup_s", json!(warmup.as_secs_f64())),
            ("count_asked", json!(self.plan.count)),
            ("duration_asked_s", json!(self.plan.duration.map(|duration| duration.as_secs_f64()))),
        ]
    }
}

pub(crate) fn qos_number(qos: QoS) -> u8 {
    match qos {
        QoS::AtMostOnce => 0,
        QoS::AtLeastOnce => 1,
        QoS::ExactlyOnce => 2,
    }
}

/// The duration of a run, which has at least one end.
pub(crate) fn duration(count: Option<u64>, duration: Option<Duration>) -> Option<Duration> {
    duration.or(count.is_none().then_some(DURATION_DEFAULT))
}

const DURATION_DEFAULT: Duration = Duration::from_secs(10);

const TOPIC_DEFAULT: &str = "bench/%c";

const INFLIGHT_DEFAULT: u16 = 100;
