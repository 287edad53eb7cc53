//! Packets that own their parts, so that a strategy can make them: each lends itself out as the codec's packet.

use mqtt_proto::{
    Ack, Auth, Connack, Connect, Disconnect, Filters, Packet, PacketId, PacketKind, Properties, Property,
    PropertyId, Publish, QoS, ReasonCode, ReasonCodes, Suback, Subscribe, SubscribeFilter, SubscribeOptions,
    TopicFilter, TopicFilters, TopicName, Unsuback, Unsubscribe, Version, Will,
};

/// A packet and the version that it is for.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) version: Version,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Connect {
        clean_start: bool,
        keep_alive_secs: u16,
        properties: Vec<OwnedProperty>,
        client_id: String,
        will: Option<OwnedWill>,
        user_name: Option<String>,
        password: Option<Vec<u8>>,
    },
    Connack {
        session_present: bool,
        reason: ReasonCode,
        properties: Vec<OwnedProperty>,
    },
    Publish {
        dup: bool,
        retain: bool,
        packet_id: Option<(QoS, PacketId)>,
        topic: String,
        properties: Vec<OwnedProperty>,
        payload: Vec<u8>,
    },
    Ack {
        kind: PacketKind,
        packet_id: PacketId,
        reason: ReasonCode,
        properties: Vec<OwnedProperty>,
    },
    Subscribe {
        packet_id: PacketId,
        properties: Vec<OwnedProperty>,
        filters: Vec<(String, SubscribeOptions)>,
    },
    Unsubscribe {
        packet_id: PacketId,
        properties: Vec<OwnedProperty>,
        filters: Vec<String>,
    },
    /// SUBACK or UNSUBACK.
    Codes {
        kind: PacketKind,
        packet_id: PacketId,
        properties: Vec<OwnedProperty>,
        codes: Vec<ReasonCode>,
    },
    /// PINGREQ or PINGRESP.
    Ping {
        kind: PacketKind,
    },
    /// DISCONNECT or AUTH.
    Reason {
        kind: PacketKind,
        reason: ReasonCode,
        properties: Vec<OwnedProperty>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct OwnedWill {
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) properties: Vec<OwnedProperty>,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// A property with everything that a value may be made of; each takes what it needs.
#[derive(Clone, Debug)]
pub(crate) struct OwnedProperty {
    pub(crate) id: PropertyId,
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) other: String,
    pub(crate) bytes: Vec<u8>,
}

impl OwnedProperty {
    fn property(&self) -> Property<'_> {
        let OwnedProperty { id, number, text, other, bytes } = self;
        let (bit, short, not_0) = (*number as u8 & 1, *number as u16, (*number).max(1));
        match id {
            PropertyId::PayloadFormatIndicator => Property::PayloadFormatIndicator(bit),
            PropertyId::MessageExpiryInterval => Property::MessageExpiryInterval(*number),
            PropertyId::ContentType => Property::ContentType(text),
            PropertyId::ResponseTopic => Property::ResponseTopic(name_of(text)),
            PropertyId::CorrelationData => Property::CorrelationData(bytes),
            PropertyId::SubscriptionIdentifier => Property::SubscriptionIdentifier(not_0.min(268_435_455)),
            PropertyId::SessionExpiryInterval => Property::SessionExpiryInterval(*number),
            PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier(text),
            PropertyId::ServerKeepAlive => Property::ServerKeepAlive(short),
            PropertyId::AuthenticationMethod => Property::AuthenticationMethod(text),
            PropertyId::AuthenticationData => Property::AuthenticationData(bytes),
            PropertyId::RequestProblemInformation => Property::RequestProblemInformation(bit),
            PropertyId::WillDelayInterval => Property::WillDelayInterval(*number),
            PropertyId::RequestResponseInformation => Property::RequestResponseInformation(bit),
            PropertyId::ResponseInformation => Property::ResponseInformation(text),
            PropertyId::ServerReference => Property::ServerReference(text),
            PropertyId::ReasonString => Property::ReasonString(text),
            PropertyId::ReceiveMaximum => Property::ReceiveMaximum(short.max(1)),
            PropertyId::TopicAliasMaximum => Property::TopicAliasMaximum(short),
            PropertyId::TopicAlias => Property::TopicAlias(short.max(1)),
            PropertyId::MaximumQoS => Property::MaximumQoS(bit),
            PropertyId::RetainAvailable => Property::RetainAvailable(bit),
            PropertyId::UserProperty => Property::UserProperty(text, other),
            PropertyId::MaximumPacketSize => Property::MaximumPacketSize(not_0),
            PropertyId::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(bit),
            PropertyId::SubscriptionIdentifierAvailable => Property::SubscriptionIdentifierAvailable(bit),
            PropertyId::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(bit),
        }
    }
}

/// The text, if it is a topic name; some other one if not.
fn name_of(text: &str) -> &str {
    if TopicName::new(text).is_ok() { text } else { "reply" }
}

