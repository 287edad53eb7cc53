//! The command with `--store`: what is kept when it ends, is killed, or cannot reach the server, and files that are no good.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;

use mqtt_smol::broker;

use crate::process::{Running, failure, mqtt, run, run_with_input};

/// A file that goes when the test ends.
struct Store(PathBuf);

impl Store {
    fn new(name: &str) -> Store {
        Store(std::env::temp_dir().join(format!("mqtt-command-{name}-{}.store", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path of plain characters")
    }

    /// What `mqtt store -v` prints.
    fn shown(&self) -> String {
        let output = run(&["store", self.path(), "-v"]);
        assert_eq!(failure(&output), (Some(0), String::new()));
        String::from_utf8(output.stdout).expect("it is text")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Nobody listens there.
const NOBODY: &str = "mqtt://127.0.0.1:1";

#[test]
fn what_could_not_be_sent_is_sent_by_the_next_run() {
    let store = Store::new("later");
    let pub_to = |url: &str, text: &str| {
        run(&[
            "pub",
            url,
            "-i",
            "meter",
            "--store",
            store.path(),
            "-t",
            "m",
            "-q",
            "2",
            "-m",
            text,
            "-W",
            "0.5",
        ])
    };
    let (code, said) = failure(&pub_to(NOBODY, "one"));
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains(store.path()), "it says where the message is: {said}");
    assert!(store.shown().contains("m one"), "{}", store.shown());
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let reader = Running::subscribe(&[&broker.url(), "-t", "m", "-q", "2", "-C", "2"]);
    assert_eq!(failure(&pub_to(&broker.url(), "two")), (Some(0), String::new()));
    assert_eq!(reader.finish(), (Some(0), b"one\ntwo\n".to_vec()));
    assert!(store.shown().starts_with("meter: 0 messages"), "{}", store.shown());
}

#[test]
fn lines_of_a_command_that_is_killed_are_sent_by_the_next_run() {
    let store = Store::new("killed");
    let args = ["pub", NOBODY, "-i", "meter", "--store", store.path(), "-t", "m", "-q", "1", "-l"];
    let mut killed = mqtt(&args);
    killed.stdin(Stdio::piped());
    let mut killed = Running::start(killed);
    let mut input = killed.child().stdin.take().expect("it is piped");
    (0..100).for_each(|number| writeln!(input, "{number}").expect("the command reads"));
    // Bytes of the last ones are there; whether they are stored already, what follows says. The file itself is locked as
    // long as the command runs.
    let is_there =
        |bytes: &[u8]| mqtt_store::salvage(bytes).iter().any(|report| report.messages.len() == 100);
    while !fs::read(store.path()).is_ok_and(|bytes| is_there(&bytes)) {
        std::thread::yield_now();
    }
    killed.child().kill().expect("it runs");
    assert_eq!(killed.finish().0, None, "a signal has ended it");
    // If the first commit was not complete, there is nothing, and not even a client.
    let stored = store.shown().lines().count().saturating_sub(1);

    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let count = (stored + 1).to_string();
    let reader = Running::subscribe(&[&broker.url(), "-t", "m", "-q", "1", "-C", &count]);
    let next = ["pub", &broker.url(), "-i", "meter", "--store", store.path(), "-t", "m", "-q", "1", "-l"];
    assert_eq!(failure(&run_with_input(&next, b"100\n")), (Some(0), String::new()));
    let lines: String = (0..stored).chain([100]).map(|number| format!("{number}\n")).collect();
    let (code, said) = reader.finish();
    assert_eq!(
        (code, String::from_utf8_lossy(&said).into_owned()),
        (Some(0), lines),
        "in order, and each once"
    );
}

#[test]
fn a_subscriber_goes_on_where_it_was_killed() {
    let store = Store::new("reader");
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let url = broker.url();
    let args = [&url, "-t", "n", "-q", "2", "-i", "reader", "--store", store.path()];
    let mut first = Running::subscribe(&args);
    let publish = |text: &str| {
        assert_eq!(failure(&run(&["pub", &url, "-t", "n", "-q", "2", "-m", text])), (Some(0), String::new()));
    };
    publish("1");
    let mut line = String::new();
    BufReader::new(first.child().stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("it is text");
    assert_eq!(line, "1\n");
    first.child().kill().expect("it runs");
    drop(first);
    publish("2");
    publish("3");
    let output = run(&[&["sub"], &args[..], &["-C", "2"]].concat());
    // What was printed and not yet stored as taken may be printed again.
    let said = String::from_utf8(output.stdout).expect("it is text");
    assert!(said == "2\n3\n" || said == "1\n2\n", "{said}");
}

#[test]
fn a_store_needs_a_name_and_more_than_qos_0() {
    let store = Store::new("usage");
    let output = run(&["pub", NOBODY, "--store", store.path(), "-t", "m", "-q", "1", "-m", "x"]);
    assert_eq!(output.status.code(), Some(2), "it needs -i");
    let output = run(&["pub", NOBODY, "-i", "a", "--store", store.path(), "-t", "m", "-m", "x"]);
    let (code, said) = failure(&output);
    assert!(code == Some(2) && said.contains("QoS 0"), "{said}");
}

#[test]
fn files_that_are_no_good_are_named_and_left_alone() {
    let store = Store::new("foreign");
    fs::write(store.path(), "no store\n").expect("it can be written");
    for args in [
        &["pub", NOBODY, "-i", "a", "--store", store.path(), "-t", "m", "-q", "1", "-m", "x"][..],
        &["sub", NOBODY, "-i", "a", "--store", store.path(), "-t", "m"],
        &["store", store.path()],
    ] {
        let (code, said) = failure(&run(args));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(store.path()) && said.contains("no store of this library"), "{said}");
    }
    assert_eq!(fs::read(store.path()).expect("it is there"), b"no store\n");
    let missing = Store::new("missing");
    assert_eq!(run(&["store", missing.path()]).status.code(), Some(1), "looking makes no file");
    assert!(!missing.0.exists());
}

#[test]
fn a_damaged_store_shows_what_can_be_read() {
    let store = Store::new("damaged");
    let args =
        ["pub", NOBODY, "-i", "a", "--store", store.path(), "-t", "m", "-q", "1", "-m", "x", "-W", "0.3"];
    assert_eq!(run(&args).status.code(), Some(5));
    let bytes = fs::read(store.path()).expect("it is there");
    // The page of the table is somewhere behind the header; the message itself stays as it is.
    let at = bytes.windows(4).position(|window| window == b"rows").expect("the table has a name");
    let mut damaged = bytes.clone();
    damaged[at] ^= 0xff;
    fs::write(store.path(), &damaged).expect("it can be written");
    let output = run(&["store", store.path(), "-v"]);
    let (code, said) = failure(&output);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it is damaged") && said.contains("1 messages can be read"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("m x"));
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1), "it is not used");
}
