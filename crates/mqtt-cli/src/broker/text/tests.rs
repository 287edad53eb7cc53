//! What a terminal would see.

use super::*;

#[test]
fn nothing_of_the_network_is_printed_as_it_came() {
    let bad = "\u{1b}[2J\r\n\u{7}\u{202e}\u{200b}\0\"\u{9b}";
    for text in [quoted(bad), printable(bad), behind_colon(bad), user(Some(bad))] {
        assert!(text.chars().all(|character| (' '..='~').contains(&character)), "{text:?}");
    }
    assert_eq!(quoted("a\"b\u{1b}c"), r#""a\"b\u{1b}c""#);
    assert_eq!(printable("it is 'x' or \"y\"\n"), "it is 'x' or \"y\"\\n");
    assert_eq!(quoted("Tür-7"), "\"Tür-7\"");
}

#[test]
fn long_texts_are_cut_where_a_character_begins() {
    let long = "ü".repeat(100_000);
    assert_eq!(quoted(&long), format!("\"{}\"...", "ü".repeat(SHOWN_MAX)));
    assert_eq!(printable(&long).chars().count(), TEXT_MAX);
    assert_eq!(quoted(&long[..2 * SHOWN_MAX]), format!("\"{}\"", "ü".repeat(SHOWN_MAX)));
}

#[test]
fn the_time_of_day_is_that_of_the_clock_in_utc() {
    let at = |secs| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(secs);
    for (secs, shown) in [(0, "00:00:00Z"), (86_399, "23:59:59Z"), (86_400 * 20_000 + 3_723, "01:02:03Z")] {
        assert_eq!(time_of_day(at(secs)), shown);
    }
}
