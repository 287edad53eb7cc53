//! Bars that fit a terminal, and a table that a plotter reads.

use super::*;

fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("legal bounds");
    values.into_iter().for_each(|value| histogram.saturating_record(value));
    histogram
}

#[test]
fn each_bar_has_its_limits_its_length_and_its_share() {
    let lines = bars(&histogram([150_000, 150_000, 150_000, 300_000]));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("100 µs – 200 µs ██"), "{}", lines[0]);
    assert!(lines[0].ends_with("3  75.00 %"), "{}", lines[0]);
    assert!(lines[1].starts_with("200 µs – 500 µs █"), "{}", lines[1]);
    let blocks = |line: &str| line.matches('█').count();
    assert_eq!((blocks(&lines[0]), blocks(&lines[1])), (38, 12));
}

#[test]
fn any_latencies_fit_20_lines_of_80_columns() {
    let lines = bars(&histogram((0..42).map(|power| 1 << power)));
    assert!(lines.len() <= LINES_MAX, "{lines:#?}");
    let shares: Vec<f64> = lines
        .iter()
        .map(|line| line.split_whitespace().rev().nth(1).expect("a share").parse().expect("a number"))
        .collect();
    assert!((shares.iter().sum::<f64>() - 100.0).abs() < 0.1, "{shares:?}");
    for line in &lines {
        assert!(line.chars().count() <= 80, "{line:?}");
    }
    assert_eq!(bars(&histogram([])), Vec::<String>::new());
}

#[test]
fn the_table_of_percentiles_ends_with_the_maximum() {
    let text = hgrm(&histogram((1..=1000).map(|number| number * 1_000_000)));
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().expect("a header").split_whitespace().collect();
    assert_eq!(head, ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]);
    let rows: Vec<Vec<f64>> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_whitespace().map(|word| word.parse().expect("numbers")).collect())
        .collect();
    assert!(
        rows.is_sorted_by(|one, next| one[0] <= next[0] && one[1] < next[1] && one[2] <= next[2]),
        "{text}"
    );
    let last = rows.last().expect("rows");
    assert_eq!((last[1], last[2], last.len()), (1.0, 1000.0, 3));
    assert!((last[0] - 1000.0).abs() < 1.0, "{text}");
    let median = rows.iter().find(|row| row[1] == 0.5).expect("a median");
    assert!((median[0] - 500.0).abs() < 1.0 && median[3] == 2.0, "{median:?}");
    assert!(text.contains("#[Max     =") && text.contains("Total count    =         1000]"), "{text}");
}
