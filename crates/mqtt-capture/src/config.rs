//! The whole configuration in a log. A field that is added to it does not compile here until it is recorded.

use alloc::vec::Vec;
use core::num::{NonZeroU8, NonZeroU16};

use bytes::Bytes;
use mqtt_proto::{PropertyBuf, PropertyOwner, Version};
use mqtt_session::{Config, Lost, QueuePolicy, Reconnect, ServerOrder, Servers, SessionLoss, Will};

use crate::command::{put_credentials, read_credentials, read_qos};
use crate::property::{put_properties, read_properties};
use crate::redact::{Redact, masked_if};
use crate::wire::{
    Fault, Read, Reader, put_bool, put_bytes, put_duration, put_masked, put_option, put_u64, put_usize,
};

pub(crate) fn put_config(out: &mut Vec<u8>, config: &Config, redact: Redact) {
    let Config {
        version,
        client_id,
        clean_session,
        session_expiry_secs,
        keep_alive_secs,
        credentials,
        asks_credentials,
        authentication_method,
        servers: Servers { count, order, redirects_max },
        will,
        network_timeout,
        reconnect: Reconnect { after, after_max, stable_after, retry_first, jitter },
        receive_maximum,
        strict_receive_maximum,
        packet_size_max,
        in_flight_max,
        acknowledgement_timeout,
        queue_messages_max,
        queue_bytes_max,
        queue_policy,
        poison_after,
        session_loss: SessionLoss { never_sent, at_least_once, exactly_once },
        topic_aliases_max,
        topic_alias_maximum,
        response_topic,
        asks_response_information,
        subscription_identifiers,
        subscriptions_max,
    } = config;
    out.push(version.level());
    put_bytes(out, client_id.as_bytes());
    put_bool(out, *clean_session);
    put_option(out, *session_expiry_secs, |out, secs| put_u64(out, secs.into()));
    put_u64(out, (*keep_alive_secs).into());
    put_credentials(out, credentials.as_ref(), redact);
    put_bool(out, *asks_credentials);
    put_option(out, authentication_method.as_deref(), |out, method| put_bytes(out, method.as_bytes()));
    put_u64(out, count.get().into());
    put_order(out, *order);
    put_u64(out, (*redirects_max).into());
    put_option(out, will.as_ref(), |out, will| put_will(out, will, redact));
    put_duration(out, *network_timeout);
    [after, after_max, stable_after].into_iter().for_each(|long| put_duration(out, *long));
    put_bool(out, *retry_first);
    put_bool(out, *jitter);
    put_u64(out, receive_maximum.get().into());
    put_bool(out, *strict_receive_maximum);
    put_u64(out, (*packet_size_max).into());
    put_option(out, *in_flight_max, |out, max| put_u64(out, max.get().into()));
    put_option(out, *acknowledgement_timeout, put_duration);
    put_usize(out, *queue_messages_max);
    put_usize(out, *queue_bytes_max);
    put_policy(out, *queue_policy);
    put_option(out, *poison_after, |out, closes| put_u64(out, closes.get().into()));
    [never_sent, at_least_once, exactly_once].into_iter().for_each(|lost| put_lost(out, *lost));
    put_u64(out, (*topic_aliases_max).into());
    put_u64(out, (*topic_alias_maximum).into());
    put_option(out, response_topic.as_deref(), |out, topic| put_bytes(out, topic.as_bytes()));
    put_bool(out, *asks_response_information);
    put_bool(out, *subscription_identifiers);
    put_usize(out, *subscriptions_max);
}

