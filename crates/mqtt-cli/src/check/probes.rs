//! What is tried: one function for each capability.

use std::future::Future;
use std::pin::Pin;

use mqtt_smol::{Options, Properties, Property, Publish, QoS, RetainHandling, Subscribe, Version, Will};

use super::guest::House;
use super::report::Finding;
use crate::failure::Failure;

/// One capability and how it is tried.
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    /// Whether only 5.0 has it.
    pub(crate) only_5: bool,
    pub(crate) run: for<'a> fn(&'a House, Version) -> Found<'a>,
}

type Found<'a> = Pin<Box<dyn Future<Output = Result<Finding, Failure>> + 'a>>;

macro_rules! probes {
    ($($name:literal, $only_5:literal, $run:ident;)*) => {
        /// All that are tried, in this order.
        pub(crate) const PROBES: &[Probe] = &[$(
            Probe { name: $name, only_5: $only_5, run: |house, version| Box::pin($run(house, version)) },
        )*];
    };
}

probes! {
    "QoS 0", false, qos_0;
    "QoS 1", false, qos_1;
    "QoS 2", false, qos_2;
    "wildcards", false, wildcards;
    "retained messages", false, retained;
    "persistent sessions", false, persistent;
    "wills", false, wills;
    "shared subscriptions", false, shared;
    "payload of 100 KiB", false, large;
    "properties passed on", true, properties;
    "message expiry", true, expiry;
    "subscription identifiers", true, identifiers;
    "no local", true, no_local;
    "retain as published", true, retain_as_published;
    "retain handling", true, retain_handling;
    "request and response", true, request;
}

async fn qos_0(house: &House, version: Version) -> Result<Finding, Failure> {
    round_trip(house, version, QoS::AtMostOnce, &b"x"[..]).await
}

async fn qos_1(house: &House, version: Version) -> Result<Finding, Failure> {
    round_trip(house, version, QoS::AtLeastOnce, &b"x"[..]).await
}

async fn qos_2(house: &House, version: Version) -> Result<Finding, Failure> {
    round_trip(house, version, QoS::ExactlyOnce, &b"x"[..]).await
}

async fn large(house: &House, version: Version) -> Result<Finding, Failure> {
    round_trip(house, version, QoS::AtLeastOnce, vec![b'x'; 100 * 1024]).await
}

/// A message that comes back as it went out.
async fn round_trip(
    house: &House,
    version: Version,
    qos: QoS,
    payload: impl Into<mqtt_smol::Bytes>,
) -> Result<Finding, Failure> {
    let (guest, topic, payload) = (house.guest(version).await?, house.topic("trip"), payload.into());
    let (mut stream, granted) = guest.subscribe(Subscribe::new(&topic).qos(qos)).await?;
    if granted != qos {
        return Ok(Finding::No(format!("granted QoS {granted}")));
    }
    guest.publish(Publish::new(&topic, payload.clone()).qos(qos)).await?;
    let finding = match guest.next(&mut stream).await {
        None => Finding::No("the message does not come back".into()),
        Some(message) if message.payload() != payload => Finding::No("the payload was changed".into()),
        Some(message) if message.qos() != qos => Finding::No(format!("it comes with QoS {}", message.qos())),
        Some(_) => Finding::Yes,
    };
    guest.leave().await;
    Ok(finding)
}

async fn wildcards(house: &House, version: Version) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("a/b"));
    let parent = topic.trim_end_matches("a/b");
    let (mut one, _) = guest.subscribe(Subscribe::new(&format!("{parent}+/b"))).await?;
    let (mut many, _) = guest.subscribe(Subscribe::new(&format!("{parent}#"))).await?;
    guest.publish(Publish::new(&topic, "x").qos(QoS::AtLeastOnce)).await?;
    let finding = match (guest.next(&mut one).await, guest.next(&mut many).await) {
        (Some(_), Some(_)) => Finding::Yes,
        (None, Some(_)) => Finding::No("+ matches nothing".into()),
        (Some(_), None) => Finding::No("# matches nothing".into()),
        (None, None) => Finding::No("neither + nor # matches".into()),
    };
    guest.leave().await;
    Ok(finding)
}

