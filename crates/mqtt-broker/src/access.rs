//! Who may come in, and what they may read and write: plain lists, asked in order.
//!
//! Everything is allowed that no rule denies. A subscription is refused if a rule covers all that it could bring;
//! one that only overlaps with a rule is granted, and what the rule denies is left out on delivery.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use mqtt_proto::{TopicError, TopicFilter, TopicName};

/// Someone who may connect.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user name of CONNECT.
    pub name: String,
    /// The password of CONNECT.
    pub password: Vec<u8>,
}

impl fmt::Debug for User {
    /// The password is never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Something that is denied, to one user or to all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    user: Option<String>,
    /// Checked when the rule was made.
    filter: String,
    deny: Deny,
}

/// What a [`Rule`] denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deny {
    /// To be sent messages of these topics.
    Read,
    /// To publish to these topics, by a will too.
    Write,
}

impl Rule {
    /// Denies something on all topics that `filter` matches; to everyone if `user` is none.
    pub fn new(user: Option<&str>, filter: &str, deny: Deny) -> Result<Rule, TopicError> {
        let filter = TopicFilter::new(filter)?.levels().into();
        Ok(Rule { user: user.map(String::from), filter, deny })
    }

    fn is_about(&self, user: Option<&str>, deny: Deny) -> bool {
        self.deny == deny && self.user.as_deref().is_none_or(|name| user == Some(name))
    }

    fn matches(&self, topic: TopicName<'_>) -> bool {
        TopicFilter::new(&self.filter).is_ok_and(|filter| filter.matches(topic))
    }

    /// Whether the rule matches every topic that `filter` can match.
    fn covers(&self, filter: TopicFilter<'_>) -> bool {
        let mut asked = filter.levels().split('/');
        for level in self.filter.split('/') {
            match (level, asked.next()) {
                ("#", _) => return true,
                ("+", Some(level)) if level != "#" => {}
                (level, Some(asked)) if level == asked => {}
                _ => return false,
            }
        }
        asked.next().is_none()
    }
}

/// Whether `user` may publish to `topic`.
pub(crate) fn may_write(rules: &[Rule], user: Option<&str>, topic: TopicName<'_>) -> bool {
    !rules.iter().any(|rule| rule.is_about(user, Deny::Write) && rule.matches(topic))
}

/// Whether `user` may be sent messages of `topic`.
pub(crate) fn may_read(rules: &[Rule], user: Option<&str>, topic: TopicName<'_>) -> bool {
    !rules.iter().any(|rule| rule.is_about(user, Deny::Read) && rule.matches(topic))
}

/// Whether `user` may subscribe with `filter`.
pub(crate) fn may_subscribe(rules: &[Rule], user: Option<&str>, filter: TopicFilter<'_>) -> bool {
    !rules.iter().any(|rule| rule.is_about(user, Deny::Read) && rule.covers(filter))
}

#[cfg(test)]
mod tests;
