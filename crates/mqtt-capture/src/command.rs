//! What the application asks for, and why a link ended, in a log.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use mqtt_proto::{
    Properties, Property, QoS, ReasonCode, RetainHandling, SubscribeOptions, TopicFilter, TopicName,
};
use mqtt_session::{
    AuthAnswer, Command, ConnectRefusal, Credentials, Disconnect, OfflineCause, Publish, Subscribe,
};

use crate::property::{put_properties, read_properties};
use crate::redact::{Redact, masked_if, text_masked_if};
use crate::wire::{Fault, Read, Reader, put_bool, put_bytes, put_duration, put_masked, put_option, put_u64};

/// A command that was read; it lends itself as a [`Command`].
#[derive(Clone, Debug)]
pub(crate) enum Order<'a> {
    Connect,
    Publish(Message<'a>),
    Request(Message<'a>),
    Subscribe(Subscribe<'a>),
    Unsubscribe(TopicFilter<'a>),
    Reauthenticate,
    Disconnect(Disconnect),
}

#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) topic: TopicName<'a>,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    retain: bool,
    timeout: Option<Duration>,
    properties: Vec<Property<'a>>,
}

impl Message<'_> {
    fn publish(&self) -> Publish<'_> {
        Publish {
            topic: self.topic,
            payload: Bytes::copy_from_slice(&self.payload),
            qos: self.qos,
            retain: self.retain,
            properties: Properties::new(&self.properties),
            timeout: self.timeout,
        }
    }
}

impl Order<'_> {
    pub(crate) fn command(&self) -> Command<'_> {
        match self {
            Order::Connect => Command::Connect,
            Order::Publish(message) => Command::Publish(message.publish()),
            Order::Request(message) => Command::Request(message.publish()),
            Order::Subscribe(subscribe) => Command::Subscribe(*subscribe),
            Order::Unsubscribe(filter) => Command::Unsubscribe(*filter),
            Order::Reauthenticate => Command::Reauthenticate,
            Order::Disconnect(disconnect) => Command::Disconnect(*disconnect),
        }
    }
}

pub(crate) fn put_command(out: &mut Vec<u8>, command: &Command<'_>, redact: Redact) {
    match command {
        Command::Connect => out.push(0),
        Command::Publish(publish) => {
            out.push(1);
            put_publish(out, publish, redact);
        }
        Command::Request(publish) => {
            out.push(2);
            put_publish(out, publish, redact);
        }
        Command::Subscribe(Subscribe { filter, options }) => {
            let SubscribeOptions { qos, no_local, retain_as_published, retain_handling } = *options;
            out.push(3);
            put_bytes(out, filter.as_bytes());
            out.push(qos.bits());
            put_bool(out, no_local);
            put_bool(out, retain_as_published);
            out.push(retain_handling as u8);
        }
        Command::Unsubscribe(filter) => {
            out.push(4);
            put_bytes(out, filter.as_bytes());
        }
        Command::Reauthenticate => out.push(5),
        Command::Disconnect(Disconnect { drain, with_will, session_expiry_secs }) => {
            out.push(6);
            put_duration(out, *drain);
            put_bool(out, *with_will);
            put_option(out, *session_expiry_secs, |out, secs| put_u64(out, secs.into()));
        }
    }
}

fn put_publish(out: &mut Vec<u8>, publish: &Publish<'_>, redact: Redact) {
    let Publish { topic, payload, qos, retain, properties, timeout } = publish;
    put_bytes(out, topic.as_bytes());
    put_masked(out, &masked_if(redact.payloads, payload));
    out.push(qos.bits() | u8::from(*retain) << 2);
    put_option(out, *timeout, put_duration);
    put_properties(out, properties);
}

pub(crate) fn read_order<'a>(reader: &mut Reader<'a>) -> Read<Order<'a>> {
    Ok(match reader.byte()? {
        0 => Order::Connect,
        1 => Order::Publish(read_message(reader)?),
        2 => Order::Request(read_message(reader)?),
        3 => {
            let filter = read_filter(reader)?;
            let qos = read_qos(reader.byte()?)?;
            let (no_local, retain_as_published) = (reader.bool()?, reader.bool()?);
            let retain_handling = match reader.byte()? {
                0 => RetainHandling::OnSubscribe,
                1 => RetainHandling::OnNewSubscription,
                2 => RetainHandling::Never,
                _ => return Err(Fault::Bad),
            };
            let options = SubscribeOptions { qos, no_local, retain_as_published, retain_handling };
            Order::Subscribe(Subscribe { filter, options })
        }
        4 => Order::Unsubscribe(read_filter(reader)?),
        5 => Order::Reauthenticate,
        6 => Order::Disconnect(Disconnect {
            drain: reader.duration()?,
            with_will: reader.bool()?,
            session_expiry_secs: reader.option(Reader::number)?,
        }),
        _ => return Err(Fault::Bad),
    })
}

