//! `mqtt broker`: its sockets, its users and rules, what it says, and how it fails.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use mqtt_smol::transport::Tls;
use mqtt_smol::{Options, Publish, QoS, Subscribe};

use crate::certificates::{Authority, Identity};
use crate::process::{Running, failure, mqtt, run};
use crate::server::command;

/// A wait that is longer has failed.
const TOO_LONG: Duration = Duration::from_secs(20);

/// A broker that runs, where it listens, and what it says.
struct Broker {
    process: Running,
    urls: Vec<String>,
    said: Receiver<String>,
}

impl Broker {
    /// Starts it on a free port with these arguments, and waits until it listens on so many sockets.
    fn start(args: &[&str], sockets: usize) -> Broker {
        let mut process = Running::start(mqtt(&[&["broker", "-p", "0"], args].concat()));
        let stderr = BufReader::new(process.child().stderr.take().expect("it is piped"));
        let mut stdout = BufReader::new(process.child().stdout.take().expect("it is piped"));
        let (sender, said) = channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let url = |_| {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("the command writes text");
            let url = line.trim_end().strip_prefix("listening on ").expect("it says where");
            url.to_owned()
        };
        let urls = (0..sockets).map(url).collect();
        Broker { process, urls, said }
    }

    fn port(&self, socket: usize) -> String {
        let url = self.urls[socket].trim_end_matches("/mqtt");
        url.rsplit(':').next().expect("a port").to_owned()
    }

    /// The next line on standard error with that text.
    fn wait_for(&self, text: &str) -> String {
        loop {
            let line = self.said.recv_timeout(TOO_LONG).expect(text);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Interrupts it: the exit code, and the lines that nobody waited for.
    fn stop(self) -> (Option<i32>, Vec<String>) {
        self.process.interrupt();
        let code = self.process.finish().0;
        (code, self.said.iter().collect())
    }
}

/// A folder of the test's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mqtt-broker-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Folder(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).expect("the folder can be written");
        path.to_str().expect("a path of plain characters").to_owned()
    }

