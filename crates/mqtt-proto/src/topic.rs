//! Topic names and topic filters: checked once, trusted afterwards.
//!
//! Names and filters compare byte for byte; nothing is normalised. [5.0 MQTT-4.7.3-4] [3.1.1 MQTT-4.7.3-4]

use core::fmt;

use crate::text;

/// The name a message is published under: not empty, no wildcards, no U+0000, at most 65,535 bytes.
///
/// It is kept as the bytes that were checked: [`TopicName::as_bytes`] costs nothing, [`TopicName::as_str`] one pass.
/// [5.0 MQTT-3.3.2-2] [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.3-1] [5.0 MQTT-4.7.3-2] [5.0 MQTT-4.7.3-3]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a [u8]);

/// What a subscription asks for: levels, `+` for any one level, `#` for all that follow.
///
/// `$share/NAME/FILTER` is a shared subscription. At most 65,535 bytes, no U+0000.
/// It is kept as the bytes that were checked: [`TopicFilter::as_bytes`] costs nothing, [`TopicFilter::as_str`] one
/// pass. [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.1-2] [5.0 MQTT-4.8.2-1] [5.0 MQTT-4.8.2-2]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a [u8]);

/// Why a string is no topic name or no topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// It has no character.
    Empty,
    /// It is longer than 65,535 bytes.
    TooLong {
        /// Its size in bytes.
        size: usize,
    },
    /// It holds U+0000.
    Nul,
    /// A topic name holds `+` or `#`.
    WildcardInName,
    /// `#` does not stand alone in the last level.
    WildcardPosition,
    /// `+` does not fill its level.
    SingleLevelWildcardPosition,
    /// It begins with `$share/` but has no share name.
    ShareName,
    /// It begins with `$share/` but has a wildcard in the share name, or no filter behind it.
    Shared,
}

impl<'a> TopicName<'a> {
    /// Stands for the name in a PUBLISH whose Topic Alias says it.
    pub const ALIASED: TopicName<'static> = TopicName(b"");

