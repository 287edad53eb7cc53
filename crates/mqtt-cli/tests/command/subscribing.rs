//! `mqtt sub`: what is left out, when it ends, how messages are printed; and the same template for mosquitto_sub.

use std::process::Stdio;
use std::time::{Duration, Instant};

use mqtt_smol::broker;

use crate::process::{Running, failure, run};
use crate::server::{Mosquitto, command};

fn start_broker() -> broker::Running {
    broker::start("127.0.0.1:0").expect("there is a free port")
}

fn publish(url: &str, args: &[&str]) {
    let output = run(&[&["pub", url, "-q", "1"], args].concat());
    assert_eq!(failure(&output), (Some(0), String::new()));
}

fn output(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(failure(&output), (Some(0), String::new()), "{args:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn retained_messages_are_wanted_alone_not_at_all_or_removed() {
    let broker = start_broker();
    let url = broker.url();
    publish(&url, &["-t", "a/1", "-m", "one", "-r"]);
    publish(&url, &["-t", "a/2", "-m", "two", "-r"]);
    let only = Running::subscribe(&[&url, "-t", "a/#", "-q", "1", "--retained-only", "-v"]);
    let none = Running::subscribe(&[&url, "-t", "a/#", "-q", "1", "-R", "-v", "-C", "1"]);
    publish(&url, &["-t", "a/3", "-m", "new"]);
    let (code, mut said) = only.finish();
    said.sort_unstable();
    let mut expected = b"a/1 one\na/2 two\n".to_vec();
    expected.sort_unstable();
    assert_eq!((code, said), (Some(0), expected), "it ends by itself with the first other message");
    assert_eq!(none.finish(), (Some(0), b"a/3 new\n".to_vec()));
    let never = run(&["sub", &url, "-t", "a/#", "--retain-handling", "never", "-W", "0.3"]);
    assert_eq!((never.status.code(), never.stdout), (Some(5), Vec::new()));
    // What removes a message comes back, and is neither printed nor another message.
    for version in ["3.1.1", "5"] {
        publish(&url, &["-t", "a/1", "-m", "one", "-r"]);
        let removing =
            ["sub", &url, "-V", version, "-t", "a/#", "-v", "--remove-retained", "-T", "+/2", "-W", "0.5"];
        assert_eq!(output(&removing), "a/1 one\n");
        publish(&url, &["-t", "a/1", "-m", "one", "-r"]);
        assert_eq!(output(&[&removing[..], &["--retained-only"]].concat()), "a/1 one\n");
    }
    assert_eq!(output(&["sub", &url, "-t", "a/#", "-v", "--retained-only", "-W", "0.3"]), "a/2 two\n");
}

/// Whoever pages through the output stops the printing, for as long as it takes; the connection goes on.
#[test]
fn a_reader_that_does_not_read_costs_no_connection() {
    let broker = start_broker();
    let url = broker.url();
    // More than a pipe holds.
    publish(&url, &["-t", "a", "-r", "-m", "small"]);
    let mut reader = Running::subscribe(&[&url, "-t", "a", "-q", "1", "-k", "1", "-C", "4"]);
    let large = "x".repeat(100_000);
    for _ in 0..3 {
        publish(&url, &["-t", "a", "-m", &large]);
    }
    let (before, begun) = (broker.stats(), Instant::now());
    // Only pings come from now on, one a second; a connection that says nothing is ended after one and a half.
    while broker.stats().packets_in < before.packets_in + 4 {
        assert!(reader.child().try_wait().expect("it runs").is_none(), "it waits for its reader");
        assert!(begun.elapsed() < Duration::from_secs(30), "no ping comes");
        std::thread::yield_now();
    }
    let after = broker.stats();
    assert_eq!(
        (after.connections, after.connections_opened),
        (before.connections, before.connections_opened)
    );
    let (code, said) = reader.finish();
    assert_eq!((code, said.len()), (Some(0), "small\n".len() + 3 * 100_001));
}

#[test]
fn messages_are_left_out_by_filter_by_size_and_by_chance() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "#", "-q", "1", "-T", "a/+", "-T", "b", "-C", "1", "-v"]);
    for topic in ["a/x", "b", "c"] {
        publish(&url, &["-t", topic, "-m", "x"]);
    }
    assert_eq!(reader.finish().1, b"c x\n");
    publish(&url, &["-t", "large", "-r", "-m", &"x".repeat(500)]);
    let small = run(&["sub", &url, "-V", "3.1.1", "-t", "large", "--max-packet", "400", "-W", "0.3"]);
    let (code, said) = failure(&small);
    assert!(code == Some(5) && said.contains("\"large\": a message of 510 bytes is left out"), "{said}");
    let few = Running::subscribe(&[&url, "-t", "many", "-q", "1", "--random-filter", "50", "-C", "100"]);
    publish(&url, &["-t", "many", "-m", "x", "--repeat", "1000"]);
    assert_eq!(few.finish().0, Some(0), "about half of 1,000");
}

