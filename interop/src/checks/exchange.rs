//! Messages both ways while everybody is online: each QoS, retained messages, wills, large ones, filters.

use mqtt_smol::{Publish, QoS, ReasonCode, Will};

use super::{Check, EVERY, MESSAGES};
use crate::peer::{Outcome, Peer, Target, expect_that};

pub(super) const CHECKS: [Check; 12] = [
    Check { name: "QoS 0", versions: EVERY, run: |target| each_way(target, QoS::AtMostOnce) },
    Check { name: "QoS 1", versions: EVERY, run: |target| each_way(target, QoS::AtLeastOnce) },
    Check { name: "QoS 2", versions: EVERY, run: |target| each_way(target, QoS::ExactlyOnce) },
    Check { name: "lower QoS", versions: EVERY, run: lower_qos },
    Check { name: "filters", versions: EVERY, run: filters },
    Check { name: "unsubscribe", versions: EVERY, run: unsubscribe },
    Check { name: "retained", versions: EVERY, run: |target| retained(target, "retained/a") },
    Check { name: "retained, wildcard", versions: EVERY, run: |target| retained(target, "retained/+") },
    Check { name: "will", versions: EVERY, run: will },
    Check { name: "no will", versions: EVERY, run: no_will },
    Check {
        name: "1 MB",
        versions: EVERY,
        run: |target| large(target, &[QoS::AtMostOnce, QoS::AtLeastOnce]),
    },
    Check { name: "1 MB, QoS 2", versions: EVERY, run: |target| large(target, &[QoS::ExactlyOnce]) },
];

/// All messages from one client of ours to another, in order.
fn each_way(target: &Target, qos: QoS) -> Outcome {
    let reader = target.connect()?;
    let mut inbox = reader.subscribe("each/+", qos)?;
    let writer = target.connect()?;
    writer.publish_numbers("each/way", qos, MESSAGES)?;
    inbox.expect_numbers(qos, MESSAGES)?;
    // Nothing was repeated: the next one is the last one.
    writer.publish(Publish::new("each/end", "end").qos(qos))?;
    inbox.expect("end")?;
    writer.leave()?;
    reader.leave()
}

/// A message comes with the lower of the publisher's QoS and the granted one.
fn lower_qos(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let writer = target.connect()?;
    for granted in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let filter = format!("lower/{granted}");
        let mut inbox = reader.subscribe(&filter, granted)?;
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            writer.publish(Publish::new(&filter, "x").qos(qos))?;
            let came = inbox.expect("x")?.qos();
            let due = if qos.bits() < granted.bits() { qos } else { granted };
            expect_that(came == due, || format!("QoS {qos} for a grant of {granted} came as QoS {came}"))?;
        }
    }
    writer.leave()?;
    reader.leave()
}