async fn retained(house: &House, version: Version) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("retained"));
    guest.publish(Publish::new(&topic, "x").qos(QoS::AtLeastOnce).retain(true)).await?;
    let (mut stream, _) = guest.subscribe(Subscribe::new(&topic)).await?;
    let finding = match guest.next(&mut stream).await {
        Some(message) if message.retain() => Finding::Yes,
        Some(_) => Finding::No("it comes without its flag".into()),
        None => Finding::No("a later subscriber does not get it".into()),
    };
    guest.publish(Publish::new(&topic, "").qos(QoS::AtLeastOnce).retain(true)).await?;
    guest.leave().await;
    Ok(finding)
}

async fn persistent(house: &House, version: Version) -> Result<Finding, Failure> {
    let (topic, name) = (house.topic("session"), house.client_id());
    let kept = |options: Options| options.client_id(&name).clean_session(false);
    let guest = house.connect(kept(house.options(version))).await?;
    let (stream, _) = guest.subscribe(Subscribe::new(&topic)).await?;
    guest.leave().await;
    drop(stream);
    let other = house.guest(version).await?;
    other.publish(Publish::new(&topic, "x").qos(QoS::AtLeastOnce)).await?;
    other.leave().await;
    let guest = house.connect(kept(house.options(version))).await?;
    // What waited at the server comes before the answer to the subscription.
    let (mut stream, _) = guest.subscribe(Subscribe::new(&topic)).await?;
    let finding = match guest.next(&mut stream).await {
        Some(_) => Finding::Yes,
        None => Finding::No("what is published meanwhile is lost".into()),
    };
    guest.leave().await;
    // A clean session takes its place, so that nothing is left at the server.
    house.connect(house.options(version).client_id(&name)).await?.leave().await;
    Ok(finding)
}

async fn wills(house: &House, version: Version) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("will"));
    let (mut stream, _) = guest.subscribe(Subscribe::new(&topic)).await?;
    let doomed = house.connect(house.options(version).will(Will::new(topic.clone(), "gone"))).await?;
    doomed.crash().await;
    let finding = match guest.next(&mut stream).await {
        Some(_) => Finding::Yes,
        None => Finding::No("it is not published in time".into()),
    };
    guest.leave().await;
    Ok(finding)
}

async fn shared(house: &House, version: Version) -> Result<Finding, Failure> {
    let topic = house.topic("shared");
    let filter = format!("$share/check/{topic}");
    let (one, two) = (house.guest(version).await?, house.guest(version).await?);
    let (mut first, _) = one.subscribe(Subscribe::new(&filter)).await?;
    let (mut second, _) = two.subscribe(Subscribe::new(&filter)).await?;
    const MESSAGES: usize = 4;
    for number in 0..MESSAGES {
        one.publish(Publish::new(&topic, number.to_string()).qos(QoS::AtLeastOnce)).await?;
    }
    // Another subscription of each, whose message comes behind all that are for the shared one.
    let mut came = 0;
    for (guest, stream) in [(&one, &mut first), (&two, &mut second)] {
        let end = house.topic("end");
        let (mut ends, _) = guest.subscribe(Subscribe::new(&end)).await?;
        guest.publish(Publish::new(&end, "x").qos(QoS::AtLeastOnce)).await?;
        guest.next(&mut ends).await;
        while stream.try_next().is_some() {
            came += 1;
        }
    }
    one.leave().await;
    two.leave().await;
    Ok(match came {
        MESSAGES => Finding::Yes,
        0 => Finding::No("no message comes".into()),
        count => Finding::No(format!("{count} of {MESSAGES} messages come")),
    })
}

/// Publishes with properties to the client itself, and looks at what came.
async fn with_properties(
    house: &House,
    version: Version,
    properties: &[Property<'_>],
    look: impl FnOnce(&mqtt_smol::Message) -> Finding,
) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("properties"));
    let (mut stream, _) = guest.subscribe(Subscribe::new(&topic)).await?;
    let message = Publish::new(&topic, "x").qos(QoS::AtLeastOnce);
    guest.publish(message.properties(Properties::new(properties))).await?;
    let finding = match guest.next(&mut stream).await {
        Some(message) => look(&message),
        None => Finding::No("the message does not come back".into()),
    };
    guest.leave().await;
    Ok(finding)
}