    fn write_identity(&self, name: &str, identity: &Identity) -> [String; 2] {
        [
            self.write(&format!("{name}.pem"), &identity.chain),
            self.write(&format!("{name}.key"), &identity.key),
        ]
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn it_says_where_it_listens_and_stops_when_interrupted() {
    let broker = Broker::start(&["--user", "me:too", "--user", "-x:-y"], 1);
    let url = &broker.urls[0];
    assert!(url.starts_with("mqtt://127.0.0.1:"), "{url}");
    for user in ["me:too", "-x:-y"] {
        let known = url.replace("mqtt://", &format!("mqtt://{user}@"));
        assert!(run(&["pub", &known, "-t", "a", "-m", "x", "-q", "2"]).status.success());
    }
    assert_eq!(run(&["pub", url, "-t", "a", "-m", "x"]).status.code(), Some(4));
    assert_eq!(broker.stop().0, Some(130));
}

#[test]
fn it_listens_for_tls_and_websocket_where_it_is_asked_to() {
    const SIZE: usize = 1 << 20;
    let (folder, authority) = (Folder::new(), Authority::new());
    let [cert, key] = folder.write_identity("server", &authority.certify("127.0.0.1"));
    let ports = ["--tls-port", "0", "--ws-port", "0", "--wss-port", "0", "--max-packet", "2000000"];
    let broker = Broker::start(&[&ports[..], &["--cert", &cert, "--key", &key]].concat(), 4);
    let schemes: Vec<_> = broker.urls.iter().map(|url| url.split(':').next().expect("a scheme")).collect();
    assert_eq!(schemes, ["mqtt", "mqtts", "ws", "wss"]);
    assert!(broker.urls[2].ends_with("/mqtt") && broker.urls[3].ends_with("/mqtt"), "{:?}", broker.urls);
    for url in &broker.urls {
        let tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS");
        let mut options = Options::from_url(url).expect("a good URL").tls(tls);
        options.config.packet_size_max = 2_000_000;
        let connecting = mqtt_smol::connect(options, |drive| smol::spawn(drive).detach());
        let client = smol::block_on(connecting).expect("accepted");
        let mut messages = client.subscribe(Subscribe::new("big").qos(QoS::ExactlyOnce)).expect("accepted");
        messages.wait_granted().expect("granted");
        drop(client.publish(Publish::new("big", vec![7; SIZE]).qos(QoS::ExactlyOnce)).expect("accepted"));
        let message = messages.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
        assert!(message.payload() == vec![7; SIZE], "{url}");
        client.disconnect().expect("online").wait_for(TOO_LONG).expect("it closes in time");
        broker.wait_for("ended");
    }
    assert_eq!(broker.stop().0, Some(130));
}

fn has_mosquitto_clients() -> bool {
    let is_installed =
        command("mosquitto_pub").arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(
        is_installed || std::env::var_os("CI").is_none(),
        "mosquitto-clients are not installed; CI needs them"
    );
    if !is_installed {
        eprintln!("\n*** mosquitto-clients are not installed: THIS TEST CHECKED NOTHING ***\n");
    }
    is_installed
}

#[test]
fn the_clients_of_mosquitto_get_through_with_and_without_tls() {
    if !has_mosquitto_clients() {
        return;
    }
    let (folder, authority) = (Folder::new(), Authority::new());
    let [cert, key] = folder.write_identity("server", &authority.certify("localhost"));
    let [client_cert, client_key] = folder.write_identity("client", &authority.certify("client"));
    let roots = folder.write("roots.pem", authority.pem());
    let tls = ["--tls-port", "0", "--cert", &cert, "--key", &key];
    let open = Broker::start(&tls, 2);
    let closed = Broker::start(&[&tls[..], &["--cafile", &roots]].concat(), 2);
    let with_roots = ["--cafile", &roots];
    let with_certificate = ["--cafile", &roots, "--cert", &client_cert, "--key", &client_key];
    for (broker, socket, args) in
        [(&open, 0, &[][..]), (&open, 1, &with_roots[..]), (&closed, 1, &with_certificate[..])]
    {
        let port = broker.port(socket);
        for version in ["mqttv31", "mqttv311", "mqttv5"] {
            let at = ["-h", "localhost", "-p", &port, "-V", version, "-t", "a/b", "-q", "2"];
            let publish = |retain: &[&str]| {
                let status =
                    command("mosquitto_pub").args(at).args(args).args(["-m", version]).args(retain).status();
                assert!(status.expect("mosquitto_pub can be started").success(), "{version} {args:?}");
            };
            publish(&["-r"]);
            let reader = command("mosquitto_sub").args(at).args(args).args(["-C", "1", "-W", "20"]).output();
            let said = reader.expect("mosquitto_sub can be started").stdout;
            assert_eq!(String::from_utf8_lossy(&said), format!("{version}\n"), "{args:?}");
        }
    }
    let port = closed.port(1);
    let mut stranger = command("mosquitto_pub");
    stranger.args(["-h", "localhost", "-p", &port, "-t", "a", "-m", "x"]).args(with_roots);
    let output = stranger.output().expect("mosquitto_pub can be started");
    assert!(!output.status.success(), "it has no certificate");
    let line = closed.wait_for("ended before CONNECT");
    assert!(line.contains("certificate"), "{line}");
}

/// A CONNECT of 3.1.1 or 5.0, with that client identifier.
fn connect(level: u8, client_id: &str) -> Vec<u8> {
    let properties: &[u8] = if level == 5 { b"\0" } else { b"" };
    let mut bytes = vec![0x10, (12 + properties.len() + client_id.len()) as u8];
    bytes.extend(b"\0\x04MQTT");
    bytes.extend([level, 2, 0, 60]);
    bytes.extend(properties);
    bytes.extend([0, client_id.len() as u8]);
    bytes.extend(client_id.as_bytes());
    bytes
}

/// Says something to a broker and returns what it answers at first.
fn say(port: &str, bytes: &[u8]) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("the broker listens");
    stream.set_read_timeout(Some(TOO_LONG)).expect("a good timeout");
    stream.write_all(bytes).expect("there is room");
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("it answers");
    let mut answer = vec![0; head[1].into()];
    stream.read_exact(&mut answer).expect("a whole packet");
    (stream, answer)
}

#[test]
fn it_says_who_comes_and_goes_and_why() {
    let broker =
        Broker::start(&["--user", "ada:secret", "--allow-anonymous", "--rule", "deny read secret/#"], 1);
    broker.wait_for("a broker for tests");
    let url = &broker.urls[0];
    let named = url.replace("mqtt://", "mqtt://ada:secret@");
    assert!(run(&["pub", &named, "-i", "door-7", "-t", "a", "-m", "x", "-q", "1"]).status.success());
    let line = broker.wait_for("accepted");
    let (time, rest) = line.split_once(' ').expect("a time");
    assert!(time.len() == 9 && time.ends_with('Z'), "{line}");
    assert!(rest.starts_with("127.0.0.1:"), "{line}");
    assert!(rest.contains(" accepted \"door-7\" MQTT 5.0 user \"ada\" keep alive "), "{line}");
    assert!(line.ends_with(", clean start"), "{line}");
    let line = broker.wait_for("ended");
    assert!(line.contains(" ended \"door-7\": the client disconnected: "), "{line}");

    let wrong = url.replace("mqtt://", "mqtt://eve:guess@");
    assert_eq!(
        run(&["pub", &wrong, "-i", "eve-1", "-V", "3.1.1", "-t", "a", "-m", "x"]).status.code(),
        Some(4)
    );
    let line = broker.wait_for("refused");
    assert!(line.contains("refused \"eve-1\" MQTT 3.1.1 user \"eve\": "), "{line}");
    assert_eq!(run(&["sub", url, "-i", "nosy", "-t", "secret/a", "-W", "20"]).status.code(), Some(4));
    let line = broker.wait_for("refused");
    assert!(line.contains("refused \"nosy\" the subscription \"secret/a\": not authorized (0x87)"), "{line}");

    // What clients are called may be anything; a terminal must not see it.
    let (first, _) = say(&broker.port(0), &connect(4, "\u{202e}bad\u{85}\u{1b}[2J"));
    let (second, _) = say(&broker.port(0), &connect(4, "\u{202e}bad\u{85}\u{1b}[2J"));
    let line = broker.wait_for("taken over");
    assert!(line.contains(r#"ended "\u{202e}bad\u{85}\u{1b}[2J":"#), "{line}");
    assert!(line.chars().all(|character| (' '..='~').contains(&character)), "{line:?}");
    drop(first);
    broker.wait_for("accepted");
    drop(second);
    broker.wait_for("the network connection was closed");
    say(&broker.port(0), &[connect(5, "rude"), b"\xf0\0\xc0\0".to_vec()].concat());
    let line = broker.wait_for("ended \"rude\"");
    assert!(line.contains("protocol error: "), "{line}");
    let (_open, _) = say(&broker.port(0), &connect(5, "last"));
    broker.wait_for("accepted \"last\"");
    let (code, said) = broker.stop();
    assert_eq!(code, Some(130));
    assert!(said[0].contains("ended \"last\": the broker shut down"), "{said:?}");
    assert!(said[1].starts_with("mqtt: 7 connections, 1 refused; 1 messages in, 0 out;"), "{said:?}");
    assert_eq!(said.len(), 2, "{said:?}");
}

#[test]
fn it_is_quiet_where_it_is_asked_to_and_warns_all_the_same() {
    let broker = Broker::start(&["--quiet"], 1);
    assert!(run(&["pub", &broker.urls[0], "-t", "a", "-m", "x", "-q", "1"]).status.success());
    assert_eq!(broker.stop(), (Some(130), vec![]));
    let broker = Broker::start(&["--quiet", "-h", "0.0.0.0"], 1);
    let (code, said) = broker.stop();
    assert_eq!((code, said.len()), (Some(130), 1), "{said:?}");
    assert!(said[0].contains("reachable from the network; it is for tests"), "{said:?}");
}

#[test]
fn users_and_rules_come_from_files() {
    let folder = Folder::new();
    let users = folder.write("users", b"# who may come\n\nada:secret\r\n  \neve:a:b\nbin:\xff\xfe\n");
    let rules = folder.write(
        "rules",
        "# ada may do all\nallow all # ada\n\ndeny write open/secret\nallow all open/#\ndeny all #\n",
    );
    let broker = Broker::start(&["--users", &users, "--rules", &rules], 1);
    let url = |user: &str| broker.urls[0].replace("mqtt://", &format!("mqtt://{user}@"));
    let publish =
        |user: &str, topic: &str| run(&["pub", &url(user), "-t", topic, "-m", "x", "-q", "1"]).status.code();
    for (user, topic, code) in [
        ("ada:secret", "private", Some(0)),
        ("ada:secret", "open/secret", Some(0)),
        ("eve:a%3Ab", "open/a", Some(0)),
        ("eve:a%3Ab", "open/secret", Some(4)),
        ("eve:a%3Ab", "private", Some(4)),
        ("eve:a", "open/a", Some(4)),
        ("bin:x", "open/a", Some(4)),
    ] {
        assert_eq!(publish(user, topic), code, "{user} {topic}");
    }
    // A password of any bytes.
    let bytes = b"\x10\x17\0\x04MQTT\x04\xc2\0\x3c\0\x01a\0\x03bin\0\x02\xff\xfe";
    let bytes = [&[0x10, bytes.len() as u8 - 2], &bytes[2..]].concat();
    assert_eq!(say(&broker.port(0), &bytes).1, [0, 0]);
    assert_eq!(run(&["sub", &url("eve:a%3Ab"), "-t", "private/#", "-W", "20"]).status.code(), Some(4));
    Running::subscribe(&[&url("eve:a%3Ab"), "-t", "#"]).interrupt();
}

/// How a broker ends that is not to run, and what it says; it is stopped if it does run.
fn end_of(args: &[&str]) -> (Option<i32>, String) {
    let child = mqtt(args).spawn().expect("the command can be started");
    let id = child.id().to_string();
    let (ended, wait) = channel::<()>();
    thread::spawn(move || {
        if wait.recv_timeout(TOO_LONG) == Err(RecvTimeoutError::Timeout) {
            command("kill").arg(&id).status().expect("kill runs");
        }
    });
    let output = child.wait_with_output().expect("the command ends");
    drop(ended);
    failure(&output)
}

#[test]
fn what_is_wrong_with_its_arguments_is_said_with_the_right_form() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let [cert, key] = folder.write_identity("server", &authority.certify("localhost"));
    let [_, other_key] = folder.write_identity("other", &authority.certify("localhost"));
    let users = folder.write("users", "ada:secret\n\nno colon here\n");
    let rules = folder.write("rules", "# comment\nallow all a/#\ndeny look b\n");
    let binary = folder.write("binary", b"deny read \xff\n");
    let empty = folder.write("empty", "# nobody\n");
    let tls = ["--tls-port", "0"];
    let used = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let used =
        used.local_addr().map(|address| (used, address.port().to_string())).expect("it has an address");
    let form = "allow|deny read|write|all FILTER [USER]";
    let rows: [(&[&str], i32, &[&str]); 16] = [
        (&["--user", "nobody"], 2, &["NAME:PASSWORD"]),
        (&["--rule", "deny a"], 2, &[form]),
        (&["--rule", "deny read a/#/b"], 2, &[form, "a/#/b"]),
        (&["--users", &users], 2, &[&format!("{users}:3: "), "NAME:PASSWORD"]),
        (&["--rules", &rules], 2, &[&format!("{rules}:3: "), "\"look\"", form]),
        (&["--rules", &binary], 2, &[&format!("{binary}:1: "), "UTF-8"]),
        (&["--users", &empty], 2, &["no user in", &empty]),
        (&["--users", "/nowhere/users"], 1, &["cannot read /nowhere/users"]),
        (&tls, 2, &["--tls-port needs --cert FILE and --key FILE"]),
        (&["--wss-port", "0", "--cert", &cert], 2, &["--wss-port needs --cert FILE and --key FILE"]),
        (&["--cert", &cert, "--key", &key], 2, &["--tls-port and --wss-port"]),
        (&[tls[0], tls[1], "--cert", "/nowhere.pem", "--key", &key], 1, &["/nowhere.pem cannot be read"]),
        (&[tls[0], tls[1], "--cert", &cert, "--key", &other_key], 1, &["refused"]),
        (&["--ws-port", &used.1], 1, &["cannot listen on 127.0.0.1:", &used.1, "--ws-port"]),
        (&["--max-qos", "3"], 2, &["0, 1 or 2"]),
        (&["--receive-maximum", "0"], 2, &["receive-maximum"]),
    ];
    for (args, code, texts) in rows {
        let (ended, said) = end_of(&[&["broker", "-p", "0"], args].concat());
        assert!(
            ended == Some(code) && texts.iter().all(|text| said.contains(text)),
            "{args:?}: {ended:?} {said}"
        );
    }
    let (ended, said) = end_of(&["broker", "-p", &used.1]);
    assert!(
        ended == Some(1) && said.contains("another program has the port") && said.contains("-p"),
        "{said}"
    );
}

#[test]
fn limits_are_announced_and_kept() {
    let limits = [
        "--max-packet 4096 --max-qos 1 --receive-maximum 5 --topic-alias-maximum 3 --server-keep-alive 9",
        "--no-retain --no-wildcards --no-shared --max-connections 2 --session-expiry-max 7 --sys-interval 1",
        "--max-inflight 4 --max-queued 10 --max-retained 20",
    ]
    .join(" ");
    let args: Vec<&str> = limits.split(' ').collect();
    let broker = Broker::start(&args, 1);
    let mut bytes = connect(5, "a");
    // A Session Expiry Interval that never ends.
    bytes.splice(12..13, *b"\x05\x11\xff\xff\xff\xff");
    bytes[1] += 5;
    let (_first, answer) = say(&broker.port(0), &bytes);
    assert_eq!(answer[1], 0, "{answer:02x?}");
    let expected: [&[u8]; 9] = [
        b"\x27\0\0\x10\0",
        b"\x24\x01",
        b"\x21\0\x05",
        b"\x22\0\x03",
        b"\x13\0\x09",
        b"\x25\0",
        b"\x28\0",
        b"\x2a\0",
        b"\x11\0\0\0\x07",
    ];
    for property in expected {
        assert!(
            answer.windows(property.len()).any(|bytes| bytes == property),
            "{property:02x?}: {answer:02x?}"
        );
    }
    let (_second, _) = say(&broker.port(0), &connect(4, "b"));
    let mut third = TcpStream::connect(format!("127.0.0.1:{}", broker.port(0))).expect("the broker listens");
    third.set_read_timeout(Some(TOO_LONG)).expect("a good timeout");
    let ended = third.read(&mut [0]);
    assert!(!matches!(ended, Ok(1..)), "there is no room for a third");
    broker.wait_for("too many connections");
}

/// With `script` standard error is a terminal.
#[test]
fn on_a_terminal_a_summary_is_rewritten_in_its_place() {
    if !Path::new("/usr/bin/script").exists() {
        eprintln!("\n*** there is no script: THIS TEST CHECKED NOTHING ***\n");
        return;
    }
    let mut script = std::process::Command::new("/usr/bin/script");
    let command = format!("exec {} broker -p 0", env!("CARGO_BIN_EXE_mqtt"));
    script.args(["-q", "-e", "-c", &command, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Running::start(script);
    let mut stdin = process.child().stdin.take().expect("it is piped");
    let mut stdout = process.child().stdout.take().expect("it is piped");
    let mut seen = Vec::new();
    let summary = "\r\x1b[K0 connections, 0/s in, 0/s out, 0 subscriptions, 0 retained, 0 bytes queued";
    while !String::from_utf8_lossy(&seen).contains(summary) {
        let mut byte = [0];
        stdout.read_exact(&mut byte).expect("the summary comes");
        seen.extend(byte);
    }
    // Control and C.
    stdin.write_all(b"\x03").expect("the terminal reads");
    stdout.read_to_end(&mut seen).expect("the terminal writes");
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("\r\x1b[Kmqtt: 0 connections, 0 refused; "), "{seen:?}");
}
