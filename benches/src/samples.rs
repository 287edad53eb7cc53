//! The packets that are measured, as bytes.

use mqtt_proto::{
    Ack, Connect, Filters, Packet, PacketId, Properties, Property, Publish, QoS, SubscribeFilter,
    SubscribeOptions, TopicFilter, TopicName, Version, Will,
};

/// A topic as devices use them.
const TOPIC: &str = "site/12/hall/3/sensor/temperature";

/// PUBLISH at QoS 1 with a payload of that many bytes.
pub fn publish(version: Version, payload_size: usize) -> Vec<u8> {
    encode(version, &Packet::Publish(publish_of(&vec![b'x'; payload_size], Properties::EMPTY)))
}

/// PUBLISH at QoS 1 with five properties and 64 bytes of payload.
pub fn publish_with_properties() -> Vec<u8> {
    let properties = [
        Property::PayloadFormatIndicator(1),
        Property::MessageExpiryInterval(3600),
        Property::ContentType("application/json"),
        Property::ResponseTopic("site/12/answers"),
        Property::UserProperty("trace", "4bf92f3577b34da6"),
    ];
    encode(Version::V5_0, &Packet::Publish(publish_of(&[b'x'; 64], Properties::new(&properties))))
}

fn publish_of<'a>(payload: &'a [u8], properties: Properties<'a>) -> Publish<'a> {
    Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: TopicName::new(TOPIC).expect("a good name"),
        packet_id: PacketId::new(4242),
        properties,
        payload,
    }
}

/// PUBACK that says success.
pub fn puback(version: Version) -> Vec<u8> {
    encode(version, &Packet::Puback(Ack::success(PacketId::new(4242).expect("not 0"))))
}

/// CONNECT with a will, a user name and a password.
pub fn connect(version: Version) -> Vec<u8> {
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Properties::EMPTY,
        topic: TopicName::new("site/12/hall/3/status").expect("a good name"),
        payload: b"offline",
    };
    let connect = Connect {
        version,
        clean_start: true,
        keep_alive_secs: 60,
        properties: Properties::EMPTY,
        client_id: "sensor-12-3-temperature",
        will: Some(will),
        user_name: Some("hall-3"),
        password: Some(b"correct horse"),
    };
    encode(version, &Packet::from(&connect))
}

/// SUBSCRIBE with eight filters.
pub fn subscribe(version: Version) -> Vec<u8> {
    let filters: Vec<String> = (0..8).map(|number| format!("site/{number}/+/sensor/#")).collect();
    let filters: Vec<_> = filters
        .iter()
        .map(|filter| SubscribeFilter {
            filter: TopicFilter::new(filter).expect("a good filter"),
            options: SubscribeOptions::with_qos(QoS::AtLeastOnce),
        })
        .collect();
    let subscribe = mqtt_proto::Subscribe {
        packet_id: PacketId::new(7).expect("not 0"),
        properties: Properties::EMPTY,
        filters: Filters::new(&filters),
    };
    encode(version, &Packet::Subscribe(subscribe))
}

/// What a busy connection carries: of ten packets six PUBLISH of 64 to 256 bytes, three PUBACK, one PINGREQ.
pub fn mixed(version: Version) -> Vec<u8> {
    let mut stream = Vec::new();
    for size in [64, 128, 256] {
        stream.extend(publish(version, size));
        stream.extend(puback(version));
        stream.extend(publish(version, size));
    }
    stream.extend(encode(version, &Packet::Pingreq));
    stream
}

fn encode(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut wire = Vec::new();
    packet.encode(version, &mut wire).expect("a legal packet");
    wire
}
