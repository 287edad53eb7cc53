//! What a plot names, that it is XML, and that nothing leaves its panel.

use std::time::Duration;

use super::*;

fn labels(title: &str) -> Labels<'_> {
    Labels { title, latency: "from the due time to PUBACK", what: "messages" }
}

#[test]
fn a_title_cannot_break_the_xml() {
    let text = svg(&labels("a<b & \"c\"</svg>"), &Intervals::new(Duration::from_millis(100)));
    assert!(text.contains("<title>a&lt;b &amp; &quot;c&quot;&lt;/svg&gt;</title>"), "{text}");
    assert_eq!(text.matches("</svg>").count(), 1);
}

#[test]
fn both_panels_have_lines_and_labels() {
    let mut intervals = Intervals::new(Duration::from_millis(100));
    for tenth in 0..50 {
        let time = Duration::from_millis(100 * tenth);
        intervals.record(time, time, Duration::from_micros(100 + 100 * tenth * tenth));
    }
    let text = svg(&labels("t"), &intervals);
    for label in [
        "Latency in ms, from the due time to PUBACK",
        "Messages per second",
        "in s",
        ">p50<",
        ">p99<",
        ">max<",
    ] {
        assert!(text.contains(label), "{label}: {text}");
    }
    let paths: Vec<&str> = text.lines().filter(|line| line.starts_with("<path")).collect();
    assert_eq!(paths.len(), 4);
    for path in paths {
        assert_eq!(path.matches('L').count(), 49, "{path}");
        let (_, d) = path.split_once("d=\"M").expect("a path");
        for pair in d.trim_end_matches("\"/>").replace("h0", "").split('L') {
            let (x, y) = pair.split_once(' ').expect("two numbers");
            let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
            assert!((LEFT..=WIDTH - RIGHT).contains(&x) && (56.0..=470.0).contains(&y), "{x} {y}");
        }
    }
}

#[test]
fn an_interval_without_messages_breaks_the_line_of_latency() {
    let mut intervals = Intervals::new(Duration::from_secs(1));
    for second in [0, 1, 4] {
        let time = Duration::from_secs(second);
        intervals.record(time, time, Duration::from_millis(1));
    }
    let text = svg(&labels("t"), &intervals);
    let p50 = text.lines().find(|line| line.contains("line p50")).expect("it is there");
    assert_eq!(p50.matches('M').count(), 2, "{p50}");
}

#[test]
fn steps_are_1_2_or_5() {
    for (value, nice) in [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (70.0, 100.0), (0.03, 0.05)] {
        assert!((nice_above(value) - nice).abs() < 1e-9, "{value}: {}", nice_above(value));
    }
    assert_eq!((plain(0.25), plain(10.0), plain(0.0)), ("0.25".into(), "10".into(), "0".into()));
}