/// Wildcards take what they should and nothing else.
fn filters(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let mut inbox = reader.subscribe("filters/+/x/#", QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    let topics = [
        ("filters/a/x", true),
        ("filters/a/y", false),
        ("filters//x/deep/er", true),
        ("filters/a/b/x", false),
        ("other/a/x", false),
        ("filters/ä/x/", true),
    ];
    for (topic, _) in topics {
        writer.publish(Publish::new(topic, "").qos(QoS::AtLeastOnce))?;
    }
    for (topic, _) in topics.iter().filter(|(_, is_taken)| *is_taken) {
        let message = inbox.next().map_err(|problem| format!("{topic}: {problem}"))?;
        expect_that(message.topic() == *topic, || format!("{} came instead of {topic}", message.topic()))?;
    }
    writer.leave()?;
    reader.leave()
}

/// What is published after the end of a subscription does not come.
fn unsubscribe(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let mut inbox = reader.subscribe("unsubscribe/a", QoS::AtLeastOnce)?;
    let mut barrier = reader.subscribe("unsubscribe/b", QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    writer.publish(Publish::new("unsubscribe/a", "before").qos(QoS::AtLeastOnce))?;
    inbox.expect("before")?;
    reader.unsubscribe("unsubscribe/a")?;
    writer.publish(Publish::new("unsubscribe/a", "after").qos(QoS::AtLeastOnce))?;
    writer.publish(Publish::new("unsubscribe/b", "end").qos(QoS::AtLeastOnce))?;
    barrier.expect("end")?;
    let more = inbox.try_next().or_else(|| reader.client.try_receive());
    expect_that(more.is_none(), || "a message came after the end of its subscription".into())?;
    writer.leave()?;
    reader.leave()
}

/// A retained message greets later subscribers, is replaced, and is cleared by an empty one.
fn retained(target: &Target, filter: &str) -> Outcome {
    let writer = target.connect()?;
    let keep =
        |payload| writer.publish(Publish::new("retained/a", payload).qos(QoS::AtLeastOnce).retain(true));
    let greeted = ["first", "second"].into_iter().try_for_each(|payload| {
        keep(payload)?;
        greeted(target, &writer, filter, payload)
    });
    // It is cleared in any case, so that no later check meets it.
    keep("")?;
    greeted?;
    let reader = target.connect()?;
    let mut inbox = reader.subscribe(filter, QoS::AtLeastOnce)?;
    writer.publish(Publish::new("retained/a", "end").qos(QoS::AtLeastOnce))?;
    inbox.expect("end").map_err(|problem| format!("after it was cleared, {problem}"))?;
    writer.leave()?;
    reader.leave()
}

/// A new subscriber gets the retained message, marked as one, and then what is live.
fn greeted(target: &Target, writer: &Peer, filter: &str, payload: &str) -> Outcome {
    let reader = target.connect()?;
    let mut inbox = reader.subscribe(filter, QoS::AtLeastOnce)?;
    let message = inbox.expect(payload)?;
    expect_that(message.retain(), || "the retained message is not marked as one".into())?;
    writer.publish(Publish::new("retained/a", "live").qos(QoS::AtLeastOnce))?;
    let message = inbox.expect("live")?;
    expect_that(!message.retain(), || "a live message is marked as a retained one".into())?;
    reader.leave()
}

/// A will is published when the socket closes without a DISCONNECT, with its QoS.
fn will(target: &Target) -> Outcome {
    let watcher = target.connect()?;
    let mut inbox = watcher.subscribe("will/+", QoS::AtLeastOnce)?;
    let will = Will::new("will/a", "it was cut").qos(QoS::AtLeastOnce);
    target.connect_with_will(will)?.cut();
    let message = inbox.expect("it was cut")?;
    expect_that(message.qos() == QoS::AtLeastOnce, || format!("the will came with QoS {}", message.qos()))?;
    watcher.leave()
}

/// No will is published after a DISCONNECT.
fn no_will(target: &Target) -> Outcome {
    let watcher = target.connect()?;
    let mut inbox = watcher.subscribe("nowill/+", QoS::AtLeastOnce)?;
    target.connect_with_will(Will::new("nowill/a", "it should not come"))?.leave()?;
    let writer = target.connect()?;
    writer.publish(Publish::new("nowill/b", "end").qos(QoS::AtLeastOnce))?;
    inbox.expect("end")?;
    writer.leave()?;
    watcher.leave()
}

/// A payload far larger than one read, one write and one copy.
fn large(target: &Target, all_qos: &[QoS]) -> Outcome {
    let payload: Vec<u8> = (0..LARGE).map(|index| (index % 251) as u8).collect();
    let reader = target.connect()?;
    let mut inbox = reader.subscribe("large", QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    for &qos in all_qos {
        let reason = writer.publish(Publish::new("large", payload.clone()).qos(qos))?;
        expect_that(reason == ReasonCode::Success, || format!("QoS {qos}: {reason}"))?;
        let message = inbox.next().map_err(|problem| format!("QoS {qos}: {problem}"))?;
        expect_that(message.payload() == payload, || {
            format!("QoS {qos}: {} bytes came, and not those that were sent", message.payload().len())
        })?;
    }
    writer.leave()?;
    reader.leave()
}

/// Bytes of a large payload; our client takes packets of up to 1 MiB by default.
const LARGE: u32 = 1_000_000;
