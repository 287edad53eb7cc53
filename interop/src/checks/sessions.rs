//! Sessions that outlive their connections: what is published meanwhile, and what is cut in the middle.

use mqtt_smol::{Message, Options, Publish, QoS, Subscribe, Version};

use super::{Check, EVERY, MESSAGES};
use crate::peer::{Outcome, PATIENCE, Peer, Target, expect_number, expect_payload, expect_that};
use crate::relay::Relay;

pub(super) const CHECKS: [Check; 5] = [
    Check { name: "persistent QoS 1", versions: EVERY, run: |target| persistent(target, QoS::AtLeastOnce) },
    Check { name: "persistent QoS 2", versions: EVERY, run: |target| persistent(target, QoS::ExactlyOnce) },
    Check { name: "ended session", versions: EVERY, run: ended },
    Check { name: "cuts, QoS 1", versions: EVERY, run: |target| cuts(target, QoS::AtLeastOnce) },
    Check { name: "cuts, QoS 2", versions: EVERY, run: |target| cuts(target, QoS::ExactlyOnce) },
];

/// What is published while the subscriber is away comes when it is back: each message once, in order.
fn persistent(target: &Target, qos: QoS) -> Outcome {
    let options = target.options().clean_session(false);
    let topic = format!("kept/{qos}");
    let reader = Peer::connect(options.clone())?;
    // The subscription belongs to the session and is not dropped with a handle.
    subscribe_session(&reader, &topic, qos)?;
    reader.leave()?;

    let writer = target.connect()?;
    writer.publish_numbers(&topic, qos, MESSAGES)?;

    let reader = Peer::connect(options.clone())?;
    // 3.1 has no flag that could say it.
    let says_it = reader.session_present || target.version == Version::V3_1;
    expect_that(says_it, || "the server does not say that the session is present".into())?;
    for number in 0..MESSAGES {
        let message = reader.receive().map_err(|problem| format!("of {MESSAGES}, {number}: {problem}"))?;
        expect_number(&message, qos, number)?;
    }
    writer.publish(Publish::new(&topic, "end").qos(qos))?;
    expect_payload(&reader.receive()?, "end")?;
    writer.leave()?;
    reader.leave()?;
    forget(options)
}

/// A clean session ends a persistent one.
fn ended(target: &Target) -> Outcome {
    let options = target.options();
    let persistent = options.clone().clean_session(false);
    let reader = Peer::connect(persistent.clone())?;
    subscribe_session(&reader, "ended", QoS::AtLeastOnce)?;
    reader.leave()?;
    forget(options.clone())?;
    let reader = Peer::connect(persistent)?;
    expect_that(!reader.session_present, || "a session is there that was ended".into())?;
    reader.leave()?;
    forget(options)
}

/// All connections are cut again and again while messages are under way; nothing is lost, and no QoS 2 doubled.
fn cuts(target: &Target, qos: QoS) -> Outcome {
    let relay = Relay::start(target.port)?;
    let options = || target.options().port(relay.port).clean_session(false);
    let (reader_options, writer_options) = (options(), options());
    let topic = format!("cuts/{qos}");
    let reader = Peer::connect(reader_options.clone())?;
    let mut inbox = reader.subscribe(&topic, qos)?;
    let writer = Peer::connect(writer_options.clone())?;

    let publish = |payload: String| {
        let publish = Publish::new(&topic, payload).qos(qos);
        writer.client.publish(publish).map_err(|error| error.to_string())
    };
    let tokens = (0..MESSAGES).map(|number| publish(number.to_string())).collect::<Result<Vec<_>, _>>()?;
    for (number, token) in tokens.into_iter().enumerate() {
        if number % CUT_EVERY == CUT_EVERY / 2 {
            relay.cut();
        }
        match token.wait_for(PATIENCE) {
            Ok(outcome) => outcome.map(drop).map_err(|error| format!("message {number}: {error}"))?,
            Err(token) => return Err(format!("message {number} is not acknowledged: {}", token.explain())),
        }
    }
    let mut times_come = vec![0; MESSAGES];
    // A server that repeats what was cut off may do so behind a later message.
    while times_come.contains(&0) {
        let message = inbox.next().map_err(|problem| format!("{problem}; {}", lacking(&times_come)))?;
        times_come[number_of(&message)?] += 1;
    }
    // Whatever else is repeated comes before what is published now.
    writer.publish(Publish::new(&topic, "end").qos(qos))?;
    loop {
        let message = inbox.next()?;
        if message.payload() == b"end" {
            break;
        }
        times_come[number_of(&message)?] += 1;
    }
    let doubled = times_come.iter().filter(|times| **times > 1).count();
    expect_that(qos != QoS::ExactlyOnce || doubled == 0, || format!("{doubled} messages came twice"))?;
    expect_that(writer.client.stats().disconnections > 0, || "there was no outage".into())?;
    drop(inbox);
    writer.leave()?;
    reader.leave()?;
    [reader_options, writer_options].into_iter().map(|options| options.port(target.port)).try_for_each(forget)
}

fn number_of(message: &Message) -> Result<usize, String> {
    let text = String::from_utf8_lossy(message.payload());
    text.parse().ok().filter(|number| *number < MESSAGES).ok_or_else(|| format!("{text:?} came"))
}

fn lacking(times_come: &[u32]) -> String {
    let lacking = times_come.iter().filter(|times| **times == 0).count();
    format!("{lacking} of {MESSAGES} acknowledged messages did not come")
}

/// Subscribes on behalf of the session; the messages are taken with [`Peer::receive`].
fn subscribe_session(reader: &Peer, filter: &str, qos: QoS) -> Outcome {
    let token = reader.client.listen(Subscribe::new(filter).qos(qos)).map_err(|error| error.to_string())?;
    let granted = token.wait_for(PATIENCE);
    let granted =
        granted.map_err(|token| format!("the subscription is not answered: {}", token.explain()))?;
    let granted = granted.map_err(|error| format!("not subscribed: {error}"))?;
    expect_that(granted == qos, || format!("granted QoS {granted} instead of {qos}"))
}

/// Ends a session that the server keeps.
fn forget(options: Options) -> Outcome {
    Peer::connect(options.clean_session(true))?.leave()
}

/// Messages acknowledged between two cuts.
const CUT_EVERY: usize = 50;
