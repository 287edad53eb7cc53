//! What the server says, from short strings to bytes.
//!
//! `CONNACK present`, `CONNACK 0x87`, `CONNACK receive_max=2 keep_alive=5`, `PUBLISH a qos1 id7 dup "x"`,
//! `PUBACK id1 0x10`, `PUBLISH ~ alias=1 "x"` with an alias alone, `SUBACK id1 0x00 0x80`, `UNSUBACK id1 0x00`, `PINGRESP`, `DISCONNECT 0x8e`,
//! `AUTH 0x18 method=X data=why`.

use mqtt_proto::{
    Ack, Auth, Connack, Disconnect, Packet, PacketId, PacketKind, Properties, Property, Publish, QoS,
    ReasonCode, ReasonCodes, Suback, TopicName, Unsuback, Version,
};

/// The bytes of one packet.
pub(crate) fn server_bytes(text: &str, version: Version) -> Vec<u8> {
    let words = Words::new(text);
    let properties: Vec<Property<'_>> = words.properties();
    let properties = Properties::new(&properties);
    let codes = words.codes();
    let packet = match words.kind {
        "CONNACK" => {
            let reason = codes.first().copied().unwrap_or(ReasonCode::Success);
            Packet::Connack(Connack { session_present: words.has("present"), reason, properties })
        }
        "PUBLISH" => Packet::Publish(words.publish(properties)),
        "PUBACK" => Packet::Puback(words.ack()),
        "PUBREC" => Packet::Pubrec(words.ack()),
        "PUBREL" => Packet::Pubrel(words.ack()),
        "PUBCOMP" => Packet::Pubcomp(words.ack()),
        "SUBACK" => {
            let codes = ReasonCodes::new(&codes);
            Packet::Suback(Suback { packet_id: words.id(), properties, codes })
        }
        "UNSUBACK" => {
            let codes = if version.has_properties() { &codes[..] } else { &[] };
            let codes = ReasonCodes::new(codes);
            Packet::Unsuback(Unsuback { packet_id: words.id(), properties, codes })
        }
        "AUTH" => {
            let reason = codes.first().copied().unwrap_or(ReasonCode::Success);
            Packet::Auth(Auth { reason, properties })
        }
        "PINGRESP" => Packet::Pingresp,
        "DISCONNECT" => {
            let reason = codes.first().copied().unwrap_or(ReasonCode::Success);
            Packet::Disconnect(Disconnect { reason, properties })
        }
        other => panic!("the tests know no {other}"),
    };
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).expect("the test says a legal packet");
    bytes
}

struct Words<'a> {
    kind: &'a str,
    words: Vec<&'a str>,
    payload: &'a str,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Words<'a> {
        let (head, payload) = text.split_once('"').unwrap_or((text, ""));
        let mut words = head.split_whitespace();
        let kind = words.next().expect("a packet has a name");
        Words { kind, words: words.collect(), payload: payload.trim_end_matches('"') }
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    fn number(&self, prefix: &str) -> Option<u16> {
        self.words.iter().find_map(|word| word.strip_prefix(prefix)?.parse().ok())
    }

    fn id(&self) -> PacketId {
        self.number("id").and_then(PacketId::new).expect("the packet has an identifier")
    }

    fn kind(&self) -> PacketKind {
        let kinds = PacketKind::ALL.into_iter();
        kinds.into_iter().find(|kind| kind.name() == self.kind).expect("the packet has a kind")
    }

    fn codes(&self) -> Vec<ReasonCode> {
        let bytes = self.words.iter().filter_map(|word| word.strip_prefix("0x"));
        bytes
            .map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hexadecimal"))
            .map(|byte| ReasonCode::from_byte(byte, self.kind()).expect("a code of that packet"))
            .collect()
    }

    fn ack(&self) -> Ack<'static> {
        let reason = self.codes().first().copied().unwrap_or(ReasonCode::Success);
        Ack::with_reason(self.id(), reason)
    }

    fn publish(&'a self, properties: Properties<'a>) -> Publish<'a> {
        let qos = self.number("qos").map_or(QoS::AtMostOnce, |bits| {
            u8::try_from(bits).ok().and_then(QoS::from_bits).expect("the test says a QoS")
        });
        Publish {
            dup: self.has("dup"),
            qos,
            retain: self.has("retain"),
            topic: match self.words[0] {
                "~" => TopicName::ALIASED,
                name => TopicName::new(name).expect("the test says a topic name"),
            },
            packet_id: (qos != QoS::AtMostOnce).then(|| self.id()),
            properties,
            payload: self.payload.as_bytes(),
        }
    }

    fn properties(&self) -> Vec<Property<'a>> {
        let pairs = self.words.iter().filter_map(|word| word.split_once('='));
        pairs.map(|(name, value)| property(name, value)).collect()
    }
}

fn property<'a>(name: &str, value: &'a str) -> Property<'a> {
    let number = || value.parse::<u32>().expect("the property is a number");
    let short = || u16::try_from(number()).expect("the property is a short number");
    let byte = || u8::try_from(number()).expect("the property is a byte");
    match name {
        "keep_alive" => Property::ServerKeepAlive(short()),
        "receive_max" => Property::ReceiveMaximum(short()),
        "packet_max" => Property::MaximumPacketSize(number()),
        "qos_max" => Property::MaximumQoS(byte()),
        "retain" => Property::RetainAvailable(byte()),
        "wildcard" => Property::WildcardSubscriptionAvailable(byte()),
        "shared" => Property::SharedSubscriptionAvailable(byte()),
        "client_id" => Property::AssignedClientIdentifier(value),
        "ids" => Property::SubscriptionIdentifierAvailable(byte()),
        "server" => Property::ServerReference(value),
        "method" => Property::AuthenticationMethod(value),
        "data" => Property::AuthenticationData(value.as_bytes()),
        "response_base" => Property::ResponseInformation(value),
        "alias" => Property::TopicAlias(short()),
        "alias_max" => Property::TopicAliasMaximum(short()),
        other => panic!("the tests know no property {other}"),
    }
}