fn read_message<'a>(reader: &mut Reader<'a>) -> Read<Message<'a>> {
    let topic = TopicName::new(reader.text()?).map_err(|_| Fault::Bad)?;
    let payload = reader.masked()?;
    let bits = reader.byte()?;
    let (qos, retain) = (read_qos(bits & 0b1111_1011)?, bits & 0b100 != 0);
    let timeout = reader.option(Reader::duration)?;
    Ok(Message { topic, payload, qos, retain, timeout, properties: read_properties(reader)? })
}

pub(crate) fn read_filter<'a>(reader: &mut Reader<'a>) -> Read<TopicFilter<'a>> {
    TopicFilter::new(reader.text()?).map_err(|_| Fault::Bad)
}

pub(crate) fn read_qos(bits: u8) -> Read<QoS> {
    QoS::from_bits(bits).ok_or(Fault::Bad)
}

pub(crate) fn read_reason(reader: &mut Reader<'_>) -> Read<ReasonCode> {
    let byte = reader.byte()?;
    ReasonCode::ALL.iter().copied().find(|reason| reason.byte() == byte).ok_or(Fault::Bad)
}

pub(crate) fn put_credentials(out: &mut Vec<u8>, credentials: Option<&Credentials>, redact: Redact) {
    put_option(out, credentials, |out, Credentials { user_name, password }| {
        put_option(out, user_name.as_deref(), |out, name| {
            put_bytes(out, text_masked_if(redact.secrets, name).as_bytes());
        });
        put_option(out, password.as_deref(), |out, password| {
            put_bytes(out, &masked_if(redact.secrets, password));
        });
    });
}

pub(crate) fn read_credentials(reader: &mut Reader<'_>) -> Read<Option<Credentials>> {
    reader.option(|reader| {
        let user_name = reader.option(Reader::text)?.map(Into::into);
        let password = reader.option(Reader::bytes)?.map(Into::into);
        Ok(Credentials { user_name, password })
    })
}

pub(crate) fn put_answer(out: &mut Vec<u8>, answer: &AuthAnswer, redact: Redact) {
    match answer {
        AuthAnswer::Data(data) => {
            out.push(0);
            put_bytes(out, &masked_if(redact.secrets, data));
        }
        AuthAnswer::Accept => out.push(1),
        AuthAnswer::Abort => out.push(2),
    }
}

pub(crate) fn read_answer(reader: &mut Reader<'_>) -> Read<AuthAnswer> {
    Ok(match reader.byte()? {
        0 => AuthAnswer::Data(reader.bytes()?.into()),
        1 => AuthAnswer::Accept,
        2 => AuthAnswer::Abort,
        _ => return Err(Fault::Bad),
    })
}

/// False for a cause that no link ends with; it is written as one that links do end with.
pub(crate) fn put_cause(out: &mut Vec<u8>, cause: OfflineCause) -> bool {
    match cause {
        OfflineCause::Refused(refusal) => out.extend([CAUSES.len() as u8, refusal.reason.byte()]),
        OfflineCause::ServerDisconnected(reason) => out.extend([CAUSES.len() as u8 + 1, reason.byte()]),
        plain => {
            let number = CAUSES.iter().position(|cause| *cause == plain);
            out.push(number.unwrap_or_default() as u8);
            return number.is_some();
        }
    }
    true
}

pub(crate) fn read_cause(reader: &mut Reader<'_>) -> Read<OfflineCause> {
    let number = usize::from(reader.byte()?);
    match CAUSES.get(number) {
        Some(cause) => Ok(*cause),
        None if number == CAUSES.len() => {
            Ok(OfflineCause::Refused(ConnectRefusal { reason: read_reason(reader)? }))
        }
        None if number == CAUSES.len() + 1 => Ok(OfflineCause::ServerDisconnected(read_reason(reader)?)),
        None => Err(Fault::Bad),
    }
}

/// The causes that are told by a number alone.
const CAUSES: [OfflineCause; 13] = [
    OfflineCause::TransportClosed,
    OfflineCause::Requested,
    OfflineCause::DialFailed,
    OfflineCause::DialTimedOut,
    OfflineCause::ConnackTimedOut,
    OfflineCause::AuthenticationAborted,
    OfflineCause::AuthenticationTimedOut,
    OfflineCause::WriteTimedOut,
    OfflineCause::PingTimedOut,
    OfflineCause::AcknowledgementsStalled,
    OfflineCause::PacketTimedOut,
    OfflineCause::MessagesLeft,
    OfflineCause::DriverGone,
];
