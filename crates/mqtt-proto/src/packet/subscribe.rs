//! SUBSCRIBE, UNSUBSCRIBE and their answers: packets that are lists.

use crate::error::{DecodeErrorKind, EncodeError};
use crate::packet::ack::read_packet_id;
use crate::packet::connect::{put_section, section_len};
use crate::packet::list::{Filters, List, ReasonCodes, SubscribeFilter, TopicFilters, read_list};
use crate::packet::options::SubscribeOptions;
use crate::property::Properties;
use crate::property_id::PropertyOwner;
use crate::reason::ReasonCode;
use crate::sink::Sink;
use crate::text;
use crate::topic::{SHARE_PREFIX, TopicError, TopicFilter};
use crate::types::{PacketId, PacketKind, Version};
use crate::wire::{Fault, Faulty, Reader, text_fault};

/// A request for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Names the request until its SUBACK.
    pub packet_id: PacketId,
    /// 5.0: Subscription Identifier and User Properties.
    pub properties: Properties<'a>,
    /// At least one filter. [5.0 MQTT-3.8.3-2]
    pub filters: Filters<'a>,
}

/// The answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suback<'a> {
    /// That of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0: Reason String and User Properties.
    pub properties: Properties<'a>,
    /// One for each filter, in their order: the granted QoS or a failure.
    pub codes: ReasonCodes<'a>,
}

/// A request for no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Names the request until its UNSUBACK.
    pub packet_id: PacketId,
    /// 5.0: User Properties.
    pub properties: Properties<'a>,
    /// At least one filter. [5.0 MQTT-3.10.3-2]
    pub filters: TopicFilters<'a>,
}

/// The answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsuback<'a> {
    /// That of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0: Reason String and User Properties.
    pub properties: Properties<'a>,
    /// 5.0: one for each filter, in their order; empty before.
    pub codes: ReasonCodes<'a>,
}

/// [5.0 MQTT-3.8.3-1] [5.0 MQTT-4.7.3-1]
#[inline(always)]
fn read_filter<'a>(reader: &mut Reader<'a>, version: Version) -> Result<TopicFilter<'a>, Faulty> {
    let start = reader.at();
    let bytes = reader.binary()?;
    let may_be_shared = version.has_properties() && bytes.starts_with(SHARE_PREFIX);
    let is_good =
        !bytes.is_empty() && !may_be_shared && text::is_plain(bytes) && text::wildcards_fill_levels(bytes);
    if !is_good {
        check_filter(bytes, start, version).map_err(|(kind, at)| reader.refuse(kind, at))?;
    }
    Ok(TopicFilter::checked(bytes))
}

/// A filter that is not plain, whose length starts at `start`.
#[inline(never)]
fn check_filter(bytes: &[u8], start: usize, version: Version) -> Result<(), Fault> {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return Err(text_fault(bytes, start, DecodeErrorKind::Utf8));
    };
    let filter = if version.has_properties() { TopicFilter::new(text) } else { TopicFilter::plain(text) };
    filter.map(drop).map_err(|error| {
        let kind = match error {
            TopicError::Empty | TopicError::TooLong { .. } => DecodeErrorKind::EmptyTopicFilter,
            TopicError::Nul => DecodeErrorKind::NulInString,
            TopicError::WildcardInName | TopicError::WildcardPosition => DecodeErrorKind::WildcardPosition,
            TopicError::SingleLevelWildcardPosition => DecodeErrorKind::SingleLevelWildcardPosition,
            TopicError::ShareName => DecodeErrorKind::ShareName,
            TopicError::Shared => DecodeErrorKind::SharedFilter,
        };
        text_fault(bytes, start, kind)
    })
}

