//! `mqtt pub`: several messages, schedules, lines with topics, JSON, properties, wills, large files, and outages.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use mqtt_smol::broker::{self, Config};

use crate::process::{Running, failure, mqtt, run, run_with_input};
use crate::server::Mosquitto;

fn start_broker() -> broker::Running {
    broker::start("127.0.0.1:0").expect("there is a free port")
}

#[test]
fn several_messages_are_published_as_often_as_was_asked_for_and_on_time() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "a", "-q", "1", "-C", "6"]);
    let start = Instant::now();
    let output = run(&[
        "pub",
        &url,
        "-t",
        "a",
        "-q",
        "1",
        "-m",
        "x",
        "-m",
        "y",
        "--repeat",
        "3",
        "--interval",
        "0.05",
    ]);
    assert_eq!(failure(&output), (Some(0), String::new()));
    assert!(start.elapsed() >= Duration::from_millis(250), "five pauses between six messages");
    assert_eq!(reader.finish(), (Some(0), b"x\ny\nx\ny\nx\ny\n".to_vec()));
}

#[test]
fn lines_are_paced_and_not_repeated() {
    let broker = start_broker();
    let url = broker.url();
    let start = Instant::now();
    let output =
        run_with_input(&["pub", &url, "-t", "a", "-q", "1", "-l", "--interval", "0.05"], b"1\n2\n3\n4\n");
    assert_eq!(failure(&output), (Some(0), String::new()));
    assert!(start.elapsed() >= Duration::from_millis(150), "three pauses between four lines");
    let (code, said) = failure(&run_with_input(&["pub", &url, "-t", "a", "-l", "--repeat", "2"], b"1\n"));
    assert!(code == Some(2) && said.contains("--repeat"), "{said}");
}

#[test]
fn lines_may_name_their_topics() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "#", "-q", "1", "-v", "-C", "3"]);
    let publish = ["pub", &url, "-q", "1", "--lines-with-topic", ": "];
    let output = run_with_input(&publish, b"a/b: one\nc: two: three\nd: ");
    assert_eq!(failure(&output), (Some(0), String::new()));
    assert_eq!(reader.finish(), (Some(0), b"a/b one\nc two: three\nd \n".to_vec()));
    for (input, text) in [(&b"a/b: one\nnothing\n"[..], "line 2: it has no \": \""), (b"a/#: x", "wildcard")]
    {
        let (code, said) = failure(&run_with_input(&publish, input));
        assert!(code != Some(0) && said.contains(text), "{code:?} {said}");
    }
    let tabs = Running::subscribe(&[&url, "-t", "#", "-q", "1", "-v", "-C", "1"]);
    let output = run_with_input(&["pub", &url, "-q", "1", "--lines-with-topic", "\\t"], b"t\tx y\n");
    assert!(output.status.success());
    assert_eq!(tabs.finish().1, b"t x y\n");
}

#[test]
fn json_that_was_received_can_be_published_again() {
    let broker = start_broker();
    let url = broker.url();
    let json = Running::subscribe(&[&url, "-t", "from/#", "-q", "2", "--json", "-C", "3"]);
    let properties = [
        "-e",
        "60",
        "-T",
        "text/plain",
        "-R",
        "r/t",
        "-C",
        "id",
        "--payload-utf8",
        "-U",
        "a=b",
        "-U",
        "a=c=d",
    ];
    let publish = [&["pub", &url, "-t", "from/a", "-q", "1", "-m", "caf\u{e9}"], &properties[..]].concat();
    assert!(run(&publish).status.success());
    assert!(run_with_input(&["pub", &url, "-t", "from/b", "-q", "2", "-s"], b"\xff\x00").status.success());
    assert!(run(&["pub", &url, "-t", "from/c", "-n", "-q", "1"]).status.success());
    let (code, lines) = json.finish();
    assert_eq!(code, Some(0));
    let text = String::from_utf8(lines).expect("JSON is text");
    assert!(
        text.contains("\"payload_base64\":\"/wA=\"")
            && text.contains("\"user_properties\":[[\"a\",\"b\"],[\"a\",\"c=d\"]]"),
        "{text}"
    );
    let again = Running::subscribe(&[&url, "-t", "to/#", "-q", "2", "--json", "-C", "3"]);
    let input = text.replace("from/", "to/");
    let output = run_with_input(&["pub", &url, "--json"], input.as_bytes());
    assert_eq!(failure(&output), (Some(0), String::new()));
    let without_time = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_once("\"topic\"").expect("it has a topic").1.to_owned()).collect()
    };
    let received = String::from_utf8(again.finish().1).expect("JSON is text");
    assert_eq!(without_time(&received), without_time(&input));
}

