//! `mqtt bench`: against the embedded broker, mosquitto, and a relay that stalls.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_smol::broker::{self, Config, User};
use serde_json::Value;

use crate::process::{Running, failure, mqtt, run};
use crate::server::Mosquitto;

fn start_broker() -> broker::Running {
    broker::start("127.0.0.1:0").expect("there is a free port")
}

/// `mqtt bench …` with `--json`, and what it printed.
fn bench(args: &[&str]) -> (Output, Value) {
    let output = run(&[&["bench"], args, &["--json"]].concat());
    let figures = serde_json::from_slice(&output.stdout);
    let figures = figures.unwrap_or_else(|error| panic!("{args:?}: {error}: {:?}", failure(&output)));
    (output, figures)
}

/// The same, which must succeed and say nothing else.
fn measured(args: &[&str]) -> Value {
    let (output, figures) = bench(args);
    assert_eq!(failure(&output), (Some(0), String::new()), "{args:?}");
    figures
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or_else(|| panic!("{name} is a number: {figures}"))
}

fn assert_consistent(figures: &Value) {
    let [messages, started, rate, seconds] =
        ["messages", "started", "rate_per_s", "duration_s"].map(|name| number(figures, name));
    assert!(messages == started && messages > 0.0, "{figures}");
    assert!((rate * seconds - messages).abs() < 0.001 * messages, "{figures}");
    assert_eq!(number(figures, "latency_count"), messages);
    assert_eq!(number(figures, "payload_bytes"), messages * number(figures, "payload_size"));
    let percentiles = ["p50", "p90", "p99", "p99_9", "max"];
    let percentiles = percentiles.map(|name| number(figures, &format!("latency_us_{name}")));
    assert!(percentiles[0] > 0.0 && percentiles.is_sorted(), "{figures}");
    let (lag, thread) = (number(figures, "lag_us_p99"), number(figures, "generator_thread_percent"));
    let busy = thread + number(figures, "generator_waited_percent");
    if lag > 1000.0 || busy > 90.5 {
        assert!(figures["generator_limit"].is_string(), "{figures}");
    }
    if lag <= 1000.0 && busy < 89.5 {
        assert!(figures["generator_limit"].is_null(), "{figures}");
    }
}

#[test]
fn a_count_is_obeyed_exactly_at_each_qos() {
    let broker = start_broker();
    let url = broker.url();
    for qos in ["0", "1", "2"] {
        let reader =
            Running::subscribe(&[&url, "-t", "bench/#", "-t", "end", "-q", "2", "-F", "%t", "-C", "501"]);
        let load = ["--clients", "3", "--rate", "2000", "--count", "500", "--warmup", "0", "-q", qos];
        let figures = measured(&[&["pub", &url], &load[..]].concat());
        assert_eq!(number(&figures, "messages"), 500.0);
        assert_consistent(&figures);
        // What was sent with QoS 0 has arrived when its connections have ended.
        while broker.stats().sessions_online > 1 {
            thread::yield_now();
        }
        assert!(run(&["pub", &url, "-t", "end", "-n", "-q", "1"]).status.success());
        let (_, said) = reader.finish();
        assert!(said.ends_with(b"\nend\n"), "there are no more than 500");
        let of =
            |client: &str| String::from_utf8_lossy(&said).lines().filter(|topic| *topic == client).count();
        assert_eq!((of("bench/0"), of("bench/1"), of("bench/2")), (167, 167, 166), "QoS {qos}");
    }
    let closed = measured(&["pub", &url, "--clients", "3", "--count", "1000", "--warmup", "0.1"]);
    assert_eq!((number(&closed, "messages"), &closed["is_open_loop"]), (1000.0, &Value::Bool(false)));
    assert!(closed["latency_is"].as_str().is_some_and(|text| text.contains("from the sending")), "{closed}");
}

