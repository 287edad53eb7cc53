//! Topic names and topic filters: checked once, trusted afterwards.
//!
//! Names and filters compare byte for byte; nothing is normalised. [5.0 MQTT-4.7.3-4] [3.1.1 MQTT-4.7.3-4]

use core::fmt;

use crate::wire::{has_nul, has_nul_or_wildcard};

/// The name a message is published under: not empty, no wildcards, no U+0000, at most 65,535 bytes.
///
/// [5.0 MQTT-3.3.2-2] [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.3-1] [5.0 MQTT-4.7.3-2] [5.0 MQTT-4.7.3-3]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct TopicName<'a>(&'a str);

/// What a subscription asks for: levels, `+` for any one level, `#` for all that follow.
///
/// `$share/NAME/FILTER` is a shared subscription. At most 65,535 bytes, no U+0000.
/// [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.1-2] [5.0 MQTT-4.8.2-1] [5.0 MQTT-4.8.2-2]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct TopicFilter<'a>(&'a str);

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
    pub const ALIASED: TopicName<'static> = TopicName("");

    /// A name that the decoder has checked, or that a Topic Alias stands for.
    #[inline]
    pub(crate) const fn checked(name: &'a str) -> TopicName<'a> {
        TopicName(name)
    }

    /// Checks a name.
    #[inline]
    pub fn new(name: &'a str) -> Result<TopicName<'a>, TopicError> {
        check_size(name)?;
        if has_nul_or_wildcard(name.as_bytes()) {
            return Err(if has_nul(name.as_bytes()) { TopicError::Nul } else { TopicError::WildcardInName });
        }
        Ok(TopicName(name))
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether the name is left to a Topic Alias.
    pub const fn is_aliased(self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> TopicFilter<'a> {
    /// Checks a filter.
    pub fn new(filter: &'a str) -> Result<TopicFilter<'a>, TopicError> {
        check_size(filter)?;
        if !filter.starts_with(SHARE_PREFIX) {
            return TopicFilter::plain(filter);
        }
        let Some((_, levels)) = split_share(filter) else {
            let is_unnamed = filter[SHARE_PREFIX.len()..].starts_with('/') || filter == SHARE_PREFIX;
            return Err(if is_unnamed { TopicError::ShareName } else { TopicError::Shared });
        };
        TopicFilter::plain(levels)?;
        if has_nul(filter.as_bytes()) { Err(TopicError::Nul) } else { Ok(TopicFilter(filter)) }
    }

    /// Checks a filter by the rules before 5.0, in which `$share` is a level like any other.
    pub(crate) fn plain(filter: &'a str) -> Result<TopicFilter<'a>, TopicError> {
        check_size(filter)?;
        if has_nul_or_wildcard(filter.as_bytes()) {
            if has_nul(filter.as_bytes()) {
                return Err(TopicError::Nul);
            }
            check_wildcards(filter)?;
        }
        Ok(TopicFilter(filter))
    }

    /// The whole filter, with `$share/NAME/` if it is shared.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The share name of a shared subscription.
    pub fn share_name(self) -> Option<&'a str> {
        split_share(self.0).map(|(name, _)| name)
    }

    /// Whether this is a shared subscription.
    pub fn is_shared(self) -> bool {
        split_share(self.0).is_some()
    }

    /// The part that topics are matched against: all of it, or what follows `$share/NAME/`.
    pub fn levels(self) -> &'a str {
        split_share(self.0).map_or(self.0, |(_, levels)| levels)
    }

    /// Whether the filter holds a wildcard.
    pub fn has_wildcard(self) -> bool {
        self.levels().contains(['+', '#'])
    }

    /// Whether a message with that name is for this filter.
    ///
    /// A filter that begins with a wildcard does not match names that begin with `$`. [5.0 MQTT-4.7.2-1]
    pub fn matches(self, topic: TopicName<'_>) -> bool {
        let filter = self.levels();
        if topic.0.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut names = topic.0.split('/');
        let mut filters = filter.split('/');
        loop {
            match (filters.next(), names.next()) {
                (Some("#"), _) => return true,
                (Some("+"), Some(_)) => {}
                (Some(filter), Some(name)) if filter == name => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

pub(crate) const SHARE_PREFIX: &str = "$share/";

/// Share name and filter of `$share/NAME/FILTER`.
fn split_share(filter: &str) -> Option<(&str, &str)> {
    let (name, levels) = filter.strip_prefix(SHARE_PREFIX)?.split_once('/')?;
    let is_shared = !name.is_empty() && !name.contains(['+', '#']) && !levels.is_empty();
    is_shared.then_some((name, levels))
}

fn check_size(text: &str) -> Result<(), TopicError> {
    match text.len() {
        0 => Err(TopicError::Empty),
        1..=0xffff => Ok(()),
        size => Err(TopicError::TooLong { size }),
    }
}

/// `#` stands alone in the last level, `+` alone in any level.
fn check_wildcards(levels: &str) -> Result<(), TopicError> {
    let bytes = levels.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let begins_level = || index == 0 || bytes[index - 1] == b'/';
        let next = || bytes.get(index + 1);
        match byte {
            b'#' if !(begins_level() && next().is_none()) => return Err(TopicError::WildcardPosition),
            b'+' if !(begins_level() && next().is_none_or(|next| *next == b'/')) => {
                return Err(TopicError::SingleLevelWildcardPosition);
            }
            _ => {}
        }
    }
    Ok(())
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
        f.write_str(self.0)
    }
}

impl fmt::Debug for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
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
