//! Lists in packets: of filters and of reason codes.
//!
//! A list of a decoded packet stays raw and is walked when asked for; a list to be encoded is a slice.

use core::fmt;

use crate::error::DecodeErrorKind;
use crate::packet::options::SubscribeOptions;
use crate::reason::ReasonCode;
use crate::topic::TopicFilter;
use crate::types::{PacketKind, Version};
use crate::wire::{Faulty, Reader};

/// One filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeFilter<'a> {
    /// Which messages.
    pub filter: TopicFilter<'a>,
    /// How they are wanted.
    pub options: SubscribeOptions,
}

/// The filters of a SUBSCRIBE.
#[derive(Clone, Copy)]
pub struct Filters<'a>(pub(super) List<'a, SubscribeFilter<'a>>);

/// The filters of an UNSUBSCRIBE.
#[derive(Clone, Copy)]
pub struct TopicFilters<'a>(pub(super) List<'a, TopicFilter<'a>>);

/// The codes of a SUBACK or UNSUBACK.
#[derive(Clone, Copy)]
pub struct ReasonCodes<'a>(pub(super) List<'a, ReasonCode>);

#[derive(Clone, Copy)]
pub(super) enum List<'a, T> {
    /// Checked when it was decoded, by the rules of that version.
    Raw(&'a [u8], Version),
    Items(&'a [T]),
}

impl<'a> Filters<'a> {
    /// Filters to be encoded.
    pub const fn new(filters: &'a [SubscribeFilter<'a>]) -> Filters<'a> {
        Filters(List::Items(filters))
    }

    /// All filters in their order.
    pub fn iter(&self) -> FiltersIter<'a> {
        FiltersIter(ListIter::new(self.0))
    }
}

impl<'a> TopicFilters<'a> {
    /// Filters to be encoded.
    pub const fn new(filters: &'a [TopicFilter<'a>]) -> TopicFilters<'a> {
        TopicFilters(List::Items(filters))
    }

    /// All filters in their order.
    pub fn iter(&self) -> TopicFiltersIter<'a> {
        TopicFiltersIter(ListIter::new(self.0))
    }
}

impl<'a> ReasonCodes<'a> {
    /// Codes to be encoded.
    pub const fn new(codes: &'a [ReasonCode]) -> ReasonCodes<'a> {
        ReasonCodes(List::Items(codes))
    }

    /// All codes in their order.
    pub fn iter(&self) -> ReasonCodesIter<'a> {
        ReasonCodesIter(ListIter::new(self.0))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        match self.0 {
            List::Raw(raw, _) => raw.len(),
            List::Items(codes) => codes.len(),
        }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Clone)]
enum ListIter<'a, T> {
    Raw(Reader<'a>, Version),
    Items(core::slice::Iter<'a, T>),
}

impl<'a, T: Copy> ListIter<'a, T> {
    fn new(list: List<'a, T>) -> ListIter<'a, T> {
        match list {
            List::Raw(raw, version) => ListIter::Raw(Reader::new(raw, 0), version),
            List::Items(items) => ListIter::Items(items.iter()),
        }
    }

    /// A raw list was checked when it was decoded, so `read` does not fail; a fault would end the iteration.
    fn next_with(&mut self, read: impl FnOnce(&mut Reader<'a>, Version) -> Result<T, Faulty>) -> Option<T> {
        match self {
            ListIter::Raw(reader, _) if reader.is_empty() => None,
            ListIter::Raw(reader, version) => read(reader, *version).ok(),
            ListIter::Items(items) => items.next().copied(),
        }
    }
}

/// Iterates over the filters of a SUBSCRIBE.
#[derive(Clone)]
pub struct FiltersIter<'a>(ListIter<'a, SubscribeFilter<'a>>);

impl<'a> Iterator for FiltersIter<'a> {
    type Item = SubscribeFilter<'a>;

    fn next(&mut self) -> Option<SubscribeFilter<'a>> {
        self.0.next_with(|reader, version| {
            let filter = TopicFilter::checked(reader.binary()?);
            let options = SubscribeOptions::from_byte(reader.u8()?, version).map_err(|_| Faulty)?;
            Ok(SubscribeFilter { filter, options })
        })
    }
}

/// Iterates over the filters of an UNSUBSCRIBE.
#[derive(Clone)]
pub struct TopicFiltersIter<'a>(ListIter<'a, TopicFilter<'a>>);

impl<'a> Iterator for TopicFiltersIter<'a> {
    type Item = TopicFilter<'a>;

    fn next(&mut self) -> Option<TopicFilter<'a>> {
        self.0.next_with(|reader, _| Ok(TopicFilter::checked(reader.binary()?)))
    }
}

/// Iterates over codes.
#[derive(Clone)]
pub struct ReasonCodesIter<'a>(ListIter<'a, ReasonCode>);

impl Iterator for ReasonCodesIter<'_> {
    type Item = ReasonCode;

    fn next(&mut self) -> Option<ReasonCode> {
        // The codes of UNSUBACK that SUBACK does not have are looked up in its own table.
        self.0.next_with(|reader, _| {
            let byte = reader.u8()?;
            ReasonCode::from_byte(byte, PacketKind::Suback)
                .or(ReasonCode::from_byte(byte, PacketKind::Unsuback))
                .ok_or(Faulty)
        })
    }
}

/// The rest of the packet as a list of at least one item, each read once to check it.
#[inline(always)]
pub(super) fn read_list<'a, T, I>(
    reader: &mut Reader<'a>,
    version: Version,
    read: impl Fn(&mut Reader<'a>, Version) -> Result<I, Faulty>,
) -> Result<List<'a, T>, Faulty> {
    if reader.is_empty() {
        return Err(reader.refuse_here(DecodeErrorKind::EmptyList));
    }
    let mut items = *reader;
    while !items.is_empty() {
        if let Err(faulty) = read(&mut items, version) {
            *reader = items;
            return Err(faulty);
        }
    }
    Ok(List::Raw(reader.rest(), version))
}

macro_rules! list_traits {
    ($($list:ident, $iter:ident;)*) => {
        $(
            impl PartialEq for $list<'_> {
                fn eq(&self, other: &Self) -> bool {
                    self.iter().eq(other.iter())
                }
            }

            impl Eq for $list<'_> {}

            impl fmt::Debug for $list<'_> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_list().entries(self.iter()).finish()
                }
            }

            impl fmt::Debug for $iter<'_> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_list().entries(self.clone()).finish()
                }
            }
        )*
    };
}

list_traits! {
    Filters, FiltersIter;
    TopicFilters, TopicFiltersIter;
    ReasonCodes, ReasonCodesIter;
}