#[test]
fn what_is_sent_in_the_warm_up_is_not_counted() {
    let broker = start_broker();
    let url = broker.url();
    let before = broker.stats().packets_in;
    let figures = measured(&["pub", &url, "--rate", "200", "--count", "50", "--warmup", "0.5"]);
    assert_eq!(number(&figures, "messages"), 50.0);
    // CONNECT, 100 in the warm-up, 50 that count, DISCONNECT.
    assert_eq!(broker.stats().packets_in - before, 152);
}

#[test]
fn count_and_duration_end_a_run_whichever_is_first() {
    let broker = start_broker();
    let url = broker.url();
    let base = ["pub", &url, "--rate", "200", "--warmup", "0"];
    let start = Instant::now();
    let by_time = measured(&[&base[..], &["--duration", "1", "--count", "100000"]].concat());
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(number(&by_time, "started") + number(&by_time, "not_started") == 200.0, "{by_time}");
    let by_count = measured(&[&base[..], &["--duration", "3600", "--count", "100"]].concat());
    assert_eq!(number(&by_count, "messages"), 100.0);
    assert!(number(&by_count, "duration_s") >= 0.495, "{by_count}");
}

/// Passes bytes on both ways, and stops doing so while it is told to.
struct Relay {
    address: String,
    is_stalled: Arc<(Mutex<bool>, Condvar)>,
}