#[test]
fn json_takes_values_defaults_and_refuses_what_it_does_not_know() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "#", "-q", "1", "-F", "%t %q %p", "-C", "2"]);
    let input = b"{\"payload\": {\"t\": 21.5}}\n\n{\"topic\":\"b\",\"qos\":0}\n";
    assert!(run_with_input(&["pub", &url, "-t", "a", "-q", "1", "--json"], input).status.success());
    assert_eq!(reader.finish().1, b"a 1 {\"t\":21.5}\nb 0 \n");
    for (line, text) in [
        ("{\"tpic\":\"a\"}", "unknown field `tpic`"),
        ("{\"topic\":\"a\",\"qos\":3}", "qos 3"),
        ("{\"payload\":\"x\"}", "no topic"),
        ("{\"topic\":\"a\",\"payload\":1,\"payload_base64\":\"\"}", "both"),
        ("{\"topic\":\"a\",\"payload_base64\":\"?\"}", "payload_base64"),
        ("nothing", "line 1"),
    ] {
        let (code, said) = failure(&run_with_input(&["pub", &url, "--json"], line.as_bytes()));
        assert!(code == Some(1) && said.contains(text) && said.contains("line 1"), "{line}: {code:?} {said}");
    }
}

#[test]
fn properties_of_every_packet_reach_the_server() {
    let broker = start_broker();
    let url = broker.url();
    let given = [
        ["connect", "user-property", "k", "1"],
        ["disconnect", "user-property", "k", "2"],
        ["publish", "user-property", "k", "3"],
        ["will", "user-property", "k", "4"],
    ];
    let mut args = vec!["pub", &url, "-d", "-t", "a", "-m", "x", "-q", "1", "--will-topic", "w"];
    args.extend(given.iter().flat_map(|words| [&["-D"], &words[..]].concat()));
    args.extend(["-D", "publish", "content-type", "ct", "-D", "will", "will-delay-interval", "7"]);
    args.extend([
        "-D",
        "connect",
        "receive-maximum",
        "9",
        "-x",
        "30",
        "-D",
        "disconnect",
        "session-expiry-interval",
        "5",
    ]);
    let (code, said) = failure(&run(&args));
    assert_eq!(code, Some(0), "{said}");
    for text in [
        "will \"w\" QoS 0",
        "Will Delay Interval 7 s",
        "Receive Maximum 9",
        "Session Expiry Interval 30 s",
        "Session Expiry Interval 5 s",
        "Content Type \"ct\"",
        "\"k\"=\"1\"",
        "\"k\"=\"2\"",
        "\"k\"=\"3\"",
        "\"k\"=\"4\"",
        "<- PUBACK",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    for (words, text) in [
        (&["-D", "publish", "colour", "red"][..], "is no property"),
        (&["-D", "publish", "receive-maximum", "1"], "publish has no receive-maximum"),
        (&["-D", "puback", "reason-string", "x"], "the packet is one of"),
        (&["-D", "publish", "message-expiry-interval", "soon"], "soon"),
        (&["-D", "publish", "topic-alias", "1"], "by the client itself"),
        (&["-D", "publish"], "PACKET NAME VALUE"),
        (&["-D", "publish", "content-type", "a", "-T", "b"], "Content Type"),
        (&["-T", "b", "-V", "3.1.1"], "5.0"),
        (&["-D", "disconnect", "session-expiry-interval", "5"], "begin a longer one by -x"),
    ] {
        let (code, said) = failure(&run(&[&["pub", &url, "-t", "a", "-m", "x"], words].concat()));
        assert!(code == Some(2) && said.contains(text), "{words:?}: {code:?} {said}");
    }
}

#[test]
fn the_will_is_published_when_the_command_is_killed() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "w", "-q", "1", "-F", "%t %q %p", "-C", "1"]);
    let mut doomed = Running::subscribe(&[
        &url,
        "-t",
        "x",
        "--will-topic",
        "w",
        "--will-payload",
        "-gone",
        "--will-qos",
        "1",
        "--will-retain",
    ]);
    doomed.child().kill().expect("it runs");
    assert_eq!(reader.finish().1, b"w 1 -gone\n");
    let later = run(&["sub", &url, "-t", "w", "-F", "%r %p", "-C", "1", "-W", "20"]);
    assert_eq!(later.stdout, b"1 -gone\n");
}

/// Larger than all that waits in queues otherwise.
#[test]
fn a_large_file_goes_through_and_one_above_the_protocol_is_refused() {
    let config = Config::default().packet_size_max(u32::MAX);
    let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    let url = broker.url();
    let path = std::env::temp_dir().join(format!("mqtt-large-{}", std::process::id()));
    let file = std::fs::File::create(&path).expect("the folder for temporary files can be written");
    let name = path.to_str().expect("a path of plain characters");
    file.set_len(100 * 1024 * 1024).expect("there is room");
    let reader = Running::subscribe(&[&url, "-t", "a", "-q", "1", "-F", "%l", "-C", "1"]);
    assert_eq!(failure(&run(&["pub", &url, "-t", "a", "-q", "1", "-f", name])), (Some(0), String::new()));
    assert_eq!(reader.finish().1, b"104857600\n");
    file.set_len(300 * 1024 * 1024).expect("there is room");
    let (code, said) = failure(&run(&["pub", &url, "-t", "a", "-q", "1", "-f", name]));
    std::fs::remove_file(&path).expect("it was made above");
    assert!(code == Some(1) && said.contains("268435452 bytes"), "{said}");
}

