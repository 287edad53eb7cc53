//! The command with the embedded broker: output, line mode, sessions, exit codes.

use mqtt_smol::broker::{self, Config, User};

use crate::process::{Running, failure, mqtt, run, run_with_input};

fn start_broker() -> broker::Running {
    broker::start("127.0.0.1:0").expect("there is a free port")
}

#[test]
fn messages_are_printed_one_a_line_and_nothing_else() {
    let broker = start_broker();
    let url = broker.url();
    let plain = Running::subscribe(&[&url, "-t", "a/#", "-C", "2"]);
    let verbose = Running::subscribe(&["-L", &url, "-t", "a/b", "-t", "a/c", "-v", "-C", "2", "-q", "2"]);
    let (host, port) = (broker.address().ip().to_string(), broker.address().port().to_string());
    let first = run(&["pub", "-h", &host, "-p", &port, "-t", "a/b", "-m", "one"]);
    let second = run(&["pub", &url, "-V", "3.1.1", "-t", "a/c", "-m", "two", "-q", "2"]);
    for output in [first, second] {
        assert_eq!(failure(&output), (Some(0), String::new()));
        assert_eq!(output.stdout, b"");
    }
    assert_eq!(plain.finish(), (Some(0), b"one\ntwo\n".to_vec()));
    assert_eq!(verbose.finish(), (Some(0), b"a/b one\na/c two\n".to_vec()));
}

#[test]
fn line_mode_publishes_each_line_and_awaits_every_acknowledgement() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "lines", "-q", "2", "-C", "4"]);
    let output = run_with_input(&["pub", &url, "-t", "lines", "-l", "-q", "2"], b"first\n\nthird\nno end");
    assert_eq!(failure(&output), (Some(0), String::new()));
    assert_eq!(reader.finish(), (Some(0), b"first\n\nthird\nno end\n".to_vec()));
    let output = run_with_input(&["pub", &url, "-t", "lines", "-l", "-q", "1"], b"");
    assert_eq!(failure(&output), (Some(0), String::new()), "empty input is no failure");
}

#[test]
fn line_mode_has_many_messages_under_way() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "lines", "-q", "1", "-C", "20000"]);
    let lines: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    let output = run_with_input(&["pub", &url, "-t", "lines", "-l", "-q", "1"], lines.as_bytes());
    assert_eq!(failure(&output), (Some(0), String::new()));
    let (code, said) = reader.finish();
    assert!(code == Some(0) && said == lines.as_bytes(), "all lines arrive in order");
}

#[test]
fn a_payload_comes_from_a_file_from_standard_input_or_from_nowhere() {
    let broker = start_broker();
    let url = broker.url();
    let path = std::env::temp_dir().join(format!("mqtt-payload-{}", std::process::id()));
    std::fs::write(&path, b"from\na file").expect("the folder for temporary files can be written");
    let file = path.to_str().expect("a path of plain characters");
    let reader = Running::subscribe(&[&url, "-t", "a", "-C", "3"]);
    assert!(run(&["pub", &url, "-t", "a", "-f", file]).status.success());
    assert!(run_with_input(&["pub", &url, "-t", "a", "-s"], b"from\ninput").status.success());
    assert!(run(&["pub", &url, "-t", "a", "-n"]).status.success());
    std::fs::remove_file(&path).expect("it was written above");
    assert_eq!(reader.finish(), (Some(0), b"from\na file\nfrom\ninput\n\n".to_vec()));
    let (code, said) = failure(&run(&["pub", &url, "-t", "a", "-f", file]));
    assert!(code == Some(1) && said.contains(file), "{said}");
}

#[test]
fn a_kept_message_greets_a_later_subscriber() {
    let broker = start_broker();
    let url = broker.url();
    assert!(run(&["pub", &url, "-t", "kept", "-m", "still here", "-r", "-q", "1"]).status.success());
    let output = run(&["sub", &url, "-t", "kept", "-C", "1", "-W", "20"]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"still here\n"[..]));
}

#[test]
fn a_kept_session_gets_what_was_published_while_it_was_away() {
    let broker = start_broker();
    let url = broker.url();
    for version in ["3.1.1", "5"] {
        let session = [&url, "-V", version, "-c", "-i", "keeper", "-q", "1", "-t", "news"];
        let first = Running::subscribe(&session);
        first.interrupt();
        assert_eq!(first.finish(), (Some(130), Vec::new()));
        assert!(run(&["pub", &url, "-t", "news", "-m", version, "-q", "1"]).status.success());
        let output = run(&[&["sub"], &session[..], &["-C", "1", "-W", "20"]].concat());
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{version}\n"));
    }
}