impl Relay {
    fn start(to: std::net::SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it has an address").to_string();
        let is_stalled = Arc::new((Mutex::new(false), Condvar::new()));
        let shared = Arc::clone(&is_stalled);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let server = TcpStream::connect(to).expect("the broker listens");
                let both = [(&client, &server), (&server, &client)];
                for (from, to) in both.map(|(from, to)| (from.try_clone(), to.try_clone())) {
                    let (from, to) = (from.expect("a handle"), to.expect("a handle"));
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || pass_on(from, to, &shared));
                }
            }
        });
        Relay { address, is_stalled }
    }

    fn stall(&self, is_stalled: bool) {
        *self.is_stalled.0.lock().expect("no test thread panicked") = is_stalled;
        self.is_stalled.1.notify_all();
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, is_stalled: &(Mutex<bool>, Condvar)) {
    use std::io::Write;

    let mut buf = vec![0; 65_536];
    while let Ok(len @ 1..) = from.read(&mut buf) {
        let guard = is_stalled.0.lock().expect("no test thread panicked");
        drop(is_stalled.1.wait_while(guard, |is_stalled| *is_stalled));
        if to.write_all(&buf[..len]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// The proof that latency is from the due time: in a stall only the few messages that fit into the window are sent, and
/// every message that was due in it is late all the same.
#[test]
fn a_stall_is_seen_in_the_latency_of_all_that_was_due_in_it() {
    const STALL: Duration = Duration::from_secs(1);
    let broker = start_broker();
    let relay = Relay::start(broker.address());
    let url = format!("mqtt://{}", relay.address);
    let path = std::env::temp_dir().join(format!("mqtt-bench-stall-{}", std::process::id()));
    let path = path.to_str().expect("a path of plain characters");
    let load = ["--rate", "200", "--warmup", "0", "--count", "500", "--inflight", "5", "--hgrm", path];
    let child = mqtt(&[&["bench", "pub", &url, "--json"], &load[..]].concat()).spawn().expect("it starts");
    let before = broker.stats().packets_in;
    while broker.stats().packets_in < before + 50 {
        thread::yield_now();
    }
    relay.stall(true);
    let (_alive, timer) = std::sync::mpsc::channel::<()>();
    assert!(timer.recv_timeout(STALL).is_err());
    relay.stall(false);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(number(&figures, "messages"), 500.0);
    assert!(number(&figures, "latency_us_max") >= 900_000.0, "{figures}");
    // About 100 of the 200 that were due in the stall waited for more than half of it.
    let table = std::fs::read_to_string(path).expect("it was written");
    std::fs::remove_file(path).expect("it was written");
    let rows = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace().map(str::parse::<f64>);
        Some((words.next()?.ok()?, words.nth(1)?.ok()?))
    });
    let faster = rows.filter(|(millis, _)| *millis < 500.0).map(|(_, total)| total).fold(0.0, f64::max);
    assert!(500.0 - faster >= 70.0, "{faster} of 500 took less than 0.5 s: {table}");
}

#[test]
fn round_trips_lose_nothing_at_any_qos() {
    let broker = start_broker();
    let embedded = broker.url();
    let mosquitto = Mosquitto::start();
    let urls = [Some(embedded), mosquitto.as_ref().map(Mosquitto::url)];
    for url in urls.iter().flatten() {
        for (qos, version) in [("0", "5"), ("1", "3.1.1"), ("2", "5")] {
            let load = ["--clients", "2", "--rate", "400", "--count", "200", "--warmup", "0.2"];
            let figures = measured(&[&["rtt", url, "-q", qos, "-V", version], &load[..]].concat());
            assert_eq!((number(&figures, "messages"), number(&figures, "duplicates")), (200.0, 0.0));
            assert_consistent(&figures);
        }
    }
}

#[test]
fn connections_are_opened_and_held_at_once() {
    let broker = start_broker();
    let (url, before) = (broker.url(), broker.stats().connections_opened);
    let args = ["conn", &url, "--count", "60", "--rate", "300", "--inflight", "7", "--hold", "60", "--json"];
    let held = Running::start(mqtt(&[&["bench"], &args[..]].concat()));
    while broker.stats().sessions_online < 60 {
        thread::yield_now();
    }
    held.interrupt();
    let (code, said) = held.finish();
    let figures: Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!((code, number(&figures, "connections")), (Some(130), 60.0));
    assert_eq!(broker.stats().connections_opened - before, 60);
    let figures = measured(&["conn", &url, "--count", "20"]);
    assert_eq!((number(&figures, "connections"), number(&figures, "failed")), (20.0, 0.0));
    let users = vec![User { name: "me".into(), password: b"secret".to_vec() }];
    let config = Config::default().users(users).allows_anonymous(false);
    let guarded = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    let (output, figures) = bench(&["conn", &guarded.url(), "--count", "5"]);
    assert_eq!((number(&figures, "connections"), number(&figures, "failed")), (0.0, 5.0), "{figures}");
    let (code, said) = failure(&output);
    assert!(code == Some(4) && said.contains("5 connections failed"), "{code:?} {said}");
    let login = ["-u", "me", "-P", "secret", "--quiet"];
    measured(&[&["conn", &guarded.url(), "--count", "5"], &login[..]].concat());
}

#[test]
fn a_subscriber_counts_latency_gaps_and_duplicates_of_stamped_messages() {
    let broker = start_broker();
    let url = broker.url();
    let args = ["bench", "sub", &url, "--count", "300", "--json"];
    let reader = Running::start(mqtt(&args));
    while broker.stats().subscriptions < 1 {
        thread::yield_now();
    }
    let load = ["--clients", "2", "--rate", "1000", "--count", "300", "--warmup", "0", "--timestamp"];
    measured(&[&["pub", &url], &load[..]].concat());
    let (code, said) = reader.finish();
    let figures: Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!(code, Some(0));
    for (name, count) in
        [("messages", 300.0), ("stamped", 300.0), ("missing", 0.0), ("duplicates", 0.0), ("late", 0.0)]
    {
        assert_eq!(number(&figures, name), count, "{name}: {figures}");
    }
    let max = number(&figures, "latency_us_max");
    assert!(max > 0.0 && max < 60e6, "{figures}");
    let nothing = measured(&["sub", &url, "--duration", "0.2"]);
    assert_eq!((number(&nothing, "messages"), &nothing["latency_us_p50"]), (0.0, &Value::Null));
}

#[test]
fn an_outage_is_told_and_counted_and_loses_nothing_above_qos_0() {
    let broker = start_broker();
    let url = broker.url();
    for qos in ["1", "2"] {
        // Without a rate there are always messages under way.
        let load = ["--count", "3000", "--warmup", "0", "-q", qos, "--json"];
        let child = mqtt(&[&["bench", "pub", &url], &load[..]].concat()).spawn().expect("it starts");
        let before = broker.stats().packets_in;
        while broker.stats().packets_in < before + 100 {
            thread::yield_now();
        }
        assert_eq!(broker.cut_all(), 1);
        let output = child.wait_with_output().expect("it ends");
        let (code, said) = failure(&output);
        let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((code, number(&figures, "messages")), (Some(0), 3000.0), "QoS {qos}: {said} {figures}");
        assert_eq!(number(&figures, "connections_lost"), 1.0);
        assert!(said.contains("connection lost") && said.contains("connected again"), "{said}");
    }
}

#[test]
fn an_interrupt_ends_the_run_and_the_result_is_printed() {
    let broker = start_broker();
    let url = broker.url();
    let running = Running::start(mqtt(&["bench", "pub", &url, "--rate", "100", "--warmup", "0"]));
    while broker.stats().packets_in < 20 {
        thread::yield_now();
    }
    running.interrupt();
    let (code, said) = running.finish();
    let said = String::from_utf8(said).expect("text");
    assert!(
        code == Some(130) && said.contains(", interrupted\n") && said.contains("p99.9"),
        "{code:?} {said}"
    );
}

#[test]
fn the_generator_says_when_it_was_the_limit_and_only_then() {
    let broker = start_broker();
    let url = broker.url();
    let load = ["--rate", "1e6", "--inflight", "60000", "--warmup", "0", "--duration", "0.5"];
    let output = run(&[&["bench", "pub", &url], &load[..]].concat());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("\nthe generator was the limit: "), "{said}");
    assert!(said.contains("no room before the end") || said.contains("1,000,000 asked"), "{said}");
    // On a machine that is busy with other things it may be the limit at any rate, and then it says why.
    let figures = measured(&["pub", &url, "--rate", "50", "--warmup", "0.1", "--duration", "1"]);
    assert_consistent(&figures);
    let is_late = number(&figures, "lag_us_p99") > 1000.0;
    let is_busy = ["generator_thread_percent", "generator_waited_percent"]
        .iter()
        .filter_map(|name| figures[*name].as_f64())
        .sum::<f64>()
        > 90.0;
    assert_eq!(figures["generator_limit"].is_string(), is_late || is_busy, "{figures}");
}

