//! An SVG of two panels over time: latency, on a scale of powers of ten, and what ended per second.
//!
//! It has a background of its own and follows the viewer's colour scheme, so that it can be read in light and in dark.

use std::fmt::Write as _;

use super::intervals::{Interval, Intervals};
use super::text::{digits, xml};

/// What stands on the plot.
#[derive(Debug)]
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    /// What latency is, such as "from the due time to PUBACK".
    pub(crate) latency: &'a str,
    /// What is counted, such as "messages".
    pub(crate) what: &'a str,
}

/// The whole file.
pub(crate) fn svg(labels: &Labels<'_>, intervals: &Intervals) -> String {
    let seconds = intervals.width().as_secs_f64();
    let span = (intervals.list().len() as f64 * seconds).max(seconds);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"24\">{title}</text>\n",
        title = xml(labels.title)
    );
    latency_panel(&mut text, labels, intervals, span);
    rate_panel(&mut text, labels, intervals, span);
    text.push_str("</svg>\n");
    text
}

/// A figure of the latency of an interval.
type Micros = fn(&Interval) -> u64;

fn latency_panel(text: &mut String, labels: &Labels<'_>, intervals: &Intervals, span: f64) {
    let panel = Panel { top: 56.0, height: 220.0, span };
    let used = || intervals.list().iter().filter(|interval| !interval.latency_us.is_empty());
    let lowest = used().map(|interval| interval.latency_us.value_at_quantile(0.5)).min().unwrap_or(100);
    let highest = used().map(|interval| interval.latency_us.max()).max().unwrap_or(1000);
    let first = (lowest.max(1) as f64).log10().floor();
    let last = (highest.max(2) as f64).log10().ceil().max(first + 1.0);
    let heading = format!("Latency in ms, {}", labels.latency);
    panel.frame(text, &heading, "");
    for power in first as i32..=last as i32 {
        let share = (f64::from(power) - first) / (last - first);
        panel.grid_line(text, share, &plain(10_f64.powi(power - 3)));
    }
    let series: [(&str, Micros); 3] = [
        ("max", |interval| interval.latency_us.max()),
        ("p99", |interval| interval.latency_us.value_at_quantile(0.99)),
        ("p50", |interval| interval.latency_us.value_at_quantile(0.5)),
    ];
    for (place, (name, value)) in series.into_iter().enumerate() {
        let points = intervals.list().iter().map(|interval| {
            let share = ((value(interval).max(1) as f64).log10() - first) / (last - first);
            (!interval.latency_us.is_empty()).then_some(share)
        });
        panel.line(text, name, intervals, points);
        let x = WIDTH - RIGHT - 150.0 + 50.0 * place as f64;
        let _ = writeln!(text, "<text class=\"key {name}\" x=\"{x}\" y=\"48\">{name}</text>");
    }
}

fn rate_panel(text: &mut String, labels: &Labels<'_>, intervals: &Intervals, span: f64) {
    let panel = Panel { top: 330.0, height: 140.0, span };
    let seconds = intervals.width().as_secs_f64();
    let rate = |interval: &Interval| interval.ended as f64 / seconds;
    let top = nice_above(intervals.list().iter().map(rate).fold(1.0, f64::max));
    let mut what = labels.what.to_owned();
    if let Some(first) = what.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    panel.frame(text, &format!("{what} per second"), "Time since the end of the warm-up in s");
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        panel.grid_line(text, share, &digits(top * share));
    }
    panel.line(text, "rate", intervals, intervals.list().iter().map(|interval| Some(rate(interval) / top)));
}

/// Where a panel stands, and the seconds that it shows.
struct Panel {
    top: f64,
    height: f64,
    span: f64,
}

impl Panel {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.span * (WIDTH - LEFT - RIGHT)
    }

    /// From the share of the height, where 1 is the top.
    fn y(&self, share: f64) -> f64 {
        self.top + self.height * (1.0 - share.clamp(0.0, 1.0))
    }

    /// The heading, and the axis of time with its ticks and label.
    fn frame(&self, text: &mut String, heading: &str, time: &str) {
        let bottom = self.top + self.height;
        let _ = writeln!(
            text,
            "<text class=\"heading\" x=\"{LEFT}\" y=\"{:.1}\">{}</text>",
            self.top - 8.0,
            xml(heading)
        );
        let step = nice_above(self.span / 8.0);
        let ticks = (0..).map(|tick| f64::from(tick) * step).take_while(|at| *at <= self.span * 1.0001);
        for at in ticks.take(20) {
            let (x, label) = (self.x(at), plain(at));
            let _ = writeln!(
                text,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>",
                self.top,
                bottom + 16.0
            );
        }
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        let _ = writeln!(
            text,
            "<text class=\"tick\" text-anchor=\"middle\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
            bottom + 36.0,
            xml(time)
        );
    }

    fn grid_line(&self, text: &mut String, share: f64, label: &str) {
        let y = self.y(share);
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    }

    /// A line through the middles of the intervals, which stops where an interval has no value.
    fn line(
        &self,
        text: &mut String,
        class: &str,
        intervals: &Intervals,
        shares: impl Iterator<Item = Option<f64>>,
    ) {
        let seconds = intervals.width().as_secs_f64();
        let mut path = String::new();
        let mut is_broken = true;
        for (place, share) in shares.enumerate() {
            let Some(share) = share else {
                is_broken = true;
                continue;
            };
            let (x, y) = (self.x((place as f64 + 0.5) * seconds), self.y(share));
            // A line of no length makes a dot of a point that stands alone.
            let _ = match is_broken {
                true => write!(path, "M{x:.1} {y:.1}h0"),
                false => write!(path, "L{x:.1} {y:.1}"),
            };
            is_broken = false;
        }
        let _ = writeln!(text, "<path class=\"line {class}\" d=\"{path}\"/>");
    }
}

/// The next number above that is 1, 2 or 5 times a power of ten.
fn nice_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= value * 0.9999).unwrap_or(10.0 * power)
}

/// A number as short as it is exact enough.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const WIDTH: f64 = 840.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.heading{font-weight:600}\
.paper{fill:#fff}.grid{stroke:#ddd}.line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}\
.p50{stroke:#1a7f37}.p99{stroke:#b26a00}.max{stroke:#c62828}.rate{stroke:#1f6feb}\
.key{stroke:none;font-weight:600}.key.p50{fill:#1a7f37}.key.p99{fill:#b26a00}.key.max{fill:#c62828}\
@media (prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#16181d}.grid{stroke:#383c44}\
.p50{stroke:#4ac26b}.p99{stroke:#e3a33b}.max{stroke:#ff7b72}.rate{stroke:#6cb0ff}\
.key{stroke:none}.key.p50{fill:#4ac26b}.key.p99{fill:#e3a33b}.key.max{fill:#ff7b72}}";

#[cfg(test)]
mod tests;