    /// A name that the decoder has checked, or that a Topic Alias stands for.
    #[inline]
    pub(crate) const fn checked(name: &'a [u8]) -> TopicName<'a> {
        TopicName(name)
    }

    /// Checks a name.
    #[inline]
    pub fn new(name: &'a str) -> Result<TopicName<'a>, TopicError> {
        let name = name.as_bytes();
        check_size(name)?;
        if text::has_nul_or_wildcard(name) {
            return Err(if text::has_nul(name) { TopicError::Nul } else { TopicError::WildcardInName });
        }
        Ok(TopicName(name))
    }

    /// The name, looked over once more to make a `str` of its bytes.
    pub const fn as_str(self) -> &'a str {
        text::checked(self.0)
    }

    /// The bytes of the name, which are UTF-8.
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether the name is left to a Topic Alias.
    #[inline]
    pub const fn is_aliased(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> TopicFilter<'a> {
    /// A filter that the decoder has checked.
    #[inline]
    pub(crate) const fn checked(filter: &'a [u8]) -> TopicFilter<'a> {
        TopicFilter(filter)
    }

    /// Checks a filter.
    pub fn new(filter: &'a str) -> Result<TopicFilter<'a>, TopicError> {
        let bytes = filter.as_bytes();
        check_size(bytes)?;
        if !bytes.starts_with(SHARE_PREFIX) {
            return TopicFilter::plain(filter);
        }
        let Some((_, levels)) = split_share(bytes) else {
            let is_unnamed = bytes[SHARE_PREFIX.len()..].starts_with(b"/") || bytes == SHARE_PREFIX;
            return Err(if is_unnamed { TopicError::ShareName } else { TopicError::Shared });
        };
        check_levels(levels)?;
        if text::has_nul(bytes) { Err(TopicError::Nul) } else { Ok(TopicFilter(bytes)) }
    }

    /// Checks a filter by the rules before 5.0, in which `$share` is a level like any other.
    pub(crate) fn plain(filter: &'a str) -> Result<TopicFilter<'a>, TopicError> {
        check_levels(filter.as_bytes())?;
        Ok(TopicFilter(filter.as_bytes()))
    }

    /// The whole filter, with `$share/NAME/` if it is shared; looked over once more to make a `str` of its bytes.
    pub const fn as_str(self) -> &'a str {
        text::checked(self.0)
    }

    /// The bytes of the whole filter, which are UTF-8.
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The share name of a shared subscription.
    pub fn share_name(self) -> Option<&'a str> {
        split_share(self.0).map(|(name, _)| text::checked(name))
    }

    /// Whether this is a shared subscription.
    pub fn is_shared(self) -> bool {
        split_share(self.0).is_some()
    }

    /// The part that topics are matched against: all of it, or what follows `$share/NAME/`.
    pub fn levels(self) -> &'a str {
        text::checked(self.level_bytes())
    }

    /// The bytes of [`TopicFilter::levels`].
    #[inline]
    pub(crate) fn level_bytes(self) -> &'a [u8] {
        split_share(self.0).map_or(self.0, |(_, levels)| levels)
    }

    /// Whether the filter holds a wildcard.
    pub fn has_wildcard(self) -> bool {
        // There is no U+0000 to be found in its place.
        text::has_nul_or_wildcard(self.level_bytes())
    }

    /// Whether a message with that name is for this filter.
    ///
    /// A filter that begins with a wildcard does not match names that begin with `$`. [5.0 MQTT-4.7.2-1]
    pub fn matches(self, topic: TopicName<'_>) -> bool {
        let filter = self.level_bytes();
        if topic.0.starts_with(b"$") && filter.first().is_some_and(|first| matches!(first, b'+' | b'#')) {
            return false;
        }
        let mut names = topic.0.split(|byte| *byte == b'/');
        let mut filters = filter.split(|byte| *byte == b'/');
        loop {
            match (filters.next(), names.next()) {
                (Some(b"#"), _) => return true,
                (Some(b"+"), Some(_)) => {}
                (Some(filter), Some(name)) if filter == name => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

pub(crate) const SHARE_PREFIX: &[u8] = b"$share/";

/// Share name and filter of `$share/NAME/FILTER`.
#[inline]
fn split_share(filter: &[u8]) -> Option<(&[u8], &[u8])> {
    let shared = filter.strip_prefix(SHARE_PREFIX)?;
    let name_len = shared.iter().position(|byte| *byte == b'/')?;
    let (name, levels) = (&shared[..name_len], &shared[name_len + 1..]);
    let is_shared =
        !name.is_empty() && !name.iter().any(|byte| matches!(byte, b'+' | b'#')) && !levels.is_empty();
    is_shared.then_some((name, levels))
}

fn check_size(text: &[u8]) -> Result<(), TopicError> {
    match text.len() {
        0 => Err(TopicError::Empty),
        1..=0xffff => Ok(()),
        size => Err(TopicError::TooLong { size }),
    }
}

/// `#` stands alone in the last level, `+` alone in any level.
fn check_levels(levels: &[u8]) -> Result<(), TopicError> {
    check_size(levels)?;
    if text::has_nul(levels) {
        return Err(TopicError::Nul);
    }
    if text::wildcards_fill_levels(levels) { Ok(()) } else { Err(misplaced_wildcard(levels)) }
}

/// Which kind of wildcard is the first to stand where it may not.
#[cold]
fn misplaced_wildcard(levels: &[u8]) -> TopicError {
    let mut rest = levels.split(|byte| *byte == b'/').peekable();
    while let Some(level) = rest.next() {
        let is_good = match level {
            b"+" => true,
            b"#" => rest.peek().is_none(),
            _ => false,
        };
        let wildcard = level.iter().find(|byte| matches!(byte, b'+' | b'#'));
        match wildcard {
            Some(b'+') if !is_good => return TopicError::SingleLevelWildcardPosition,
            Some(_) if !is_good => return TopicError::WildcardPosition,
            Some(_) | None => {}
        }
    }
    TopicError::WildcardPosition
}

impl<'a> TryFrom<&'a str> for TopicName<'a> {
    type Error = TopicError;

    fn try_from(name: &'a str) -> Result<Self, TopicError> {
        TopicName::new(name)
    }
}

impl<'a> TryFrom<&'a str> for TopicFilter<'a> {
    type Error = TopicError;

    fn try_from(filter: &'a str) -> Result<Self, TopicError> {
        TopicFilter::new(filter)
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TopicName<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TopicFilter<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicError::Empty => f.write_str("empty topic"),
            TopicError::TooLong { size } => write!(f, "a topic of {size} bytes where 65535 are the most"),
            TopicError::Nul => f.write_str("U+0000 in a topic"),
            TopicError::WildcardInName => {
                f.write_str("a wildcard in a topic name; only filters of subscriptions hold + and #")
            }
            TopicError::WildcardPosition => f.write_str("a misplaced wildcard; # is the whole last level"),
            TopicError::SingleLevelWildcardPosition => {
                f.write_str("a misplaced wildcard; + fills one whole level")
            }
            TopicError::ShareName => f.write_str("a shared subscription without a share name"),
            TopicError::Shared => f.write_str("a shared subscription has the form $share/NAME/FILTER"),
        }
    }
}

impl core::error::Error for TopicError {}

#[cfg(test)]
pub(crate) mod tests;