#[test]
fn the_exit_code_says_what_went_wrong() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let nobody = format!("mqtt://{}", free.local_addr().expect("it has an address"));
    drop(free);
    let users = vec![User { name: "user".into(), password: b"secret".to_vec() }];
    let config = Config::default().users(users).allows_anonymous(false);
    let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    let guarded = broker.url();
    let open = start_broker().handle().url();
    let cases: &[(&[&str], i32, &str)] = &[
        (&["pub", "-t", "a"], 2, "required"),
        (&["pub", "-m", "a"], 2, "no topic"),
        (&["sub"], 2, "no filter"),
        (&["pub", "-t", "a/#", "-m", "x"], 2, "wildcard"),
        (&["sub", "-t", "a/#/b"], 2, "wildcard"),
        (&["sub", "-t", "a", "-q", "3"], 2, "0, 1 or 2"),
        (&["sub", "-t", "a", "-c"], 2, "--id"),
        (&["sub", "-t", "a", "http://host"], 2, "scheme"),
        (&["sub", "-t", "a", "-h", "host", "mqtt://host"], 2, "cannot be used with"),
        (&["pub", &nobody, "-t", "a", "-m", "x"], 3, "cannot be reached"),
        (&["pub", &guarded, "-t", "a", "-m", "x"], 4, "refused"),
        (&["sub", &guarded, "-u", "user", "-P", "wrong", "-t", "a"], 4, "0x86"),
        (&["sub", &guarded, "-u", "user", "-P", "secret", "-t", "a", "-C", "1", "-W", "0.1"], 5, "0 of 1"),
        (&["sub", &guarded, "-u", "user", "-P", "secret", "-t", "a", "-W", "0.1"], 5, "no message came"),
    ];
    for (args, code, text) in cases {
        let (ended, said) = failure(&run(args));
        assert!(ended == Some(*code) && said.contains(text), "{args:?} ended with {ended:?}: {said}");
    }
    let mut with_variable = mqtt(&["pub", &guarded, "-u", "user", "-t", "a", "-m", "x", "-q", "1"]);
    let output = with_variable.env("MQTT_PASSWORD", "secret").output().expect("the command can be started");
    assert_eq!(failure(&output), (Some(0), String::new()));
    drop(open);
}

/// What reads standard output has gone away: the command ends without a word.
#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let broker = start_broker();
    let url = broker.url();
    let mut reader = Running::subscribe(&[&url, "-t", "a"]);
    drop(reader.child().stdout.take());
    assert!(run(&["pub", &url, "-t", "a", "-m", "x", "-q", "1"]).status.success());
    assert_eq!(reader.finish(), (Some(0), Vec::new()));
}

/// The same when no message comes that could not be written.
#[test]
fn a_subscriber_ends_with_its_reader_also_without_a_message() {
    let broker = start_broker();
    let mut reader = Running::subscribe(&[&broker.url(), "-t", "nothing/comes"]);
    drop(reader.child().stdout.take());
    assert_eq!(reader.finish(), (Some(0), Vec::new()));
}

/// Temperatures, and whatever else begins with a dash.
#[test]
fn payloads_topics_and_credentials_may_begin_with_a_dash() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "-lab/+", "-q", "1", "-C", "3"]);
    for payload in ["-5", "-12.5e3", "--"] {
        let output = run(&[
            "pub", &url, "-t", "-lab/t", "-m", payload, "-q", "1", "-u", "-user", "-P", "-secret", "--quiet",
        ]);
        assert_eq!(failure(&output), (Some(0), String::new()), "{payload}");
    }
    assert_eq!(reader.finish(), (Some(0), b"-5\n-12.5e3\n--\n".to_vec()));
}

/// A message above the limit of `--max-packet` does not come, and the command goes on.
#[test]
fn the_largest_packet_can_be_chosen() {
    let broker = start_broker();
    let url = broker.url();
    let reader = Running::subscribe(&[&url, "-t", "a", "-q", "1", "-C", "1", "--max-packet", "100"]);
    for payload in ["x".repeat(200), "small".into()] {
        assert!(run(&["pub", &url, "-t", "a", "-m", &payload, "-q", "1"]).status.success());
    }
    assert_eq!(reader.finish(), (Some(0), b"small\n".to_vec()));
}

#[test]
fn a_captured_session_replays_and_a_changed_capture_says_where_it_differs() {
    let broker = start_broker();
    let url = broker.url();
    let path = std::env::temp_dir().join(format!("mqtt-capture-{}", std::process::id()));
    let file = path.to_str().expect("a path of plain characters");
    let message = "nobody should read this";
    for (qos, arguments) in [("2", &["--capture", file][..]), ("1", &["--capture", file, "-V", "3.1.1"])] {
        let publish =
            ["pub", &url, "--quiet", "-u", "somebody", "-P", "secret", "-t", "a/b", "-m", message, "-q", qos];
        let output = run(&[&publish, arguments].concat());
        assert_eq!(failure(&output), (Some(0), String::new()));
        let output = run(&["replay", file, "-v"]);
        assert_eq!(failure(&output), (Some(0), String::new()));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("PUBLISH 1 \"a/b\"") && said.contains(" packets (") && !said.contains("cut off"),
            "{said}"
        );
        let log = std::fs::read(file).expect("it is there");
        for text in [message, "secret", "somebody"] {
            assert!(!log.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
        }
    }
    // Enter is pressed once: the first call, and the one after it.
    let stepped = run_with_input(&["replay", file, "--step"], b"\n");
    assert_eq!(String::from_utf8_lossy(&stepped.stdout).matches("\n").count(), 2, "{stepped:?}");
    let mut log = std::fs::read(file).expect("it is there");
    let topic = log.windows(3).position(|window| window == b"a/b").expect("topics are not masked");
    log[topic] = b'z';
    std::fs::write(file, log).expect("the folder for temporary files can be written");
    let (code, said) = failure(&run(&["replay", file]));
    assert!(code == Some(1) && said.contains("this build differs first in entry"), "{said}");
    assert!(said.contains("recorded: PUBLISH") && said.contains("PUBLISH 1 \"z/b\""), "{said}");
    let (code, said) = failure(&run(&["replay", env!("CARGO_MANIFEST_DIR")]));
    assert!(code == Some(1) && said.contains("cannot read"), "{said}");
    std::fs::remove_file(file).expect("it is there");
}
