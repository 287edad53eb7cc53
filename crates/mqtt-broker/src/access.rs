//! Who may come in, and what they may read and write: plain lists, asked in order.
//!
//! The first [`Rule`] that is about the user and matches the topic decides; where none does, all is allowed. A
//! subscription is refused if nothing that it could bring is allowed. Otherwise it is granted, and what is denied is left
//! out on delivery, message by message.

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

/// Allows or denies something on the topics of a filter, to one user or to all.
///
/// Wildcards of a rule match topics that begin with `$`, too, so that a last rule that denies [`Action::All`] on `#` leaves
/// nothing open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    effect: Effect,
    action: Action,
    /// Checked when the rule was made.
    filter: String,
    user: Option<String>,
}

/// What a [`Rule`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// To be sent messages of these topics.
    Read,
    /// To publish to these topics, by a will too.
    Write,
    /// Both.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

impl Rule {
    /// Allows something on all topics that `filter` matches, to everyone. Of a shared filter only what follows the name
    /// counts.
    pub fn allow(action: Action, filter: &str) -> Result<Rule, TopicError> {
        Rule::new(Effect::Allow, action, filter)
    }

    /// Denies something on all topics that `filter` matches, to everyone.
    pub fn deny(action: Action, filter: &str) -> Result<Rule, TopicError> {
        Rule::new(Effect::Deny, action, filter)
    }

    /// The rule for one user only, by the user name of CONNECT.
    #[must_use]
    pub fn for_user(self, name: impl Into<String>) -> Rule {
        Rule { user: Some(name.into()), ..self }
    }

    fn new(effect: Effect, action: Action, filter: &str) -> Result<Rule, TopicError> {
        let filter = TopicFilter::new(filter)?.levels().into();
        Ok(Rule { effect, action, filter, user: None })
    }

    fn is_about(&self, user: Option<&str>, asked: Action) -> bool {
        (self.action == asked || self.action == Action::All)
            && self.user.as_deref().is_none_or(|name| user == Some(name))
    }

    fn matches(&self, topic: &str) -> bool {
        let mut asked = topic.split('/');
        for level in self.filter.split('/') {
            match (level, asked.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (level, Some(asked)) if level == asked => {}
                _ => return false,
            }
        }
        asked.next().is_none()
    }
}

/// Whether `user` may publish to `topic`.
pub(crate) fn may_write(rules: &[Rule], user: Option<&str>, topic: TopicName<'_>) -> bool {
    is_allowed(rules, user, Action::Write, topic)
}

/// Whether `user` may be sent messages of `topic`.
pub(crate) fn may_read(rules: &[Rule], user: Option<&str>, topic: TopicName<'_>) -> bool {
    is_allowed(rules, user, Action::Read, topic)
}

fn is_allowed(rules: &[Rule], user: Option<&str>, asked: Action, topic: TopicName<'_>) -> bool {
    let decides = rules.iter().find(|rule| rule.is_about(user, asked) && rule.matches(topic.as_str()));
    decides.is_none_or(|rule| rule.effect == Effect::Allow)
}

/// Whether `user` may subscribe with `filter`: whether there is a topic that it matches and that `user` may read.
///
/// Such a topic is in the filter and in a rule that allows, or in none, and in no rule that denies and stands before.
pub(crate) fn may_subscribe(rules: &[Rule], user: Option<&str>, filter: TopicFilter<'_>) -> bool {
    let asked: Vec<&str> = filter.levels().split('/').collect();
    let mut denied: Vec<Vec<&str>> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.is_about(user, Action::Read)) {
        let levels: Vec<&str> = rule.filter.split('/').collect();
        match rule.effect {
            Effect::Deny => denied.push(levels),
            Effect::Allow => {
                let common = intersection(&asked, &levels);
                if common.is_some_and(|common| has_more(&common, &denied)) {
                    return true;
                }
            }
        }
    }
    has_more(&asked, &denied)
}

/// The filter of the topics that the filter of a subscription and that of a rule both match, if there are any.
fn intersection<'a>(asked: &[&'a str], ruled: &[&'a str]) -> Option<Vec<&'a str>> {
    let is_wild = matches!(asked.first(), Some(&"#" | &"+"));
    if is_wild && ruled.first().is_some_and(|level| level.starts_with('$')) {
        // [5.0 MQTT-4.7.2-1] [3.1.1 MQTT-4.7.2-1]
        return None;
    }
    let mut common = Vec::new();
    for at in 0.. {
        match (asked.get(at), ruled.get(at)) {
            (Some(&"#"), _) => {
                common.extend(ruled.get(at..).unwrap_or_default());
                break;
            }
            (_, Some(&"#")) => {
                common.extend(asked.get(at..).unwrap_or_default());
                break;
            }
            (Some(&"+"), Some(level)) | (Some(level), Some(&"+")) => common.push(*level),
            (Some(level), Some(other)) if level == other => common.push(*level),
            (None, None) => break,
            _ => return None,
        }
    }
    Some(common)
}

/// Whether the filter matches a topic that none of the others does.
///
/// Where it has a wildcard, a level that nobody names is the best candidate: whatever matches that level, matches every
/// other level too. So there is one candidate for each number of levels, and no more numbers than the others have levels.
fn has_more(filter: &[&str], others: &[Vec<&str>]) -> bool {
    let mut alive: Vec<&[&str]> = others.iter().map(Vec::as_slice).collect();
    for depth in 0.. {
        if alive.iter().any(|rest| matches!(rest, ["#"])) {
            return false;
        }
        let ends_here = !alive.iter().any(|rest| rest.is_empty());
        let is_open = filter.last() == Some(&"#") && depth + 1 >= filter.len();
        let level = match filter.get(depth) {
            // No topic is without a level.
            _ if is_open && ends_here && depth > 0 => return true,
            _ if is_open => None,
            Some(&"+") => None,
            Some(level) => Some(*level),
            None => return ends_here,
        };
        alive.retain_mut(|rest| match rest.split_first() {
            Some((first, behind)) if *first == "+" || Some(*first) == level => {
                *rest = behind;
                true
            }
            Some(_) | None => false,
        });
    }
    false
}

#[cfg(test)]
mod tests;