#[test]
fn the_files_are_those_that_plotters_and_viewers_read() {
    let broker = start_broker();
    let path = |name: &str| {
        let path = std::env::temp_dir().join(format!("mqtt-bench-{name}-{}", std::process::id()));
        path.to_str().expect("a path of plain characters").to_owned()
    };
    let (plot, hgrm) = (path("plot"), path("hgrm"));
    let load = ["--rate", "200", "--duration", "1", "--warmup", "0", "--plot", &plot, "--hgrm", &hgrm];
    let figures = measured(&[&["pub", &broker.url()], &load[..]].concat());
    let table = std::fs::read_to_string(&hgrm).expect("it was written");
    assert!(
        table.trim_start().starts_with("Value     Percentile TotalCount 1/(1-Percentile)\n\n"),
        "{table}"
    );
    let mut rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let last: Vec<f64> = rows
        .next_back()
        .expect("rows")
        .split_whitespace()
        .map(|word| word.parse().expect("numbers"))
        .collect();
    assert_eq!(last[1..], [1.0, number(&figures, "messages")]);
    assert!((last[0] * 1000.0 - number(&figures, "latency_us_max")).abs() < 1.0, "{last:?} {figures}");
    let svg = std::fs::read_to_string(&plot).expect("it was written");
    assert_balanced(&svg);
    for label in
        ["Latency in ms", "Messages per second", "in s", "QoS 1, 64 bytes", "prefers-color-scheme:dark"]
    {
        assert!(svg.contains(label), "{label}: {svg}");
    }
    for path in [plot, hgrm] {
        std::fs::remove_file(path).expect("it was written");
    }
}

