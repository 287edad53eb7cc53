//! Topic names and filters as types: what `new` takes, and what matches what.

use mqtt_proto::{TopicError, TopicFilter, TopicName};

use crate::checks;

/// [5.0 MQTT-4.7.3-1] [5.0 MQTT-4.7.3-2] [5.0 MQTT-4.7.3-3] [5.0 MQTT-4.7.0-1] [3.1.1 MQTT-4.7.3-1]
/// [3.1.1 MQTT-4.7.3-2] [3.1.1 MQTT-4.7.3-3] [3.1.1 MQTT-4.7.1-1]
#[test]
fn names_have_a_character_no_wildcard_no_nul_and_an_end() {
    let longest = "x".repeat(65_535);
    let too_long = "x".repeat(65_536);
    for name in ["a", " ", "/", "//", "$SYS/x", "$share/g/t", "ä/€/😀", &longest] {
        assert_eq!(TopicName::new(name).map(TopicName::as_str), Ok(name));
        assert_eq!(TopicFilter::new(name).map(TopicFilter::as_str), Ok(name));
    }
    let rows = [
        ("", TopicError::Empty),
        ("+", TopicError::WildcardInName),
        ("a/#", TopicError::WildcardInName),
        ("a\0", TopicError::Nul),
        ("#\0", TopicError::Nul),
        (&too_long, TopicError::TooLong { size: 65_536 }),
    ];
    for (name, error) in rows {
        assert_eq!(TopicName::new(name), Err(error));
        assert_eq!(TopicName::try_from(name), Err(error));
    }
    for (filter, error) in [rows[0], rows[3], rows[5]] {
        assert_eq!(TopicFilter::new(filter), Err(error));
        assert_eq!(TopicFilter::try_from(filter), Err(error));
    }
}

/// Every text of up to six characters out of those that mean something, against rules written a second time.
///
/// [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3]
#[test]
fn short_filters_follow_the_rules() {
    each_text("a/+#", 6, &mut |text| checks::topic_rules(text));
}

/// [5.0 MQTT-4.8.2-1] [5.0 MQTT-4.8.2-2]
#[test]
fn short_shared_filters_follow_the_rules() {
    each_text("a/+#", 5, &mut |text| checks::topic_rules(&format!("$share/{text}")));
    for text in ["$share", "$shared/a", "$SHARE/a/b", "$share/g\0/a", "a/$share/g/t"] {
        checks::topic_rules(text);
    }
}

/// Filters and names of a few levels, matched by a second set of rules and by the trie.
#[test]
fn short_filters_match_by_level() {
    let mut names = Vec::new();
    each_text("a/$", 4, &mut |text| names.push(text.to_owned()));
    each_text("a/+#", 4, &mut |filter| {
        if TopicFilter::new(filter).is_ok() {
            names.iter().for_each(|name| checks::topic_match(filter, name));
        }
    });
}

/// Every text of at most `len_max` of the letters, the empty one first.
fn each_text(letters: &str, len_max: usize, visit: &mut dyn FnMut(&str)) {
    let mut texts = vec![String::new()];
    for _ in 0..=len_max {
        texts.iter().for_each(|text| visit(text));
        texts = texts
            .iter()
            .flat_map(|text| letters.chars().map(move |letter| format!("{text}{letter}")))
            .collect();
    }
}