/// [5.0 MQTT-4.4.0-1]
#[test]
fn lines_survive_a_connection_that_is_cut() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "a", "-q", "2", "-C", "3000", "-c", "-i", "reader"]);
    let mut publisher = mqtt(&["pub", &url, "-t", "a", "-q", "2", "-l", "-i", "publisher", "-c"]);
    let mut publisher = publisher.stdin(Stdio::piped()).spawn().expect("the command can be started");
    let mut input = publisher.stdin.take().expect("it is piped");
    for number in 0..3000 {
        if number % 1000 == 500 {
            broker.cut_all();
        }
        writeln!(input, "{number}").expect("the command reads");
    }
    drop(input);
    let output = publisher.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let expected: String = (0..3000).map(|number| format!("{number}\n")).collect();
    let (code, said) = reader.finish();
    assert!(code == Some(0) && said == expected.as_bytes(), "each line once, in order");
}

#[test]
fn attempts_to_connect_again_are_bounded_and_there_is_none_after_a_refusal() {
    let broker = start_broker();
    let url = broker.url();
    let mut cut = Running::subscribe(&[&url, "-t", "a", "--retry", "never"]);
    drop(broker);
    assert_eq!(cut.child().wait().expect("it ends").code(), Some(3));
    let (code, said) = failure(&run(&["pub", &url, "-t", "a", "-m", "x", "--retry", "1"]));
    assert!(code == Some(3) && said.contains("gave up after 1 attempts"), "{said}");
    let config = Config::default()
        .allows_anonymous(false)
        .users(vec![broker::User { name: "me".into(), password: Vec::new() }]);
    let guarded = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    let (code, said) = failure(&run(&["pub", &guarded.url(), "-t", "a", "-m", "x", "--retry", "forever"]));
    assert!(code == Some(4) && !said.contains("again"), "{said}");
}

#[test]
fn what_our_own_limits_refuse_is_not_the_servers_refusal() {
    let broker = start_broker();
    let url = broker.url();
    let long = "x".repeat(70_000);
    let (code, said) = failure(&run(&["pub", &url, "-t", &long, "-m", "x"]));
    assert!(code == Some(2) && !said.contains("refused"), "{code:?} {said}");
    let config = Config::default().qos_max(mqtt_smol::QoS::AtLeastOnce).packet_size_max(100);
    let small = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    for args in [&["-q", "2", "-m", "x"][..], &["-q", "1", "-m", &long[..200]]] {
        let (code, said) = failure(&run(&[&["pub", &small.url(), "-t", "a"], args].concat()));
        assert!(code == Some(4) && said.contains("the server takes"), "{code:?} {said}");
    }
}

/// Payloads and passwords are bytes, wherever the system has arguments of bytes.
#[cfg(unix)]
#[test]
fn payloads_may_be_any_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "a", "-q", "1", "-F", "%x", "-C", "1"]);
    let mut command = mqtt(&["pub", &url, "-t", "a", "-q", "1", "-m"]);
    let output = command.arg(OsStr::from_bytes(b"\xff\xfe-")).output().expect("the command can be started");
    assert_eq!(failure(&output), (Some(0), String::new()));
    assert_eq!(reader.finish().1, b"fffe2d\n");
}

/// A real broker that is stopped and started again while lines are published.
#[test]
fn lines_survive_a_restart_of_mosquitto() {
    let Some(mut server) = Mosquitto::start() else { return };
    let url = server.url();
    let session = ["sub", &url, "-i", "reader", "-c", "-q", "1", "-t", "a"];
    assert!(run(&[&session[..], &["-E"]].concat()).status.success());
    let mut publisher = mqtt(&["pub", &url, "-i", "publisher", "-t", "a", "-q", "1", "-l"]);
    let mut publisher = publisher.stdin(Stdio::piped()).spawn().expect("the command can be started");
    let mut input = publisher.stdin.take().expect("it is piped");
    let mut write = |from: u32, to: u32| {
        (from..to).for_each(|number| writeln!(input, "{number}").expect("the command reads"));
    };
    write(0, 500);
    server.wait_for_log("Received PUBLISH from publisher");
    server.stop();
    write(500, 1000);
    server.start_again();
    write(1000, 1500);
    drop(input);
    let output = publisher.wait_with_output().expect("the command ends");
    let (code, said) = failure(&output);
    assert!(code == Some(0) && said.contains("trying again"), "{code:?}: {said}");
    let read = run(&[&session[..], &["-W", "2"]].concat());
    let mut lines: Vec<u32> =
        String::from_utf8_lossy(&read.stdout).lines().map(|line| line.parse().expect("a number")).collect();
    // QoS 1 may repeat what was under way.
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines, (0..1500).collect::<Vec<u32>>());
}
