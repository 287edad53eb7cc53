//! Latency as bars of text, and as the table of percentiles that plotters of HdrHistogram read.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::text::{grouped, time};

/// Bars of nanoseconds, one a line: at most [`LINES_MAX`] lines of 80 columns.
pub(crate) fn bars(latency_ns: &Histogram<u64>) -> Vec<String> {
    let [fine, coarse] = [&[1, 2, 5][..], &[1]].map(|steps| buckets(latency_ns, steps));
    let buckets = if fine.len() <= LINES_MAX { fine } else { coarse };
    let highest = buckets.iter().map(|(.., count)| *count).max().unwrap_or(1).max(1);
    let total = latency_ns.len().max(1) as f64;
    let line = |(low, high, count): (u64, u64, u64)| {
        let eighths = (count as f64 / highest as f64 * (BAR_WIDTH * 8) as f64).ceil() as usize;
        let mut bar = "█".repeat(eighths / 8);
        bar.push_str(["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]);
        let [low, high] = [low, high].map(|limit| short(Duration::from_nanos(limit)));
        let share = 100.0 * count as f64 / total;
        format!("{low:>6} – {high:>6} {bar:<BAR_WIDTH$} {:>13} {share:>6.2} %", grouped(count))
    };
    buckets.into_iter().map(line).collect()
}

/// Buckets whose limits are the steps and their multiples by powers of ten: from, to, and how many are within.
fn buckets(latency_ns: &Histogram<u64>, steps: &[u64]) -> Vec<(u64, u64, u64)> {
    let mut limits = (0..14).flat_map(|power| steps.iter().map(move |step| step * 10_u64.pow(power)));
    let mut low = limits.next().unwrap_or(1);
    let mut buckets: Vec<_> = limits
        .map(|high| {
            let bucket = (low, high, 0);
            low = high;
            bucket
        })
        .collect();
    for value in latency_ns.iter_recorded() {
        let at = value.value_iterated_to();
        let place = buckets.partition_point(|(_, high, _)| *high <= at);
        if let Some(bucket) = buckets.get_mut(place) {
            bucket.2 += value.count_at_value();
        }
    }
    let is_empty = |bucket: &(u64, u64, u64)| bucket.2 == 0;
    let Some(first) = buckets.iter().position(|bucket| !is_empty(bucket)) else { return Vec::new() };
    let last = buckets.iter().rposition(|bucket| !is_empty(bucket)).unwrap_or(first);
    buckets[first..=last].to_vec()
}

/// A limit of a bucket, which has one digit that is not 0.
fn short(limit: Duration) -> String {
    let text = time(limit);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    format!("{} {unit}", number.strip_suffix(".00").or(number.strip_suffix(".0")).unwrap_or(number))
}

/// The table of percentiles in milliseconds, as HdrHistogram itself writes it.
pub(crate) fn hgrm(latency_ns: &Histogram<u64>) -> String {
    let millis = |nanos: f64| nanos / 1e6;
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut total = 0;
    for step in latency_ns.iter_quantiles(5) {
        total += step.count_since_last_iteration();
        let quantile = step.quantile_iterated_to();
        let value = millis(step.value_iterated_to().min(latency_ns.max()) as f64);
        // Writing to a string cannot fail.
        let _ = match quantile < 1.0 {
            true => writeln!(text, "{value:12.6} {quantile:2.12} {total:10} {:14.2}", 1.0 / (1.0 - quantile)),
            false => writeln!(text, "{value:12.6} {quantile:2.12} {total:10}"),
        };
    }
    let (mean, deviation) = (millis(latency_ns.mean()), millis(latency_ns.stdev()));
    let (max, count) = (millis(latency_ns.max() as f64), latency_ns.len());
    let sub_buckets = 2048;
    let _ = writeln!(text, "#[Mean    = {mean:12.6}, StdDeviation   = {deviation:12.6}]");
    let _ = writeln!(text, "#[Max     = {max:12.6}, Total count    = {count:12}]");
    let _ = writeln!(text, "#[Buckets = {:12}, SubBuckets     = {sub_buckets:12}]", latency_ns.buckets());
    text
}

/// Lines of the text histogram.
const LINES_MAX: usize = 20;

const BAR_WIDTH: usize = 38;

#[cfg(test)]
mod tests;
