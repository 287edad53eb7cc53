//! What rules decide, for topics and for subscriptions.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use mqtt_parts::Rng;
use mqtt_proto::{TopicFilter, TopicName};

use super::{Action, Rule, may_read, may_subscribe, may_write};

/// Rules about reading, in a short form: `+` and `-` allow and deny, and then comes the filter.
fn rules(short: &[&str]) -> Vec<Rule> {
    let rule = |text: &&str| match text.split_at(1) {
        ("+", filter) => Rule::allow(Action::Read, filter).expect("a valid filter"),
        ("-", filter) => Rule::deny(Action::Read, filter).expect("a valid filter"),
        _ => panic!("{text}"),
    };
    short.iter().map(rule).collect()
}

fn filter(text: &str) -> TopicFilter<'_> {
    TopicFilter::new(text).expect("a valid filter")
}

fn topic(text: &str) -> TopicName<'_> {
    TopicName::new(text).expect("a valid topic")
}

#[test]
fn a_subscription_is_denied_when_a_rule_covers_all_of_it() {
    let cases = [
        ("secret/#", "secret/a", true),
        ("secret/#", "secret/+/b", true),
        ("secret/#", "secret/#", true),
        ("secret/#", "secret", true),
        ("secret/#", "#", false),
        ("secret/#", "+/a", false),
        ("secret/+", "secret/+", true),
        ("secret/+", "secret/#", false),
        ("secret/+", "secret/a/b", false),
        ("secret", "secret", true),
        ("secret", "$share/group/secret", true),
        ("#", "$SYS/#", true),
        ("+/a", "$SYS/a", true),
    ];
    for (denied, asked, is_covered) in cases {
        let rules = [Rule::deny(Action::Read, denied).expect("a valid filter")];
        assert_eq!(may_subscribe(&rules, None, filter(asked)), !is_covered, "{denied} {asked}");
    }
}

#[test]
fn a_subscription_is_granted_as_long_as_something_that_it_could_bring_is_allowed() {
    let cases: &[(&[&str], &str, bool)] = &[
        // An allow-list.
        (&["+public/#", "-#"], "public/a", true),
        (&["+public/#", "-#"], "#", true),
        (&["+public/#", "-#"], "+", true),
        (&["+public/#", "-#"], "+/+/c", true),
        (&["+public/#", "-#"], "private/#", false),
        (&["+public/#", "-#"], "$SYS/#", false),
        (&["+$SYS/#", "-#"], "#", false),
        (&["+$SYS/#", "-#"], "+/a", false),
        (&["+$SYS/#", "-#"], "$SYS/a", true),
        (&["+a/+/c", "-#"], "+/b/#", true),
        (&["+a/b", "-#"], "a/b/#", true),
        (&["+a/b/c", "-#"], "a/b", false),
        // The first rule that matches decides.
        (&["-#", "+a"], "a", false),
        (&["-a/secret", "+a/#", "-#"], "a/secret", false),
        (&["-a/secret", "+a/#", "-#"], "a/+", true),
        (&["-a/+", "+a/b", "-#"], "a/b", false),
        // Several rules may deny all together what none of them does alone.
        (&["-a", "-a/#"], "a/#", false),
        (&["-a", "-a/+", "-a/+/#"], "a/#", false),
        (&["-a", "-a/+", "-a/+/+/#"], "a/#", false),
        (&["-a", "-a/+/+/#"], "a/#", true),
        (&["-+/+/#", "-a"], "#", true),
        (&["-+", "-+/+/#"], "#", false),
        (&["-a/+", "+a/#", "-#"], "a/#", true),
        (&["-a/+", "+a/+", "-#"], "a/#", false),
    ];
    for (short, asked, is_granted) in cases {
        assert_eq!(may_subscribe(&rules(short), None, filter(asked)), *is_granted, "{short:?} {asked}");
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let list = rules(&["-a/secret", "+a/#", "-#"]);
    for (name, is_allowed) in
        [("a/secret", false), ("a/b", true), ("a", true), ("b", false), ("$SYS/b", false)]
    {
        assert_eq!(may_read(&list, None, topic(name)), is_allowed, "{name}");
        assert!(may_write(&list, None, topic(name)), "no rule is about writing");
    }
    let both = [Rule::deny(Action::All, "a").expect("a valid filter")];
    assert!(!may_read(&both, None, topic("a")) && !may_write(&both, None, topic("a")));
    assert!(may_read(&both, None, topic("a/b")) && may_write(&[], None, topic("a")));
}

#[test]
fn a_rule_for_one_user_leaves_others_alone() {
    let rule = [Rule::deny(Action::Read, "a").expect("a valid filter").for_user("eve")];
    assert!(!may_subscribe(&rule, Some("eve"), filter("a")));
    assert!(may_subscribe(&rule, Some("ada"), filter("a")));
    assert!(may_subscribe(&rule, None, filter("a")));
    let list = [
        Rule::allow(Action::All, "#").expect("a valid filter").for_user("ada"),
        Rule::deny(Action::All, "#").expect("a valid filter"),
    ];
    assert!(may_read(&list, Some("ada"), topic("a")) && may_write(&list, Some("ada"), topic("a")));
    assert!(!may_read(&list, Some("eve"), topic("a")) && !may_write(&list, None, topic("a")));
}

/// What is said of a filter is what is true of all its topics.
#[test]
fn a_subscription_is_granted_exactly_if_one_of_its_topics_may_be_read() {
    // One more level, and one more name, than any rule knows.
    let names = ["a", "b", "other", "$s"];
    let mut topics: Vec<String> = vec![];
    let mut longest: Vec<String> = names.map(String::from).to_vec();
    for _level in 0..4 {
        topics.extend(longest.iter().cloned());
        longest =
            longest.iter().flat_map(|begun| names.map(|name| alloc::format!("{begun}/{name}"))).collect();
    }
    let mut rng = Rng::new(7);
    let mut counts = [0; 2];
    for _case in 0..3000 {
        let asked = random_filter(&mut rng);
        let list: Vec<Rule> = (0..7)
            .map(|_| {
                let filter = random_filter(&mut rng);
                let action = [Action::Read, Action::Write, Action::All][pick(&mut rng, 3)];
                let made = match pick(&mut rng, 3) {
                    0 => Rule::allow(action, &filter),
                    _ => Rule::deny(action, &filter),
                };
                made.expect("a valid filter")
            })
            .collect();
        let mut brought = topics.iter().map(|name| topic(name)).filter(|name| filter(&asked).matches(*name));
        let expected = brought.any(|name| may_read(&list, None, name));
        assert_eq!(may_subscribe(&list, None, filter(&asked)), expected, "{asked} {list:?}");
        counts[usize::from(expected)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 300), "both happen: {counts:?}");
}

fn pick(rng: &mut Rng, bound: u64) -> usize {
    (rng.next_u64() % bound) as usize
}

/// One to three levels.
fn random_filter(rng: &mut Rng) -> String {
    let mut levels = vec![];
    for _level in 0..=pick(rng, 3) {
        levels.push(["a", "b", "+", "+", "$s", "#"][pick(rng, 6)]);
        if levels.last() == Some(&"#") {
            break;
        }
    }
    levels.join("/")
}