#[test]
fn it_ends_once_subscribed_and_unsubscribes_what_a_session_has() {
    let broker = start_broker();
    let url = broker.url();
    let session = ["sub", &url, "-i", "keeper", "-c", "-q", "1"];
    assert_eq!(output(&[&session[..], &["-t", "a", "-t", "b", "-E"]].concat()), "");
    publish(&url, &["-t", "a", "-m", "for later"]);
    assert_eq!(output(&[&session[..], &["-t", "a", "-C", "1", "-W", "20"]].concat()), "for later\n");
    assert_eq!(output(&[&session[..], &["-U", "a", "-U", "b"]].concat()), "");
    publish(&url, &["-t", "a", "-m", "for nobody"]);
    publish(&url, &["-t", "c", "-m", "x", "-r"]);
    assert_eq!(output(&[&session[..], &["-t", "c", "-v", "-C", "1", "-W", "20"]].concat()), "c x\n");
}

#[test]
fn messages_end_as_was_asked_for() {
    let broker = start_broker();
    let url = broker.url();
    publish(&url, &["-t", "a", "-m", "x\ny", "-r"]);
    for (args, expected) in [
        (&["-0"][..], "x\ny\0"),
        (&["--null", "-v"], "a x\ny\0"),
        (&["-N"], "x\ny"),
        (&["-F", "<%p>\\n", "-N"], "<x\ny>\n"),
        (&["-F", "%10t|%-5q|%05l|%.0t%%@@\\\\\\0"], "         a|0    |00003|%@\\\0\n"),
    ] {
        let all = [&["sub", &url, "-t", "a", "-C", "1", "-W", "20"], args].concat();
        assert_eq!(output(&all), expected, "{args:?}");
    }
    for (template, text) in [
        ("%", "at the end"),
        ("%z", "%z stands for nothing"),
        ("%99999t", "10000 is the most"),
        ("\\q", "\\q stands for nothing"),
        ("@1", "@1 is no part of a time"),
    ] {
        let (code, said) = failure(&run(&["sub", &url, "-t", "a", "-F", template]));
        assert!(code == Some(2) && said.contains(text), "{template}: {said}");
    }
}

/// What mosquitto_sub prints of the same messages.
#[test]
fn templates_print_what_those_of_mosquitto_print() {
    let Some(server) = Mosquitto::start() else { return };
    let (url, port) = (server.url(), server.port.to_string());
    // The time of day may change between two prints, and mosquitto has no subscription identifiers here.
    let template =
        "%t|%20t|%-12.3t|%p|%20p|%x|%X|%q|%r|%l|%05l|%-5l|%m|%P|%C|%10.2C|%R|%E|%F|%D|@Y-@m|%%|@@|\\t\\\\|";
    let publishes: [&[&str]; 6] = [
        &["-t", "t/a", "-m", "hello"],
        &["-t", "t/empty", "-n", "-r"],
        &["-t", "t/long/topic", "-m", "-5", "-e", "100", "-T", "text/plain", "-R", "r/t", "-C", "id"],
        &["-t", "t/u", "-m", "x", "-U", "a=b", "-U", "c=d e", "--payload-utf8", "-q", "2"],
        &["-t", "t/p", "-m", "x", "-D", "publish", "user-property", "k", "v"],
        &["-t", "t/q0", "-q", "0", "-m", "x y"],
    ];
    let count = publishes.len().to_string();
    let theirs = command("timeout")
        .args(["60", "mosquitto_sub"])
        .args(["-h", "127.0.0.1", "-p", &port, "-V", "mqttv5", "-i", "theirs"])
        .args(["-t", "t/#", "-q", "2", "-C", &count, "-F", template])
        .stdout(Stdio::piped())
        .spawn()
        .expect("mosquitto_sub can be started");
    server.wait_for_log("Sending SUBACK to theirs");
    let ours = Running::subscribe(&[&url, "-t", "t/#", "-q", "2", "-C", &count, "-F", template]);
    for args in publishes {
        publish(&url, args);
    }
    let theirs = theirs.wait_with_output().expect("mosquitto_sub ends").stdout;
    // mosquitto_sub prints a message of QoS 2 when it is released, perhaps behind a later one.
    let sorted = |output: &[u8]| {
        let mut lines: Vec<String> = String::from_utf8_lossy(output).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&ours.finish().1), sorted(&theirs), "ours is on the left");
}

/// `%j` has the fields of mosquitto's, `%J` the payload as JSON, and tells what is none.
#[test]
fn json_by_template_is_like_that_of_mosquitto() {
    let broker = start_broker();
    let url = broker.url();
    publish(&url, &["-t", "a", "-r", "-m", "{\"t\":1}", "-T", "text/plain", "-U", "a=b", "-U", "a=c"]);
    let fields = "\"topic\":\"a\",\"qos\":0,\"retain\":1,\"payloadlen\":7,\"properties\":{\"content-type\":\
                  \"text/plain\",\"user-properties\":{\"a\":[\"b\",\"c\"]}},\"payload\":";
    let print = |template| output(&["sub", &url, "-t", "a", "-C", "1", "-W", "20", "-F", template]);
    let quoted = print("%j");
    assert!(quoted.contains(&format!("{fields}\"{{\\\"t\\\":1}}\"")), "{quoted}");
    let nested = print("%J");
    assert!(nested.contains(&format!("{fields}{{\"t\":1}}")), "{nested}");
    publish(&url, &["-t", "a", "-r", "-m", "no json"]);
    let (code, said) = failure(&run(&["sub", &url, "-t", "a", "-C", "1", "-W", "20", "-F", "%J"]));
    assert!(code == Some(0) && said.contains("\"a\": its payload is no JSON"), "{said}");
}