async fn properties(house: &House, version: Version) -> Result<Finding, Failure> {
    let given = [
        Property::PayloadFormatIndicator(1),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("a"),
        Property::CorrelationData(b"id"),
        Property::UserProperty("a", "1"),
        Property::UserProperty("a", "2"),
    ];
    with_properties(house, version, &given, |message| {
        let came: Vec<Property<'_>> = message.properties().iter().collect();
        match given.iter().find(|property| !came.contains(property)) {
            None => Finding::Yes,
            Some(property) => Finding::No(format!("{} is dropped", property.id())),
        }
    })
    .await
}

async fn expiry(house: &House, version: Version) -> Result<Finding, Failure> {
    with_properties(house, version, &[Property::MessageExpiryInterval(1000)], |message| {
        match message.properties().message_expiry_interval() {
            Some(secs) if secs <= 1000 => Finding::Yes,
            Some(secs) => Finding::No(format!("1000 s have become {secs} s")),
            None => Finding::No("it is dropped".into()),
        }
    })
    .await
}

async fn identifiers(house: &House, version: Version) -> Result<Finding, Failure> {
    with_properties(house, version, &[], |message| match message.subscription_identifiers().next() {
        Some(_) => Finding::Yes,
        None => Finding::No("messages have none".into()),
    })
    .await
}

async fn no_local(house: &House, version: Version) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("local"));
    let other = house.guest(version).await?;
    let (mut stream, _) = guest.subscribe(Subscribe::new(&topic).no_local(true)).await?;
    guest.publish(Publish::new(&topic, "own").qos(QoS::AtLeastOnce)).await?;
    other.publish(Publish::new(&topic, "other").qos(QoS::AtLeastOnce)).await?;
    let finding = match guest.next(&mut stream).await {
        Some(message) if message.payload() == b"other" => Finding::Yes,
        Some(_) => Finding::No("its own messages come all the same".into()),
        None => Finding::No("nothing comes".into()),
    };
    guest.leave().await;
    other.leave().await;
    Ok(finding)
}

async fn retain_as_published(house: &House, version: Version) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("as-published"));
    let (mut stream, _) = guest.subscribe(Subscribe::new(&topic).retain_as_published(true)).await?;
    guest.publish(Publish::new(&topic, "x").qos(QoS::AtLeastOnce).retain(true)).await?;
    let finding = match guest.next(&mut stream).await {
        Some(message) if message.retain() => Finding::Yes,
        Some(_) => Finding::No("the flag is dropped".into()),
        None => Finding::No("nothing comes".into()),
    };
    guest.publish(Publish::new(&topic, "").qos(QoS::AtLeastOnce).retain(true)).await?;
    guest.leave().await;
    Ok(finding)
}

async fn retain_handling(house: &House, version: Version) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("handling"));
    guest.publish(Publish::new(&topic, "old").qos(QoS::AtLeastOnce).retain(true)).await?;
    let subscribe = Subscribe::new(&topic).retain_handling(RetainHandling::Never);
    let (mut stream, _) = guest.subscribe(subscribe).await?;
    guest.publish(Publish::new(&topic, "new").qos(QoS::AtLeastOnce)).await?;
    let finding = match guest.next(&mut stream).await {
        Some(message) if message.payload() == b"new" => Finding::Yes,
        Some(_) => Finding::No("retained messages come all the same".into()),
        None => Finding::No("nothing comes".into()),
    };
    guest.publish(Publish::new(&topic, "").qos(QoS::AtLeastOnce).retain(true)).await?;
    guest.leave().await;
    Ok(finding)
}

async fn request(house: &House, version: Version) -> Result<Finding, Failure> {
    let (guest, topic) = (house.guest(version).await?, house.topic("request"));
    let responder = house.guest(version).await?;
    responder.client.respond(topic.as_str(), |request| request.payload().to_vec())?.await?;
    let responding = responder.client.clone();
    let running = smol::spawn(async move { responding.run().await });
    let asked = guest.client.request(Publish::new(&topic, "ping").qos(QoS::AtLeastOnce))?;
    let finding = match asked.await {
        Ok(response) if response.payload() == b"ping" => Finding::Yes,
        Ok(_) => Finding::No("another response comes".into()),
        Err(error) => Finding::No(error.to_string()),
    };
    running.cancel().await;
    guest.leave().await;
    responder.leave().await;
    Ok(finding)
}
