//! The table of options in `docs/mosquitto-options.md`: complete, and each row tried.

use std::collections::BTreeSet;

use mqtt_smol::broker::{self, Listen};
use mqtt_smol::transport::{TlsServer, TlsServerBuilder};

use crate::certificates::Authority;
use crate::process::{failure, mqtt, run, run_with_input};
use crate::proxy;
use crate::secure::{Folder, write};
use crate::server::{Mosquitto, command};

const TABLE: &str = include_str!("../../../../docs/mosquitto-options.md");

struct Row {
    names: Vec<String>,
    of: String,
    ours: String,
    example: Option<String>,
}

fn rows() -> Vec<Row> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `-"));
    let code = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<String>>();
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [names, of, ours, example] = cells[..] else { panic!("four columns: {line}") };
        let example = code(example.trim_end_matches('|')).into_iter().next();
        Row { names: code(names), of: of.into(), ours: ours.into(), example }
    })
    .collect()
}

/// Options that the help of a client of mosquitto names.
fn options_of(client: &str) -> Option<BTreeSet<String>> {
    // Its help ends with an error code of its own.
    let output = command(client).arg("--help").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let described = text.lines().filter_map(|line| line.strip_prefix(' ')?.split_once(" :"));
    Some(described.map(|(name, _)| name.trim().to_owned()).filter(|name| name.starts_with('-')).collect())
}

#[test]
fn the_table_has_every_option_of_the_installed_clients() {
    for (client, of) in [("mosquitto_pub", "pub"), ("mosquitto_sub", "sub")] {
        let Some(options) = options_of(client) else {
            assert!(std::env::var_os("CI").is_none(), "{client} is not installed; CI needs it");
            continue;
        };
        assert!(options.len() > 30, "{client}: {options:?}");
        let rows = rows();
        let known: BTreeSet<&String> =
            rows.iter().filter(|row| row.of == of || row.of == "both").flat_map(|row| &row.names).collect();
        let missing: Vec<&String> = options.iter().filter(|option| !known.contains(option)).collect();
        assert!(missing.is_empty(), "{client} has {missing:?}");
    }
}

#[test]
fn every_row_of_the_table_is_true() {
    let folder = Folder::new("options");
    let authority = Authority::new();
    let [ca, cert, key] = write(&folder, &authority, &authority.certify("localhost"));
    let file = folder.write("payload", "from a file");
    let mut server = broker::Server::bind("127.0.0.1:0", broker::Config::default()).expect("a free port");
    let tls = TlsServer::builder().certificate_files(&cert, &key).and_then(TlsServerBuilder::build);
    let tls = server.listen("127.0.0.1:0", Listen::Tls(tls.expect("TLS"))).expect("a free port");
    let broker = server.start().expect("a thread");
    let port = broker.address().port();
    let proxy = proxy::start();
    let unix = folder.0.join("socket");
    let mosquitto = Mosquitto::start_with(&format!("allow_anonymous true\nlistener 0 {}\n", unix.display()));
    let retain = |args: &[&str]| {
        let all = [&["pub", "-t", "t", "-m", "x", "-r", "-q", "1"], args].concat();
        assert_eq!(failure(&run(&all)).0, Some(0), "{all:?}");
    };
    let places = [
        ("{port}", port.to_string()),
        ("{tls}", tls.port().to_string()),
        ("{proxy}", proxy.port().to_string()),
        ("{ca}", ca),
        ("{cert}", cert),
        ("{key}", key),
        ("{file}", file),
        ("{folder}", folder.path().into()),
        ("{unix}", unix.display().to_string()),
    ];
    for row in rows() {
        for of in ["pub", "sub"].into_iter().filter(|of| row.of == *of || row.of == "both") {
            let Some(example) = &row.example else {
                assert!(row.ours.starts_with("absent: "), "{:?} has no example", row.names);
                for name in &row.names {
                    let (code, said) = failure(&run(&[of, "-t", "t", name, "x"]));
                    assert!(
                        code == Some(2) && said.starts_with(&format!("mqtt: {name}: ")),
                        "{name}: {said}"
                    );
                }
                continue;
            };
            assert!(row.names.iter().any(|name| example.contains(name.as_str())), "{example}");
            let example =
                places.iter().fold(example.clone(), |text, (place, value)| text.replace(place, value));
            let words: Vec<&str> = example.split(' ').collect();
            let is_at_home = words.contains(&"--unix");
            if is_at_home && mosquitto.is_none() {
                continue;
            }
            let port = port.to_string();
            let address: &[&str] = match is_at_home || words.contains(&"-L") || words.contains(&"-p") {
                true => &[],
                false => &["-p", &port],
            };
            let has_payload =
                ["-m", "-n", "-l", "-s", "-f", "--help"].iter().any(|word| words.contains(word));
            let base: &[&str] = match of {
                "sub" => &["sub", "-t", "t", "-C", "1", "-W", "20"],
                _ if has_payload => &["pub", "-t", "t", "-q", "1"],
                _ => &["pub", "-t", "t", "-q", "1", "-m", "x"],
            };
            let at_home = ["-p", port.as_str()];
            retain(if is_at_home { &words } else { &at_home });
            let all = [base, address, &words].concat();
            let output = run_with_input(&all, b"a line\n");
            assert_eq!(output.status.code(), Some(0), "{all:?}: {}", failure(&output).1);
        }
    }
}

/// Long names are there too, and take the same values.
#[test]
fn long_names_of_mosquitto_are_known() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let port = broker.address().port().to_string();
    let output = mqtt(&["pub", "--host", "127.0.0.1", "--port", &port, "--topic", "t", "--message", "x"])
        .args(["--qos", "1", "--retain", "--id", "name", "--keepalive", "9", "--username", "me", "--pw", "p"])
        .args(["--disable-clean-session", "--protocol-version", "mqttv5", "--session-expiry-interval", "5"])
        .args(["--quiet", "--repeat", "1", "--repeat-delay", "0"])
        .output()
        .expect("the command can be started");
    assert_eq!(failure(&output), (Some(0), String::new()));
}
