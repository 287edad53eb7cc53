//! What is a user and a rule, and what is said about what is none.

use super::*;

#[test]
fn the_first_colon_ends_the_name_and_a_password_has_any_bytes() {
    for (line, name, password) in [
        (&b"ada:secret"[..], "ada", &b"secret"[..]),
        (b"ada:", "ada", b""),
        (b"a b:c:d # e", "a b", b"c:d # e"),
        (b"-x:-y", "-x", b"-y"),
        (b"ada:\xff\x00\xfe", "ada", b"\xff\x00\xfe"),
    ] {
        let expected = User { name: name.into(), password: password.to_vec() };
        assert!(parse_user(line) == Ok(expected), "{line:?}");
    }
    for (line, text) in [(&b"ada"[..], "use NAME:PASSWORD"), (b":x", "empty"), (b"\xff:x", "UTF-8")] {
        assert!(parse_user(line).is_err_and(|error| error.contains(text)), "{line:?}");
    }
}

#[test]
fn a_rule_allows_or_denies_topics_to_a_user_or_to_all() {
    let rule = |rule: Result<Rule, _>| rule.expect("a valid filter");
    for (line, expected) in [
        ("allow read a/#", rule(Rule::allow(Action::Read, "a/#"))),
        ("  deny\twrite +/b  ", rule(Rule::deny(Action::Write, "+/b"))),
        ("deny all # eve", rule(Rule::deny(Action::All, "#")).for_user("eve")),
        ("allow all -a -b", rule(Rule::allow(Action::All, "-a")).for_user("-b")),
    ] {
        assert_eq!(parse_rule(line), Ok(expected), "{line}");
    }
    for (line, text) in [
        ("", "0 words"),
        ("deny read", "2 words"),
        ("deny read a b c", "5 words"),
        ("forbid read a", "\"forbid\" is not allow or deny"),
        ("deny look a", "\"look\" is not read, write or all"),
        ("deny read a/#/b", "\"a/#/b\" is no topic filter"),
    ] {
        let error = parse_rule(line).expect_err(line);
        assert!(error.contains(text) && error.contains("as in: deny write secret/# eve"), "{error}");
    }
}
