//! The other codecs: each reads a frame and writes down again what it has understood.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::BytesMut;
use mqtt_proto::Version;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// `mqttrs`, 3.1.1.
    Mqttrs,
    /// `rumqttc`, 3.1.1.
    RumqttcV4,
    /// `rumqttc`, 5.0.
    RumqttcV5,
}

/// What a peer makes of a frame.
pub(super) enum Verdict {
    /// It reads the frame, and writes this for it.
    Taken(Vec<u8>),
    Refused(String),
    /// It reads the frame and cannot write what it read.
    Unwritable(String),
    Panicked,
}

impl Verdict {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Verdict::Taken(_) => "taken by the peer",
            Verdict::Refused(_) => "refused by the peer",
            Verdict::Unwritable(_) => "taken by the peer and not written",
            Verdict::Panicked => "a panic of the peer",
        }
    }

    pub(super) fn detail(&self) -> String {
        match self {
            Verdict::Taken(bytes) => format!("{bytes:02x?}"),
            Verdict::Refused(why) | Verdict::Unwritable(why) => why.clone(),
            Verdict::Panicked => "-".to_owned(),
        }
    }
}

impl Peer {
    pub(super) const ALL: [Peer; 3] = [Peer::Mqttrs, Peer::RumqttcV4, Peer::RumqttcV5];

    pub(super) fn version(self) -> Version {
        match self {
            Peer::Mqttrs | Peer::RumqttcV4 => Version::V3_1_1,
            Peer::RumqttcV5 => Version::V5_0,
        }
    }

    pub(super) fn read(self, bytes: &[u8]) -> Verdict {
        let read = match self {
            Peer::Mqttrs => mqttrs,
            Peer::RumqttcV4 => rumqttc_v4,
            Peer::RumqttcV5 => rumqttc_v5,
        };
        catch_unwind(AssertUnwindSafe(|| read(bytes))).unwrap_or(Verdict::Panicked)
    }
}

fn mqttrs(bytes: &[u8]) -> Verdict {
    match mqttrs::decode_slice(bytes) {
        Ok(Some(packet)) => {
            let mut out = vec![0; bytes.len() + 64];
            match mqttrs::encode_slice(&packet, &mut out) {
                Ok(len) => Verdict::Taken(out[..len].to_vec()),
                Err(error) => Verdict::Unwritable(format!("{error:?}")),
            }
        }
        Ok(None) => Verdict::Refused("more bytes wanted".to_owned()),
        Err(error) => Verdict::Refused(format!("{error:?}")),
    }
}

fn rumqttc_v4(bytes: &[u8]) -> Verdict {
    match v4::Packet::read(&mut BytesMut::from(bytes), PACKET_SIZE_MAX) {
        Ok(packet) => {
            let mut out = BytesMut::new();
            match packet.write(&mut out, PACKET_SIZE_MAX) {
                Ok(_) => Verdict::Taken(out.to_vec()),
                Err(error) => Verdict::Unwritable(error.to_string()),
            }
        }
        Err(error) => Verdict::Refused(error.to_string()),
    }
}

fn rumqttc_v5(bytes: &[u8]) -> Verdict {
    match v5::Packet::read(&mut BytesMut::from(bytes), None) {
        Ok(packet) => {
            let mut out = BytesMut::new();
            match packet.write(&mut out, None) {
                Ok(_) => Verdict::Taken(out.to_vec()),
                Err(error) => Verdict::Unwritable(error.to_string()),
            }
        }
        Err(error) => Verdict::Refused(error.to_string()),
    }
}

const PACKET_SIZE_MAX: usize = 1 << 20;
