//! Which strings are topic names and filters, and which filters match which names.

use super::*;

#[test]
fn names_without_wildcards_are_names() {
    for name in
        ["a", "/", "/a", "a//b", "a/", "$SYS/x", "ä€", "\u{feff}a", "sensors/+x".trim_end_matches("+x")]
    {
        assert_eq!(TopicName::new(name).map(TopicName::as_str), Ok(name));
    }
}

#[test]
fn what_is_no_name_is_refused() {
    let long = "x".repeat(65_536);
    let cases = [
        ("", TopicError::Empty),
        ("a/+", TopicError::WildcardInName),
        ("#", TopicError::WildcardInName),
        ("12345678#", TopicError::WildcardInName),
        ("a\0b", TopicError::Nul),
        (long.as_str(), TopicError::TooLong { size: 65_536 }),
    ];
    for (name, error) in cases {
        assert_eq!(TopicName::new(name), Err(error), "{name:?}");
    }
    assert!(TopicName::new(&long[1..]).is_ok());
}

/// [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.1-2] [5.0 MQTT-4.8.2-1] [5.0 MQTT-4.8.2-2] [3.1.1 MQTT-4.7.1-2]
/// [3.1.1 MQTT-4.7.1-3]
#[test]
fn wildcards_and_shares_have_their_places() {
    for filter in ["#", "+", "a/#", "+/+/#", "/+", "+/", "$share/g/a/#", "$share/g/#", "$share/g//", "a/+/b"]
    {
        assert!(TopicFilter::new(filter).is_ok(), "{filter:?}");
    }
    let cases = [
        ("", TopicError::Empty),
        ("a#", TopicError::WildcardPosition),
        ("#/a", TopicError::WildcardPosition),
        ("a/#/b", TopicError::WildcardPosition),
        ("a+", TopicError::SingleLevelWildcardPosition),
        ("a/+b", TopicError::SingleLevelWildcardPosition),
        ("a\0", TopicError::Nul),
        ("$share/g", TopicError::Shared),
        ("$share/g/", TopicError::Shared),
        ("$share//a", TopicError::ShareName),
        ("$share/+/a", TopicError::Shared),
        ("$share/g\0/a", TopicError::Nul),
        ("$share/g/a#", TopicError::WildcardPosition),
    ];
    for (filter, error) in cases {
        assert_eq!(TopicFilter::new(filter), Err(error), "{filter:?}");
    }
}

#[test]
fn a_shared_filter_knows_its_parts() {
    let filter = TopicFilter::new("$share/group/a/+").expect("a good filter");
    assert_eq!(filter.share_name(), Some("group"));
    assert_eq!(filter.levels(), "a/+");
    assert!(filter.is_shared() && filter.has_wildcard());
}

pub(crate) const MATCHES: &[(&str, &str, bool)] = &[
    ("a/b", "a/b", true),
    ("a/b", "a/c", false),
    ("a/b", "A/b", false),
    ("a/+", "a/b", true),
    ("a/+", "a", false),
    ("a/+", "a/b/c", false),
    ("a/+", "a/", true),
    ("+/+", "/finance", true),
    ("/+", "/finance", true),
    ("+", "/finance", false),
    ("a/#", "a", true),
    ("a/#", "a/b/c", true),
    ("a/#", "ab", false),
    ("#", "a/b", true),
    ("#", "/", true),
    ("+/b/#", "a/b", true),
    ("#", "$SYS/a", false),
    ("+/a", "$SYS/a", false),
    ("$SYS/#", "$SYS/a", true),
    ("$SYS/+", "$SYS/a", true),
    ("a/#", "a/$b", true),
    ("$share/g/a/+", "a/b", true),
    ("$share/g/#", "$SYS/a", false),
];

/// [5.0 MQTT-4.7.2-1] [5.0 MQTT-4.7.3-4] [3.1.1 MQTT-4.7.2-1] [3.1.1 MQTT-4.7.3-4]
#[test]
fn filters_match_by_level() {
    for &(filter, name, expected) in MATCHES {
        let filter = TopicFilter::new(filter).expect("a good filter");
        let name = TopicName::new(name).expect("a good name");
        assert_eq!(filter.matches(name), expected, "{filter} {name}");
    }
}
