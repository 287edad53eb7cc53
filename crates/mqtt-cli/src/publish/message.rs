//! One message to be published, from arguments or from a line of JSON.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mqtt_smol::{Bytes, Property, PropertyBuf, PropertyOwner, Publish, QoS};
use serde::Deserialize;
use serde_json::Value;

use crate::args::PropertyArgs;
use crate::failure::Failure;
use crate::properties::{Given, Sorted};
use crate::values;

/// A message to be published.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) properties: PropertyBuf,
}

impl Outgoing {
    /// The same with another payload.
    pub(crate) fn with_payload(&self, payload: impl Into<Bytes>) -> Outgoing {
        Outgoing { payload: payload.into(), ..self.clone() }
    }

    pub(crate) fn publish(&self) -> Publish<'_> {
        Publish::new(&self.topic, self.payload.clone())
            .qos(self.qos)
            .retain(self.retain)
            .properties(self.properties.as_properties())
    }

    /// The message that a line of JSON describes; what it leaves out is as in this one.
    pub(crate) fn with_json(&self, line: &[u8]) -> Result<Outgoing, String> {
        let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let payload = match (line.payload, line.payload_base64) {
            (Some(_), Some(_)) => return Err("it has both payload and payload_base64".into()),
            (Some(Value::String(text)), None) => text.into_bytes(),
            (Some(value), None) => value.to_string().into_bytes(),
            (None, Some(text)) => decoded("payload_base64", &text)?,
            (None, None) => Vec::new(),
        };
        let qos = match line.qos {
            None => self.qos,
            Some(qos) => QoS::from_bits(qos).ok_or_else(|| format!("qos {qos}: use 0, 1 or 2"))?,
        };
        let topic = line.topic.map_or_else(|| Arc::clone(&self.topic), Arc::from);
        if topic.is_empty() {
            return Err("it has no topic; give one by -t".into());
        }
        Ok(Outgoing {
            topic,
            payload: payload.into(),
            qos,
            retain: line.retain.unwrap_or(self.retain),
            properties: self.properties_with(&line.properties.unwrap_or_default())?,
        })
    }

    /// The properties of a line, and those of this message that the line does not have.
    fn properties_with(&self, given: &LineProperties) -> Result<PropertyBuf, String> {
        let correlation = match (&given.correlation_data, &given.correlation_data_base64) {
            (Some(_), Some(_)) => {
                return Err("it has both correlation_data and correlation_data_base64".into());
            }
            (Some(text), None) => Some(text.clone().into_bytes()),
            (None, Some(text)) => Some(decoded("correlation_data_base64", text)?),
            (None, None) => None,
        };
        let users = given.user_properties.iter().flatten();
        let all = [
            given.payload_format_indicator.map(Property::PayloadFormatIndicator),
            given.message_expiry_interval.map(Property::MessageExpiryInterval),
            given.content_type.as_deref().map(Property::ContentType),
            given.response_topic.as_deref().map(Property::ResponseTopic),
            correlation.as_deref().map(Property::CorrelationData),
        ];
        let all =
            all.into_iter().flatten().chain(users.map(|(name, value)| Property::UserProperty(name, value)));
        let mut properties = PropertyBuf::new();
        for property in all {
            properties.push(PropertyOwner::Publish, property).map_err(|error| error.to_string())?;
        }
        let own = properties.clone();
        let added = properties.extend(PropertyOwner::Publish, self.properties.as_properties(), |id| {
            !own.as_properties().contains(id)
        });
        added.map_err(|error| error.to_string())?;
        Ok(properties)
    }
}

fn decoded(name: &str, text: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(text).map_err(|error| format!("{name}: {error}"))
}

/// What a line may have, in the form that `mqtt sub --json` prints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    topic: Option<String>,
    payload: Option<Value>,
    payload_base64: Option<String>,
    qos: Option<u8>,
    retain: Option<bool>,
    properties: Option<LineProperties>,
    /// When it arrived, and whether it may be a repetition: of a message that was received, and of no matter here.
    #[serde(rename = "ts")]
    _ts: Option<Value>,
    #[serde(rename = "dup")]
    _dup: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineProperties {
    payload_format_indicator: Option<u8>,
    message_expiry_interval: Option<u32>,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation_data: Option<String>,
    correlation_data_base64: Option<String>,
    user_properties: Option<Vec<(String, String)>>,
}

/// The properties that arguments give to every message.
pub(crate) fn base_properties(args: &PropertyArgs, given: &[Given]) -> Result<PropertyBuf, Failure> {
    let mut properties = Sorted::new(given).map_err(|why| Failure::new(Failure::USAGE, why))?.publish;
    let correlation = args.correlation_data.clone().map(values::bytes);
    let users = args.user_property.iter().map(|(name, value)| Property::UserProperty(name, value));
    let all = [
        args.payload_utf8.then_some(Property::PayloadFormatIndicator(1)),
        args.expiry.map(Property::MessageExpiryInterval),
        args.content_type.as_deref().map(Property::ContentType),
        args.response_topic.as_deref().map(Property::ResponseTopic),
        correlation.as_deref().map(Property::CorrelationData),
    ];
    for property in all.into_iter().flatten().chain(users) {
        let id = property.id();
        let pushed = properties.push(PropertyOwner::Publish, property);
        pushed.map_err(|error| Failure::new(Failure::USAGE, format_args!("{id}: {error}")))?;
    }
    Ok(properties)
}