/// [5.0 MQTT-3.8.3-4]
#[inline(always)]
fn read_subscribe_filter<'a>(
    reader: &mut Reader<'a>,
    version: Version,
) -> Result<SubscribeFilter<'a>, Faulty> {
    let filter = read_filter(reader, version)?;
    let start = reader.at();
    let byte = reader.u8()?;
    let options = SubscribeOptions::from_byte(byte, version).map_err(|kind| reader.refuse(kind, start))?;
    if options.no_local && filter.is_shared() {
        return Err(reader.refuse(DecodeErrorKind::NoLocalOnShared, start));
    }
    Ok(SubscribeFilter { filter, options })
}

#[inline(always)]
fn read_code(reader: &mut Reader<'_>, kind: PacketKind, version: Version) -> Result<ReasonCode, Faulty> {
    let start = reader.at();
    let byte = reader.u8()?;
    match ReasonCode::from_byte(byte, kind) {
        Some(code) if version.has_properties() || is_code_before_5(code) => Ok(code),
        Some(_) | None => Err(reader.refuse(DecodeErrorKind::ReasonCode { byte }, start)),
    }
}

/// Whether a SUBACK before 5.0 may have it: a granted QoS, or the one failure.
///
/// 3.1.1 added the failure. Servers refuse with it in 3.1 too, where nothing else says that a filter was refused.
fn is_code_before_5(code: ReasonCode) -> bool {
    code.byte() <= 2 || code == ReasonCode::UnspecifiedError
}

#[inline(always)]
fn read_properties<'a>(
    reader: &mut Reader<'a>,
    owner: PropertyOwner,
    version: Version,
) -> Result<Properties<'a>, Faulty> {
    if version.has_properties() { Properties::decode(reader, owner, None) } else { Ok(Properties::none()) }
}

/// A filter decoded before 5.0, in which `$share` is a level like any other, may be none in 5.0.
#[inline(always)]
fn check_share(filter: TopicFilter<'_>, version: Version) -> Result<(), EncodeError> {
    let is_shared_by_name = version.has_properties() && filter.as_bytes().starts_with(SHARE_PREFIX);
    if is_shared_by_name && !filter.is_shared() { Err(EncodeError::SharedFilter) } else { Ok(()) }
}

impl SubscribeFilter<'_> {
    /// The size on the wire, if it may be asked for in this version.
    #[inline(always)]
    fn checked_size(&self, version: Version) -> Result<usize, EncodeError> {
        let SubscribeFilter { filter, options } = *self;
        let is_plain = options.byte() == options.qos.bits();
        if !is_plain && !version.has_properties() || options.no_local && filter.is_shared() {
            return Err(EncodeError::SubscribeOptions);
        }
        check_share(filter, version)?;
        Ok(2 + filter.as_bytes().len() + 1)
    }

    #[inline(always)]
    fn put(&self, sink: &mut Sink<'_>) {
        sink.binary(self.filter.as_bytes());
        sink.u8(self.options.byte());
    }
}

impl<'a> Subscribe<'a> {
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, version: Version) -> Result<Subscribe<'a>, Faulty> {
        let packet_id = read_packet_id(reader)?;
        let properties = read_properties(reader, PropertyOwner::Subscribe, version)?;
        let filters = Filters(read_list(reader, version, read_subscribe_filter)?);
        Ok(Subscribe { packet_id, properties, filters })
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        let header_len = 2 + section_len(&self.properties, PropertyOwner::Subscribe, version)?;
        let list_len = match self.filters.0 {
            List::Items(items) => {
                items.iter().try_fold(0, |len, item| Ok(len + item.checked_size(version)?))?
            }
            List::Raw(..) => {
                self.filters.iter().try_fold(0, |len, item| Ok(len + item.checked_size(version)?))?
            }
        };
        if list_len == 0 { Err(EncodeError::EmptyList) } else { Ok(header_len + list_len) }
    }

    pub(crate) fn put(&self, version: Version, sink: &mut Sink<'_>) {
        sink.u16(self.packet_id.get());
        put_section(&self.properties, version, sink);
        match self.filters.0 {
            List::Items(items) => items.iter().for_each(|item| item.put(sink)),
            List::Raw(..) => self.filters.iter().for_each(|item| item.put(sink)),
        }
    }
}

