//! The trie agrees with matching filter by filter, and stays whole while filters come and go.

use std::string::String;

use super::*;

fn matches(trie: &FilterTrie, topic: &str) -> Vec<String> {
    let mut found = Vec::new();
    let topic = TopicName::new(topic).expect("a good name");
    trie.for_each_match(topic, |id| found.push(trie.filter(id).expect("a filter that is there").into()));
    found.sort();
    found
}

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).expect("a good filter")
}

#[test]
fn agrees_with_the_table_of_matches() {
    for &(text, topic, expected) in crate::topic::tests::MATCHES {
        let mut trie = FilterTrie::new();
        trie.insert(filter(text));
        assert_eq!(!matches(&trie, topic).is_empty(), expected, "{text} {topic}");
    }
}

/// Every combination of a few levels, inserted and removed in turn, against matching one by one.
#[test]
fn agrees_with_matching_one_by_one_while_filters_come_and_go() {
    const LEVELS: [&str; 5] = ["a", "b", "+", "", "$x"];
    let mut filters: Vec<String> = Vec::new();
    for first in LEVELS {
        for second in LEVELS {
            for third in ["a", "+", "#"] {
                filters.push([first, second, third].join("/"));
            }
            filters.push([first, second].join("/"));
        }
    }
    filters.push("$share/g/a/+".into());
    filters.push("$share/h/a/+".into());
    let topics = ["a/b", "a/b/a", "a//a", "$x/a", "$x/a/a", "b", "a/b/c/d", "/b"];
    let mut trie = FilterTrie::new();
    let mut inside: Vec<&str> = Vec::new();
    for step in 0..filters.len() * 3 {
        let text = &*filters[step * 7 % filters.len()];
        if inside.contains(&text) {
            assert!(trie.remove(filter(text)).is_some());
            inside.retain(|other| *other != text);
        } else {
            trie.insert(filter(text));
            inside.push(text);
        }
        assert_eq!(trie.len(), inside.len());
        for topic in topics {
            let name = TopicName::new(topic).expect("a good name");
            let mut expected: Vec<String> =
                inside.iter().filter(|text| filter(text).matches(name)).map(|text| (*text).into()).collect();
            expected.sort();
            assert_eq!(matches(&trie, topic), expected, "{topic}");
        }
    }
}

#[test]
fn the_same_filter_keeps_its_number() {
    let mut trie = FilterTrie::new();
    let first = trie.insert(filter("a/+"));
    assert_eq!(trie.insert(filter("a/+")), first);
    assert_eq!(trie.get(filter("a/+")), Some(first));
    assert_eq!(trie.remove(filter("a/+")), Some(first));
    assert_eq!(trie.remove(filter("a/+")), None);
    assert!(trie.is_empty());
    assert_eq!(trie.insert(filter("b")).index(), first.index());
}

/// Sixty thousand levels on both sides neither recurse nor branch out of hand.
#[test]
fn a_topic_of_sixty_thousand_levels_is_matched() {
    let deep = "/".repeat(60_000);
    let mut trie = FilterTrie::new();
    trie.insert(filter(&"+/".repeat(30_000)));
    trie.insert(filter("/#"));
    assert_eq!(matches(&trie, &deep), ["/#"]);
}
