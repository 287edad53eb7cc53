//! The options byte behind each filter of a SUBSCRIBE.

use crate::error::DecodeErrorKind;
use crate::types::{QoS, Version};

/// How messages of a subscription are wanted; before 5.0 only the QoS is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SubscribeOptions {
    /// Highest QoS.
    pub qos: QoS,
    /// 5.0: no messages that this client published itself.
    pub no_local: bool,
    /// 5.0: RETAIN as the publisher set it, instead of only on retained messages.
    pub retain_as_published: bool,
    /// 5.0: whether the server sends retained messages.
    pub retain_handling: RetainHandling,
}

/// When a subscription brings retained messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RetainHandling {
    /// At every SUBSCRIBE.
    #[default]
    OnSubscribe = 0,
    /// Only if the subscription is new.
    OnNewSubscription = 1,
    /// Never.
    Never = 2,
}

impl SubscribeOptions {
    /// A QoS, and the rest as before 5.0.
    pub const fn with_qos(qos: QoS) -> SubscribeOptions {
        SubscribeOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::OnSubscribe,
        }
    }

    pub(crate) const fn byte(self) -> u8 {
        self.qos.bits()
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }

    /// Reserved bits come first, since a byte with those cannot be read at all. [5.0 MQTT-3.8.3-5] [3.1.1 MQTT-3.8.3-4]
    pub(crate) fn from_byte(byte: u8, version: Version) -> Result<SubscribeOptions, DecodeErrorKind> {
        let reserved = match version {
            // There the other bits are unused.
            Version::V3_1 => 0,
            Version::V3_1_1 => 0xfc,
            Version::V5_0 => 0xc0,
        };
        if byte & reserved != 0 {
            return Err(DecodeErrorKind::SubscribeOptions);
        }
        let qos = QoS::from_bits(byte & 0b11).ok_or(DecodeErrorKind::SubscribeQoS)?;
        if version == Version::V3_1 {
            return Ok(SubscribeOptions::with_qos(qos));
        }
        let retain_handling = match byte >> 4 {
            0 => RetainHandling::OnSubscribe,
            1 => RetainHandling::OnNewSubscription,
            2 => RetainHandling::Never,
            _ => return Err(DecodeErrorKind::RetainHandling),
        };
        let no_local = byte & 0b0100 != 0;
        let retain_as_published = byte & 0b1000 != 0;
        Ok(SubscribeOptions { qos, no_local, retain_as_published, retain_handling })
    }
}