impl<'a> Unsubscribe<'a> {
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, version: Version) -> Result<Unsubscribe<'a>, Faulty> {
        let packet_id = read_packet_id(reader)?;
        let properties = read_properties(reader, PropertyOwner::Unsubscribe, version)?;
        let filters = TopicFilters(read_list(reader, version, read_filter)?);
        Ok(Unsubscribe { packet_id, properties, filters })
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        let header_len = 2 + section_len(&self.properties, PropertyOwner::Unsubscribe, version)?;
        let mut len = header_len;
        for filter in self.filters.iter() {
            check_share(filter, version)?;
            len += 2 + filter.as_bytes().len();
        }
        if len == header_len { Err(EncodeError::EmptyList) } else { Ok(len) }
    }

    pub(crate) fn put(&self, version: Version, sink: &mut Sink<'_>) {
        sink.u16(self.packet_id.get());
        put_section(&self.properties, version, sink);
        for filter in self.filters.iter() {
            sink.binary(filter.as_bytes());
        }
    }
}

impl<'a> Suback<'a> {
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, version: Version) -> Result<Suback<'a>, Faulty> {
        let packet_id = read_packet_id(reader)?;
        let properties = read_properties(reader, PropertyOwner::Suback, version)?;
        let read = |reader: &mut Reader<'a>, version| read_code(reader, PacketKind::Suback, version);
        let codes = ReasonCodes(read_list(reader, version, read)?);
        Ok(Suback { packet_id, properties, codes })
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        for code in self.codes.iter() {
            let is_legal = match version {
                Version::V5_0 => code.is_legal_in(PacketKind::Suback),
                Version::V3_1 | Version::V3_1_1 => is_code_before_5(code),
            };
            if !is_legal {
                return Err(EncodeError::ReasonCode(code));
            }
        }
        if self.codes.is_empty() {
            return Err(EncodeError::EmptyList);
        }
        Ok(2 + section_len(&self.properties, PropertyOwner::Suback, version)? + self.codes.len())
    }

    pub(crate) fn put(&self, version: Version, sink: &mut Sink<'_>) {
        sink.u16(self.packet_id.get());
        put_section(&self.properties, version, sink);
        self.codes.iter().for_each(|code| sink.u8(code.byte()));
    }
}

impl<'a> Unsuback<'a> {
    #[inline(always)]
    pub(crate) fn decode(reader: &mut Reader<'a>, version: Version) -> Result<Unsuback<'a>, Faulty> {
        let packet_id = read_packet_id(reader)?;
        let properties = read_properties(reader, PropertyOwner::Unsuback, version)?;
        let read = |reader: &mut Reader<'a>, version| read_code(reader, PacketKind::Unsuback, version);
        let codes = if version.has_properties() {
            ReasonCodes(read_list(reader, version, read)?)
        } else {
            ReasonCodes::new(&[])
        };
        Ok(Unsuback { packet_id, properties, codes })
    }

    pub(crate) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        if let Some(code) = self.codes.iter().find(|code| !code.is_legal_in(PacketKind::Unsuback)) {
            return Err(EncodeError::ReasonCode(code));
        }
        match (version.has_properties(), self.codes.is_empty()) {
            (true, true) => return Err(EncodeError::EmptyList),
            (false, false) => return Err(EncodeError::NeedsVersion5(PacketKind::Unsuback)),
            (true, false) | (false, true) => {}
        }
        Ok(2 + section_len(&self.properties, PropertyOwner::Unsuback, version)? + self.codes.len())
    }

    pub(crate) fn put(&self, version: Version, sink: &mut Sink<'_>) {
        sink.u16(self.packet_id.get());
        put_section(&self.properties, version, sink);
        self.codes.iter().for_each(|code| sink.u8(code.byte()));
    }
}
