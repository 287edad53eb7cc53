//! What the token list keeps, what it drops, and where it finds things.

use super::{lines_with, tokens, without_tests};

fn texts(source: &str) -> Vec<&str> {
    tokens(source).iter().map(|token| token.text).collect()
}

#[test]
fn prose_and_strings_are_dropped() {
    let source = "a /* b /* c */ d */ e // f\n\"g \\\" h\" i r#\"j \" k\"# l b\"m\" n '\\'' o 'p' q b'r' s";
    assert_eq!(texts(source), ["a", "e", "i", "l", "n", "o", "q", "s"]);
}

#[test]
fn a_raw_name_and_a_lifetime_do_not_open_a_string() {
    assert_eq!(texts("r#type"), ["r", "#", "type"]);
    assert_eq!(texts("&'a str, 'static"), ["&", "str", ","]);
}

#[test]
fn open_ends_stop_at_the_end_of_the_file() {
    for source in ["\"a", "/* a", "r#\"a", "'", "'a", "b'", "// a", "r#"] {
        tokens(source);
    }
}

#[test]
fn lines_are_counted_through_comments_and_strings() {
    let lines: Vec<usize> = tokens("a\n/*\n*/ b\n\"\n\n\" c").iter().map(|token| token.line).collect();
    assert_eq!(lines, [1, 3, 6]);
}

#[test]
fn a_pattern_is_found_whatever_the_spacing() {
    let found = lines_with(&tokens("x\nprint ! ()\nprint != y\nsprint!()\n"), "print!");
    assert_eq!(found, [2]);
}

#[test]
fn items_of_tests_are_left_out() {
    let source = "a; #[cfg(test)] mod tests; b; #[cfg(test)] #[allow(x)] fn c() -> [u8; 2] { d } e";
    let kept: Vec<&str> = without_tests(&tokens(source)).iter().map(|token| token.text).collect();
    assert_eq!(kept, ["a", ";", "b", ";", "e"]);
}

#[test]
fn a_field_of_tests_ends_with_its_struct() {
    let source = "struct A { a: u8, #[cfg(test)] b: u8 } c";
    let kept: Vec<&str> = without_tests(&tokens(source)).iter().map(|token| token.text).collect();
    assert_eq!(kept, ["struct", "A", "{", "a", ":", "u8", ",", "}", "c"]);
}
