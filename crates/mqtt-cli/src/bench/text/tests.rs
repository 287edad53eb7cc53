//! Units, digits, and what XML must not see.

use super::*;

#[test]
fn times_have_three_digits_and_a_unit() {
    let cases =
        [(1, "1.00 ns"), (850, "850 ns"), (12_340, "12.3 µs"), (999_400, "999 µs"), (5_000_000, "5.00 ms")];
    for (nanos, text) in cases {
        assert_eq!(time(Duration::from_nanos(nanos)), text);
    }
    assert_eq!(time(Duration::from_secs(1234)), "1,234 s");
}

#[test]
fn digits_are_grouped() {
    for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(grouped(number), text);
    }
    assert_eq!((counted(1, "client"), counted(2000, "client")), ("1 client".into(), "2,000 clients".into()));
}

#[test]
fn xml_is_escaped() {
    assert_eq!(xml("a<b>&\"'\u{1}\n</svg>"), "a&lt;b&gt;&amp;&quot;&apos;\u{fffd} &lt;/svg&gt;");
}
