//! What 5.0 brings: properties of messages, options of subscriptions, shared subscriptions, aliases, expiry.

use std::time::{Duration, Instant};

use mqtt_proto::PropertyOwner;
use mqtt_smol::{Disconnect, Properties, Property, PropertyBuf, Publish, QoS, RetainHandling};
use mqtt_smol::{Subscribe, Will};

use super::{Check, MESSAGES, ONLY_5};
use crate::peer::{Outcome, PATIENCE, Peer, Target, expect_that};

pub(super) const CHECKS: [Check; 11] = [
    Check { name: "properties", versions: ONLY_5, run: properties },
    Check { name: "properties of a will", versions: ONLY_5, run: will_properties },
    Check { name: "will at DISCONNECT", versions: ONLY_5, run: will_at_disconnect },
    Check { name: "message expiry", versions: ONLY_5, run: expiry },
    Check { name: "topic aliases", versions: ONLY_5, run: aliases },
    Check { name: "subscription identifiers", versions: ONLY_5, run: identifiers },
    Check { name: "shared subscription", versions: ONLY_5, run: shared },
    Check { name: "no local", versions: ONLY_5, run: no_local },
    Check { name: "retain as published", versions: ONLY_5, run: retain_as_published },
    Check { name: "retain handling", versions: ONLY_5, run: retain_handling },
    Check { name: "session expiry", versions: ONLY_5, run: session_expiry },
];