/// Each tag is closed in the order in which it was opened.
fn assert_balanced(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("each tag has an end");
        assert!(!text.contains('>') && tag.matches('"').count() % 2 == 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().expect("a name")),
        }
    }
    assert!(open.is_empty() && xml.starts_with("<svg "), "{open:?}");
}

#[test]
fn settings_come_from_variables_as_for_other_commands() {
    let broker = start_broker();
    let args = ["bench", "pub", "--count", "5", "--warmup", "0", "--json"];
    let output = mqtt(&args).env("MQTT_URL", broker.url()).output().expect("it starts");
    assert_eq!(failure(&output), (Some(0), String::new()));
    let profiles = std::env::temp_dir().join(format!("mqtt-bench-profiles-{}", std::process::id()));
    std::fs::write(&profiles, format!("[lab]\nurl = \"{}\"\n", broker.url())).expect("it can be written");
    let behind = format!("{}/lab/%c/%n", broker.url());
    let figures = measured(&["pub", &behind, "--count", "5", "--warmup", "0"]);
    assert_eq!(figures["topic"], "lab/%c/%n");
    let args = [&args[..], &["--profile", "lab"]].concat();
    let output = mqtt(&args).env("MQTT_PROFILES", &profiles).output().expect("it starts");
    std::fs::remove_file(&profiles).expect("it was written");
    assert_eq!(failure(&output), (Some(0), String::new()));
}

#[test]
fn what_no_process_can_do_is_refused_with_a_reason() {
    let usage = [
        (&["pub", "--rate", "1e9"][..], "from 0.001 to 10000000"),
        (&["pub", "--rate", "-1"], "from 0.001"),
        (&["pub", "--rate", "NaN"], "from 0.001"),
        (&["pub", "--clients", "1000000"], "10000"),
        (&["pub", "--clients", "1000", "--inflight", "60000"], "more than 1000000"),
        (&["pub", "--size", "100000000"], "more than 1073741824"),
        (&["pub", "--size", "4294967295"], "268000000"),
        (&["pub", "--count", "0"], "--count"),
        (&["pub", "--duration", "0"], "more than 0"),
        (&["pub", "--inflight", "0"], "--inflight"),
        (&["pub", "-t", "a/#"], "wildcard"),
        (&["pub", "--size", "10", "--timestamp"], "28 bytes"),
        (&["pub", "-i", "me", "--store", "/nowhere"], "--store is for one client"),
        (&["rtt", "--clients", "2", "-t", "same"], "use %c"),
        (&["rtt", "--size", "27"], "28"),
        (&["sub", "-t", "a/#/b"], "-t"),
        (&["conn", "--count", "1000000"], "50000"),
    ];
    for (args, text) in usage {
        let (code, said) = failure(&run(&[&["bench"], args].concat()));
        assert!(code == Some(2) && said.contains(text), "{args:?}: {code:?} {said}");
    }
    let (code, said) = failure(&run(&["bench", "pub", "mqtt://127.0.0.1:1"]));
    assert!(code == Some(3) && said.contains("127.0.0.1:1"), "{code:?} {said}");
}

/// The progress is for people who look at it.
#[cfg(unix)]
#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    use crate::terminal::terminal;

    let broker = start_broker();
    let url = broker.url();
    for (quiet, is_shown) in [(&[][..], true), (&["--quiet"], false)] {
        let (mut user, side) = terminal();
        let load = ["--rate", "100", "--duration", "1", "--warmup", "0"];
        let mut command = mqtt(&[&["bench", "pub", &url], &load[..], quiet].concat());
        command.stderr(std::process::Stdio::from(side));
        let mut running = Running::start(command);
        assert!(running.child().wait().expect("it ends").success());
        drop(running);
        let mut seen = Vec::new();
        // Once nobody holds the other side, reading ends with an error on Linux.
        let _ = user.read_to_end(&mut seen);
        let seen = String::from_utf8_lossy(&seen);
        assert_eq!(seen.contains("messages, ") && seen.contains("[#"), is_shown, "{seen:?}");
    }
}
