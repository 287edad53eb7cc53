//! The result for programs: one object whose names stay, with the unit in the name of each figure.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Figures, QUANTILES};

pub(super) fn object(figures: &Figures<'_>) -> Value {
    let Figures { subject, recorder, ending, generating, .. } = figures;
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| drop(object.insert(name.into(), value));
    set("command", json!(subject.command));
    for (name, value) in &subject.settings {
        set(name, value.clone());
    }
    set("rate_asked_per_s", json!(subject.rate_asked));
    set("is_open_loop", json!(subject.rate_asked.is_some()));
    set("is_interrupted", json!(ending.is_interrupted));
    set("duration_s", json!(figures.seconds));
    set(&format!("{}s", subject.one), json!(recorder.done));
    set("started", json!(recorder.started));
    set("not_started", json!(recorder.left_out));
    set("failed", json!(recorder.failed()));
    let failures = recorder.failures.iter().map(|(reason, (_, count))| (reason.clone(), json!(count)));
    set("failures", Value::Object(failures.collect()));
    set("connections_lost", json!(ending.connections_lost));
    for (name, _, count) in &subject.counts {
        set(name, json!(count));
    }
    set("rate_per_s", json!(figures.rate));
    set("payload_bytes", json!(recorder.bytes));
    set("payload_bytes_per_s", json!(figures.bytes_per_second));
    set("latency_is", json!(subject.latency));
    set("latency_count", json!(recorder.latency_ns.len()));
    let has_latency = !recorder.latency_ns.is_empty();
    for (_, name, quantile) in QUANTILES {
        set(name, json!(has_latency.then(|| micros(figures.latency(quantile)))));
    }
    set("latency_us_mean", json!(has_latency.then(|| recorder.latency_ns.mean() / 1e3)));
    set("lag_us_p99", json!((!recorder.lag_ns.is_empty()).then(|| micros(figures.lag_p99))));
    set(&format!("cpu_us_per_{}", subject.one), json!(figures.cpu_us_each));
    let wall = generating.wall.as_secs_f64().max(1e-9);
    let percent = |time: Duration| 100.0 * time.as_secs_f64() / wall;
    set("cpu_percent", json!(generating.process.map(percent)));
    set("generator_thread_percent", json!(generating.thread.map(percent)));
    set("generator_waited_percent", json!(percent(generating.waited)));
    set("generator_limit", json!(figures.generator_limit));
    set("notes", json!(subject.notes));
    Value::Object(object)
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}