impl Model {
    fn properties(&self) -> &[OwnedProperty] {
        match &self.body {
            Body::Connect { properties, .. }
            | Body::Connack { properties, .. }
            | Body::Publish { properties, .. }
            | Body::Ack { properties, .. }
            | Body::Subscribe { properties, .. }
            | Body::Unsubscribe { properties, .. }
            | Body::Codes { properties, .. }
            | Body::Reason { properties, .. } => properties,
            Body::Ping { .. } => &[],
        }
    }

    /// Lends the packet out.
    pub(crate) fn with<R>(&self, look: impl FnOnce(Packet<'_>) -> R) -> R {
        let list = list(self.properties());
        let properties = Properties::new(&list);
        match &self.body {
            Body::Connect { .. } => self.with_connect(properties, look),
            Body::Subscribe { packet_id, filters, .. } => {
                let items: Vec<SubscribeFilter<'_>> = filters
                    .iter()
                    .map(|(filter, options)| SubscribeFilter { filter: filter_of(filter), options: *options })
                    .collect();
                let filters = Filters::new(&items);
                look(Packet::Subscribe(Subscribe { packet_id: *packet_id, properties, filters }))
            }
            Body::Unsubscribe { packet_id, filters, .. } => {
                let items: Vec<TopicFilter<'_>> = filters.iter().map(|filter| filter_of(filter)).collect();
                let filters = TopicFilters::new(&items);
                look(Packet::Unsubscribe(Unsubscribe { packet_id: *packet_id, properties, filters }))
            }
            body => look(body.packet(properties)),
        }
    }

    fn with_connect<R>(&self, properties: Properties<'_>, look: impl FnOnce(Packet<'_>) -> R) -> R {
        let Body::Connect { clean_start, keep_alive_secs, client_id, will, user_name, password, .. } =
            &self.body
        else {
            unreachable!("it is called for a CONNECT")
        };
        let will_list = will.as_ref().map_or(Vec::new(), |will| list(&will.properties));
        look(Packet::from(&Connect {
            version: self.version,
            clean_start: *clean_start,
            keep_alive_secs: *keep_alive_secs,
            properties,
            client_id,
            will: will.as_ref().map(|will| Will {
                qos: will.qos,
                retain: will.retain,
                properties: Properties::new(&will_list),
                topic: TopicName::new(&will.topic).expect("the strategy makes names"),
                payload: &will.payload,
            }),
            user_name: user_name.as_deref(),
            password: password.as_deref(),
        }))
    }

    /// The packet on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.with(|packet| packet.encode(self.version, &mut out).expect("the strategy makes good packets"));
        out
    }
}

impl Body {
    /// The packets that need nothing beside their properties.
    fn packet<'a>(&'a self, properties: Properties<'a>) -> Packet<'a> {
        match self {
            Body::Connack { session_present, reason, .. } => {
                Packet::Connack(Connack { session_present: *session_present, reason: *reason, properties })
            }
            Body::Publish { dup, retain, packet_id, topic, payload, .. } => Packet::Publish(Publish {
                dup: *dup && packet_id.is_some(),
                qos: packet_id.map_or(QoS::AtMostOnce, |(qos, _)| qos),
                retain: *retain,
                topic: match topic.as_str() {
                    "" => TopicName::ALIASED,
                    topic => TopicName::new(topic).expect("the strategy makes names"),
                },
                packet_id: packet_id.map(|(_, id)| id),
                properties,
                payload,
            }),
            Body::Ack { kind, packet_id, reason, .. } => {
                let ack = Ack { packet_id: *packet_id, reason: *reason, properties };
                match kind {
                    PacketKind::Puback => Packet::Puback(ack),
                    PacketKind::Pubrec => Packet::Pubrec(ack),
                    PacketKind::Pubrel => Packet::Pubrel(ack),
                    _ => Packet::Pubcomp(ack),
                }
            }
            Body::Codes { kind, packet_id, codes, .. } => {
                let (packet_id, codes) = (*packet_id, ReasonCodes::new(codes));
                match kind {
                    PacketKind::Suback => Packet::Suback(Suback { packet_id, properties, codes }),
                    _ => Packet::Unsuback(Unsuback { packet_id, properties, codes }),
                }
            }
            Body::Ping { kind: PacketKind::Pingreq } => Packet::Pingreq,
            Body::Ping { .. } => Packet::Pingresp,
            Body::Reason { kind: PacketKind::Disconnect, reason, .. } => {
                Packet::Disconnect(Disconnect { reason: *reason, properties })
            }
            Body::Reason { reason, .. } => Packet::Auth(Auth { reason: *reason, properties }),
            Body::Connect { .. } | Body::Subscribe { .. } | Body::Unsubscribe { .. } => {
                unreachable!("it borrows from a list that is made for it")
            }
        }
    }
}

fn list(properties: &[OwnedProperty]) -> Vec<Property<'_>> {
    properties.iter().map(OwnedProperty::property).collect()
}

fn filter_of(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).expect("the strategy makes filters")
}