/// What the publisher says about a message comes with it, in order.
fn properties(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let mut inbox = reader.subscribe("properties", QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    let publish = Publish::new("properties", "x").qos(QoS::AtLeastOnce).properties(Properties::new(&SAID));
    writer.publish(publish)?;
    let message = inbox.expect("x")?;
    expect_said(message.properties(), &SAID)?;
    writer.leave()?;
    reader.leave()
}

/// So it is with a will.
fn will_properties(target: &Target) -> Outcome {
    let watcher = target.connect()?;
    let mut inbox = watcher.subscribe("willproperties", QoS::AtLeastOnce)?;
    let mut will = Will::new("willproperties", "cut");
    for property in SAID {
        let added = will.properties.push(PropertyOwner::Will, property);
        added.map_err(|error| error.to_string())?;
    }
    target.connect_with_will(will)?.cut();
    let message = inbox.expect("cut")?;
    expect_said(message.properties(), &SAID)?;
    watcher.leave()
}

/// DISCONNECT with reason code 0x04 publishes the will all the same.
fn will_at_disconnect(target: &Target) -> Outcome {
    let watcher = target.connect()?;
    let mut inbox = watcher.subscribe("willdisconnect", QoS::AtLeastOnce)?;
    let mortal = target.connect_with_will(Will::new("willdisconnect", "left"))?;
    let disconnect = Disconnect::within(PATIENCE).with_will(true);
    let token = mortal.client.disconnect_with(disconnect).map_err(|error| error.to_string())?;
    token.wait_for(PATIENCE).map_err(|token| token.explain().to_string())?;
    inbox.expect("left")?;
    watcher.leave()
}

/// A message says how long it is still good for, and goes when its time is over.
fn expiry(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let mut inbox = reader.subscribe("expiry/a", QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    let publish = |topic: &'static str, seconds: u32, retain: bool| {
        let said = [Property::MessageExpiryInterval(seconds)];
        let publish = Publish::new(topic, "x").qos(QoS::AtLeastOnce).retain(retain);
        writer.publish(publish.properties(Properties::new(&said)))
    };
    publish("expiry/a", 100, false)?;
    let left = inbox.expect("x")?.properties().message_expiry_interval();
    expect_that(matches!(left, Some(1..=100)), || format!("of 100 s there are {left:?} left"))?;

    publish("expiry/b", 1, true)?;
    // Only time itself lets a message expire; no event reports it.
    let start = Instant::now();
    while start.elapsed() < EXPIRY_MAX {
        let later = target.connect()?;
        let mut inbox = later.subscribe("expiry/#", QoS::AtLeastOnce)?;
        writer.publish(Publish::new("expiry/end", "end").qos(QoS::AtLeastOnce))?;
        if inbox.next()?.payload() == b"end" {
            writer.leave()?;
            return reader.leave();
        }
        later.leave()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    Err(format!("a retained message that was good for 1 s is there after {} s", EXPIRY_MAX.as_secs()))
}

/// A long topic travels once, if the server takes aliases.
fn aliases(target: &Target) -> Outcome {
    let topic = format!("aliases/{}", "long/".repeat(40));
    let reader = target.connect()?;
    let mut inbox = reader.subscribe("aliases/#", QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    let bytes_before = writer.client.stats().bytes_sent;
    writer.publish_numbers(&topic, QoS::AtLeastOnce, MESSAGES)?;
    let bytes = (writer.client.stats().bytes_sent - bytes_before) as usize;
    for number in 0..MESSAGES {
        let message = inbox.expect(&number.to_string())?;
        expect_that(message.topic() == topic, || format!("message {number} came as {}", message.topic()))?;
    }
    expect_that(bytes < MESSAGES * topic.len() / 2, || format!("takes no aliases: {bytes} bytes were sent"))?;
    writer.leave()?;
    reader.leave()
}

/// A message names the subscriptions that it is for, so that none gets another's.
fn identifiers(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let mut wide = reader.subscribe("identifiers/#", QoS::AtLeastOnce)?;
    let mut narrow = reader.subscribe("identifiers/a", QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    for (topic, is_for_both) in [("identifiers/a", true), ("identifiers/b", false), ("identifiers/a", true)] {
        writer.publish(Publish::new(topic, topic).qos(QoS::AtLeastOnce))?;
        let message = wide.expect(topic)?;
        let has_any = message.subscription_identifiers().next().is_some();
        expect_that(has_any, || format!("{topic} came without the identifier of its subscription"))?;
        if is_for_both {
            narrow.expect(topic)?;
        }
    }
    expect_that(narrow.try_next().is_none(), || "the narrow subscription got too much".into())?;
    writer.leave()?;
    reader.leave()
}

/// Of those who share a subscription exactly one gets each message.
fn shared(target: &Target) -> Outcome {
    let readers = [target.connect()?, target.connect()?];
    let mut inboxes = Vec::new();
    for reader in &readers {
        inboxes.push(reader.subscribe("$share/group/shared/#", QoS::AtLeastOnce)?);
    }
    let writer = target.connect()?;
    writer.publish_numbers("shared/a", QoS::AtLeastOnce, MESSAGES)?;
    let mut times_come = vec![0; MESSAGES];
    let start = Instant::now();
    while times_come.contains(&0) && start.elapsed() < PATIENCE {
        for inbox in &mut inboxes {
            while let Some(message) = inbox.try_next() {
                let number = std::str::from_utf8(message.payload()).ok().and_then(|text| text.parse().ok());
                let number: usize = number.ok_or("a payload came that is no number")?;
                times_come[number] += 1;
            }
        }
        // Two streams are looked at in turn, since either may get the next message.
        std::thread::sleep(Duration::from_millis(1));
    }
    let lacking = times_come.iter().filter(|times| **times == 0).count();
    expect_that(lacking == 0, || format!("{lacking} messages came to nobody"))?;
    let doubled = times_come.iter().filter(|times| **times > 1).count();
    expect_that(doubled == 0, || format!("{doubled} messages came to both"))?;
    writer.leave()?;
    readers.into_iter().try_for_each(Peer::leave)
}

/// Whoever asks for it does not hear itself.
fn no_local(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let mut inbox = reader.subscribe_as(Subscribe::new("nolocal").no_local(true), QoS::AtLeastOnce)?;
    reader.publish(Publish::new("nolocal", "mine").qos(QoS::AtLeastOnce))?;
    let writer = target.connect()?;
    writer.publish(Publish::new("nolocal", "another's").qos(QoS::AtLeastOnce))?;
    inbox.expect("another's")?;
    writer.leave()?;
    reader.leave()
}

/// RETAIN comes as the publisher set it to whoever asks for it.
fn retain_as_published(target: &Target) -> Outcome {
    let reader = target.connect()?;
    let subscribe = Subscribe::new("published").retain_as_published(true);
    let mut inbox = reader.subscribe_as(subscribe, QoS::AtLeastOnce)?;
    let writer = target.connect()?;
    for retain in [true, false] {
        writer.publish(Publish::new("published", "x").qos(QoS::AtLeastOnce).retain(retain))?;
        let came = inbox.expect("x")?.retain();
        expect_that(came == retain, || format!("RETAIN was {retain} and came as {came}"))?;
    }
    writer.publish(Publish::new("published", "").qos(QoS::AtLeastOnce).retain(true))?;
    writer.leave()?;
    reader.leave()
}

/// A subscription without retained messages gets none.
fn retain_handling(target: &Target) -> Outcome {
    let writer = target.connect()?;
    writer.publish(Publish::new("handling/a", "kept").qos(QoS::AtLeastOnce).retain(true))?;
    let reader = target.connect()?;
    let subscribe = Subscribe::new("handling/+").retain_handling(RetainHandling::Never);
    let mut inbox = reader.subscribe_as(subscribe, QoS::AtLeastOnce)?;
    writer.publish(Publish::new("handling/b", "live").qos(QoS::AtLeastOnce))?;
    inbox.expect("live")?;
    writer.publish(Publish::new("handling/a", "").qos(QoS::AtLeastOnce).retain(true))?;
    writer.leave()?;
    reader.leave()
}

/// A session of 100 s is there at once again; one of 0 s is not.
fn session_expiry(target: &Target) -> Outcome {
    for (seconds, is_kept) in [(100, true), (0, false)] {
        let options = target.options().clean_session(false).session_expiry(Duration::from_secs(seconds));
        Peer::connect(options.clone())?.leave()?;
        let again = Peer::connect(options)?;
        let present = again.session_present;
        expect_that(present == is_kept, || format!("{seconds} s: session present is {present}"))?;
        let end = Disconnect::within(PATIENCE).session_expiry_secs(Some(0));
        let token = again.client.disconnect_with(end).map_err(|error| error.to_string())?;
        token.wait_for(PATIENCE).map_err(|token| token.explain().to_string())?;
    }
    Ok(())
}

fn expect_said(properties: Properties<'_>, said: &[Property<'_>]) -> Outcome {
    let mut buf = PropertyBuf::new();
    for property in said {
        let came = properties.iter().any(|came| came == *property);
        expect_that(came, || format!("{property:?} did not come; there were {properties:?}"))?;
        buf.push(PropertyOwner::Publish, *property).map_err(|error| error.to_string())?;
    }
    let came: Vec<_> = properties.user_properties().collect();
    let due: Vec<_> = buf.as_properties().user_properties().collect();
    expect_that(came == due, || format!("the user properties came as {came:?}"))
}

const SAID: [Property<'static>; 6] = [
    Property::PayloadFormatIndicator(1),
    Property::ContentType("text/plain"),
    Property::ResponseTopic("answers/7"),
    Property::CorrelationData(&[0, 7, 255]),
    Property::UserProperty("same", "first"),
    Property::UserProperty("same", "second"),
];

/// A server may look for expired messages now and then.
const EXPIRY_MAX: Duration = Duration::from_secs(10);
