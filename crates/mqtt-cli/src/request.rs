//! `mqtt rr`: publishes a request, and prints the response.

use mqtt_smol::{Client, Message, Publish, Subscribe, TopicName, Version};

use crate::address;
use crate::args::RrArgs;
use crate::failure::Failure;
use crate::options::prepare;
use crate::properties::Sorted;
use crate::publish::fixed;
use crate::runtime::Mover;
use crate::session::{Ended, session};
use crate::subscribe;

pub(crate) async fn run(args: RrArgs) -> Result<(), Failure> {
    let RrArgs { request, output, connection } = &args;
    let usage = |why: String| Failure::new(Failure::USAGE, why);
    let topic = request.topic.as_deref().or(address::topic(&connection.server));
    let topic = topic.ok_or_else(|| usage("no topic was given; use -t TOPIC".into()))?;
    for (option, topic) in [("-t", Some(topic)), ("-e", request.response_topic.as_deref())] {
        if let Some(Err(error)) = topic.map(TopicName::new) {
            return Err(usage(format!("{option} {:?}: {error}", topic.unwrap_or_default())));
        }
    }
    let is_before_5 = connection.server.version != Version::V5_0;
    if is_before_5 && request.response_topic.is_none() {
        return Err(usage("before 5.0 a request says nothing of its response; use -e TOPIC".into()));
    }
    let payload = fixed(&request.payload.to_payload()).await?.pop().unwrap_or_default();
    let properties = Sorted::new(&connection.session.properties).map_err(usage)?.publish;
    let style = subscribe::style(output);
    let mut prepared = prepare(connection)?;
    if let Some(topic) = &request.response_topic {
        prepared.options = prepared.options.response_topic(topic);
    }
    let ended = session(connection, prepared, request.timeout, Mover::OwnThread, async |client| {
        let message = Publish::new(topic, payload).qos(request.qos).properties(properties.as_properties());
        let response = match &request.response_topic {
            Some(at) if is_before_5 => ask_before_5(client, message, at).await?,
            _ => Some(client.request(message)?.await?),
        };
        match response {
            Some(response) => Ok(style.print(&response)?),
            None => client.run().await.map_err(Failure::from),
        }
    });
    match ended.await? {
        Ended::Done => Ok(()),
        Ended::TimedOut => Err(Failure::new(Failure::TIMED_OUT, "no response came in time")),
    }
}

/// The first message at the topic for responses, once there is a subscription to it.
async fn ask_before_5(client: &Client, request: Publish<'_>, at: &str) -> Result<Option<Message>, Failure> {
    let mut responses = client.subscribe(Subscribe::new(at).qos(mqtt_smol::QoS::ExactlyOnce))?;
    responses.granted().await?;
    let published = client.publish(request)?;
    loop {
        let Some(response) = responses.next().await else { return Ok(None) };
        // A retained message was there before the request.
        if !response.retain() {
            published.await?;
            return Ok(Some(response));
        }
    }
}