pub(crate) fn read_config(reader: &mut Reader<'_>) -> Read<Config> {
    let level = reader.byte()?;
    let versions = [Version::V3_1, Version::V3_1_1, Version::V5_0];
    let version = versions.into_iter().find(|version| version.level() == level).ok_or(Fault::Bad)?;
    // Fields are read in the order in which they stand.
    Ok(Config {
        version,
        client_id: reader.text()?.into(),
        clean_session: reader.bool()?,
        session_expiry_secs: reader.option(Reader::number)?,
        keep_alive_secs: reader.number()?,
        credentials: read_credentials(reader)?,
        asks_credentials: reader.bool()?,
        authentication_method: reader.option(Reader::text)?.map(Into::into),
        servers: Servers {
            count: not_zero(reader)?,
            order: read_order(reader)?,
            redirects_max: reader.number()?,
        },
        will: reader.option(read_will)?,
        network_timeout: reader.duration()?,
        reconnect: Reconnect {
            after: reader.duration()?,
            after_max: reader.duration()?,
            stable_after: reader.duration()?,
            retry_first: reader.bool()?,
            jitter: reader.bool()?,
        },
        receive_maximum: not_zero(reader)?,
        strict_receive_maximum: reader.bool()?,
        packet_size_max: reader.number()?,
        in_flight_max: reader.option(not_zero)?,
        acknowledgement_timeout: reader.option(Reader::duration)?,
        queue_messages_max: reader.number()?,
        queue_bytes_max: reader.number()?,
        queue_policy: read_policy(reader)?,
        poison_after: reader.option(|reader| NonZeroU8::new(reader.number()?).ok_or(Fault::Bad))?,
        session_loss: SessionLoss {
            never_sent: read_lost(reader)?,
            at_least_once: read_lost(reader)?,
            exactly_once: read_lost(reader)?,
        },
        topic_aliases_max: reader.number()?,
        topic_alias_maximum: reader.number()?,
        response_topic: reader.option(Reader::text)?.map(Into::into),
        asks_response_information: reader.bool()?,
        subscription_identifiers: reader.bool()?,
        subscriptions_max: reader.number()?,
    })
}

fn put_will(out: &mut Vec<u8>, will: &Will, redact: Redact) {
    let Will { topic, payload, qos, retain, properties } = will;
    put_bytes(out, topic.as_bytes());
    put_masked(out, &masked_if(redact.payloads, payload));
    out.push(qos.bits());
    put_bool(out, *retain);
    put_properties(out, &properties.as_properties());
}

fn read_will(reader: &mut Reader<'_>) -> Read<Will> {
    let topic = reader.text()?.into();
    let payload = Bytes::from(reader.masked()?);
    let qos = read_qos(reader.byte()?)?;
    let retain = reader.bool()?;
    let mut properties = PropertyBuf::new();
    for property in read_properties(reader)? {
        // They could be added for this owner when the configuration was made.
        properties.push(PropertyOwner::Will, property).map_err(|_| Fault::Bad)?;
    }
    Ok(Will { topic, payload, qos, retain, properties })
}

fn not_zero(reader: &mut Reader<'_>) -> Read<NonZeroU16> {
    NonZeroU16::new(reader.number()?).ok_or(Fault::Bad)
}

fn put_order(out: &mut Vec<u8>, order: ServerOrder) {
    out.push(match order {
        ServerOrder::Listed => 0,
        ServerOrder::Shuffled => 1,
    });
}

fn read_order(reader: &mut Reader<'_>) -> Read<ServerOrder> {
    match reader.byte()? {
        0 => Ok(ServerOrder::Listed),
        1 => Ok(ServerOrder::Shuffled),
        _ => Err(Fault::Bad),
    }
}

fn put_policy(out: &mut Vec<u8>, policy: QueuePolicy) {
    out.push(match policy {
        QueuePolicy::Refuse => 0,
        QueuePolicy::DropOldestQoS0 => 1,
        QueuePolicy::KeepAboveQoS0 => 2,
        QueuePolicy::RefuseOffline => 3,
    });
}

fn read_policy(reader: &mut Reader<'_>) -> Read<QueuePolicy> {
    match reader.byte()? {
        0 => Ok(QueuePolicy::Refuse),
        1 => Ok(QueuePolicy::DropOldestQoS0),
        2 => Ok(QueuePolicy::KeepAboveQoS0),
        3 => Ok(QueuePolicy::RefuseOffline),
        _ => Err(Fault::Bad),
    }
}

fn put_lost(out: &mut Vec<u8>, lost: Lost) {
    out.push(match lost {
        Lost::Resend => 0,
        Lost::End => 1,
    });
}

fn read_lost(reader: &mut Reader<'_>) -> Read<Lost> {
    match reader.byte()? {
        0 => Ok(Lost::Resend),
        1 => Ok(Lost::End),
        _ => Err(Fault::Bad),
    }
}

#[cfg(test)]
mod tests;
