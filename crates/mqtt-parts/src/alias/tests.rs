//! Peers that follow the packets always know the topic, and the least recently used alias goes first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::format;
use std::string::String;

use super::*;
use crate::Rng;

fn send(aliases: &mut AliasesOut, topic: &str) -> Naming {
    let naming = aliases.naming(topic.as_bytes());
    aliases.commit(naming, topic.as_bytes());
    naming
}

#[test]
fn a_topic_is_named_once_and_then_by_its_alias() {
    let mut aliases = AliasesOut::new();
    assert_eq!(send(&mut aliases, "home/door"), Naming::Name);
    aliases.reset(2);
    assert_eq!(send(&mut aliases, "home/door"), Naming::NameAndAlias(1));
    assert_eq!(send(&mut aliases, "home/door"), Naming::Alias(1));
    assert_eq!(send(&mut aliases, "abc"), Naming::Name);
    aliases.reset(2);
    assert_eq!(send(&mut aliases, "home/door"), Naming::NameAndAlias(1));
}

#[test]
fn what_is_not_sent_sets_nothing() {
    let mut aliases = AliasesOut::new();
    aliases.reset(9);
    assert_eq!(aliases.naming(b"home/door"), Naming::NameAndAlias(1));
    assert_eq!(aliases.naming(b"home/door"), Naming::NameAndAlias(1));
}

#[test]
fn the_alias_of_the_topic_that_was_not_sent_for_longest_is_set_anew() {
    let mut aliases = AliasesOut::new();
    aliases.reset(2);
    send(&mut aliases, "home/1");
    send(&mut aliases, "home/2");
    send(&mut aliases, "home/1");
    assert_eq!(send(&mut aliases, "home/3"), Naming::NameAndAlias(2));
    assert_eq!(send(&mut aliases, "home/1"), Naming::Alias(1));
    assert_eq!(send(&mut aliases, "home/2"), Naming::NameAndAlias(2));
}

/// A peer that follows the packets always knows which topic is meant, and the choice is that of a plain list.
#[test]
fn any_traffic_is_understood_and_the_least_recently_used_goes() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let max = 1 + rng.below(40) as u16;
        let topics = 1 + rng.below(120);
        let mut aliases = AliasesOut::new();
        aliases.reset(max);
        let mut peer: BTreeMap<u16, String> = BTreeMap::new();
        let mut recent: VecDeque<String> = VecDeque::new();
        for _message in 0..1_000 {
            let topic = format!("topic/{}", rng.below(topics));
            let is_recent = recent.contains(&topic);
            match send(&mut aliases, &topic) {
                Naming::Name => panic!("aliases are allowed"),
                Naming::NameAndAlias(alias) => {
                    assert!((1..=max).contains(&alias) && !is_recent, "seed {seed}");
                    peer.insert(alias, topic.clone());
                }
                Naming::Alias(alias) => assert!(is_recent && peer[&alias] == topic, "seed {seed}"),
            }
            recent.retain(|other| *other != topic);
            recent.push_back(topic);
            if recent.len() > usize::from(max) {
                recent.pop_front();
            }
            let known: BTreeSet<&String> = peer.values().collect();
            assert_eq!(known, recent.iter().collect(), "seed {seed}");
        }
    }
}
