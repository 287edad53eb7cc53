//! What rules cover.

use mqtt_proto::TopicFilter;

use super::{Deny, Rule, may_subscribe};

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
    ];
    for (denied, asked, is_covered) in cases {
        let rule = Rule::new(None, denied, Deny::Read).expect("a valid filter");
        let filter = TopicFilter::new(asked).expect("a valid filter");
        assert_eq!(may_subscribe(&[rule], None, filter), !is_covered, "{denied} {asked}");
    }
}

#[test]
fn a_rule_for_one_user_leaves_others_alone() {
    let rule = [Rule::new(Some("eve"), "a", Deny::Read).expect("a valid filter")];
    let filter = TopicFilter::new("a").expect("a valid filter");
    assert!(!may_subscribe(&rule, Some("eve"), filter));
    assert!(may_subscribe(&rule, Some("ada"), filter));
    assert!(may_subscribe(&rule, None, filter));
}
