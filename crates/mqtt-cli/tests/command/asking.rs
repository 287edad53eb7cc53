//! `mqtt rr`, `mqtt check` and `mqtt sim`.

use mqtt_smol::broker::{self, Action, Config, Rule};
use mqtt_smol::{Options, QoS};
use serde_json::Value;

use crate::process::{Running, failure, run};
use crate::server::Mosquitto;

/// Answers `ask` on a broker until the test ends, in capital letters.
fn respond(url: &str) {
    let options = Options::from_url(url).expect("a good URL");
    let client = smol::block_on(mqtt_smol::connect(options, |drive| smol::spawn(drive).detach()));
    let client = client.expect("it connects");
    let answer = |request: &mqtt_smol::Message| request.payload().to_ascii_uppercase();
    let granted = client.respond("ask", answer).expect("it is a filter");
    smol::block_on(granted).expect("it is granted");
    smol::spawn(async move { client.run().await }).detach();
}

#[test]
fn a_request_prints_its_response() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let url = broker.url();
    respond(&url);
    for args in
        [&["-m", "ping"][..], &["-m", "ping", "-e", "back/here", "-q", "2"], &["-m", "ping", "-i", "asker"]]
    {
        let output = run(&[&["rr", &url, "-t", "ask", "-W", "20"], args].concat());
        assert_eq!(failure(&output), (Some(0), String::new()), "{args:?}");
        assert_eq!(output.stdout, b"PING\n", "{args:?}");
    }
    let formatted = run(&["rr", &url, "-t", "ask", "-n", "-e", "back", "-F", "<%t|%p>", "-W", "20"]);
    assert_eq!(formatted.stdout, b"<back|>\n");
}

#[test]
fn before_5_a_request_takes_the_first_message_at_its_topic() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let url = broker.url();
    assert!(run(&["pub", &url, "-t", "back", "-m", "old", "-r", "-q", "1"]).status.success());
    let asked = Running::subscribe(&[&url, "-t", "ask", "-C", "1"]);
    let mut request = Running::start(crate::process::mqtt(&[
        "rr", &url, "-V", "3.1.1", "-t", "ask", "-m", "ping", "-e", "back", "-q", "1", "-W", "20",
    ]));
    assert_eq!(asked.finish().1, b"ping\n");
    assert!(run(&["pub", &url, "-t", "back", "-m", "new", "-q", "1"]).status.success());
    assert_eq!(request.child().wait().expect("it ends").code(), Some(0));
    assert_eq!(request.finish().1, b"new\n");
}

#[test]
fn a_request_without_a_response_says_why() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let url = broker.url();
    for (args, code, text) in [
        (&["-t", "nobody", "-q", "1", "-W", "20"][..], 1, "no subscribers"),
        (&["-t", "nobody", "-W", "0.2"], 5, "no response came in time"),
        (&["-t", "ask", "-V", "3.1.1"], 2, "-e"),
        (&["-t", "ask/#"], 2, "wildcard"),
        (&["-t", "ask", "-e", "back/+"], 2, "wildcard"),
        (&[], 2, "no topic"),
    ] {
        let output = run(&[&["rr", &url, "-m", "ping"], args].concat());
        let (ended, said) = failure(&output);
        assert!(ended == Some(code) && said.contains(text), "{args:?}: {ended:?} {said}");
    }
}

/// The findings of `mqtt check --json`, by capability and version.
fn check(url: &str, wait: &str) -> Value {
    let output = run(&["check", url, "--json", "-W", wait]);
    assert_eq!(failure(&output), (Some(0), String::new()));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_check_finds_everything_in_mosquitto() {
    let Some(server) = Mosquitto::start() else { return };
    let found = check(&server.url(), "10");
    let capabilities = found["capabilities"].as_object().expect("an object");
    assert_eq!(capabilities.len(), 17);
    for (name, versions) in capabilities {
        for (version, finding) in versions.as_object().expect("an object") {
            assert_eq!(finding, &Value::Bool(true), "{name} in {version}");
        }
    }
    assert!(found["announced"].as_array().expect("a list").contains(&"Receive Maximum 20".into()), "{found}");
}

#[test]
fn a_check_finds_what_a_broker_lacks() {
    let config = Config::default()
        .qos_max(QoS::AtLeastOnce)
        .retain_available(false)
        .shared_available(false)
        .shared_in_v3(false)
        .identifiers_available(false)
        .packet_size_max(10_000);
    let broker = broker::start_with("127.0.0.1:0", config).expect("there is a free port");
    let url = broker.url();
    let found = check(&url, "1");
    let capabilities = &found["capabilities"];
    for lacked in [
        "QoS 2",
        "retained messages",
        "shared subscriptions",
        "payload of 100 KiB",
        "subscription identifiers",
        "retain as published",
    ] {
        assert!(capabilities[lacked]["5.0"].is_string(), "{lacked}: {capabilities}");
    }
    for there in ["connects", "QoS 1", "wildcards", "persistent sessions", "wills", "request and response"] {
        assert_eq!(capabilities[there]["5.0"], Value::Bool(true), "{there}");
    }
    let table = String::from_utf8(run(&["check", &url, "-W", "1"]).stdout).expect("text");
    assert!(table.contains("QoS 2                         no     no    no"), "{table}");
    assert!(table.contains("retained messages in 5.0: "), "the notes say why: {table}");
}

#[test]
fn a_check_of_nobody_and_of_a_closed_door_fails() {
    let (code, said) = failure(&run(&["check", "mqtt://127.0.0.1:1"]));
    assert!(code == Some(3) && said.contains("cannot be reached"), "{said}");
    let closed = Config::default()
        .allows_anonymous(false)
        .users(vec![broker::User { name: "me".into(), password: Vec::new() }]);
    let broker = broker::start_with("127.0.0.1:0", closed).expect("there is a free port");
    assert_eq!(run(&["check", &broker.url()]).status.code(), Some(4));
    let rule = Rule::deny(Action::All, "#").expect("a filter");
    let mute = broker::start_with("127.0.0.1:0", Config::default().rules(vec![rule])).expect("a free port");
    let found = check(&mute.url(), "0.2");
    assert_eq!(found["capabilities"]["connects"]["5.0"], Value::Bool(true));
    assert!(found["capabilities"]["QoS 1"]["5.0"].is_string());
}

#[test]
fn a_simulation_keeps_what_each_qos_promises_and_repeats_itself() {
    let sim = |args: &[&str]| run(&[&["sim", "--time", "60", "--json"], args].concat());
    let mut lost = 0;
    for seed in ["1", "2", "3"] {
        for network in ["good", "bad"] {
            let json = |qos| -> Value {
                let output = sim(&["--seed", seed, "-q", qos, "--network", network]);
                assert_eq!(failure(&output), (Some(0), String::new()), "{seed} {qos} {network}");
                serde_json::from_slice(&output.stdout).expect("JSON")
            };
            let [zero, one, two] = ["0", "1", "2"].map(json);
            lost += zero["lost"].as_u64().expect("a number");
            assert_eq!((&one["lost"], &two["lost"], &two["doubled"]), (&0.into(), &0.into(), &0.into()));
            assert_eq!(two["published"], 600);
            let arrived: u64 = two["rows"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|row| row["arrived"].as_u64())
                .sum();
            assert_eq!(arrived, 600, "every message is in one row");
            assert_eq!(two["outages"].as_array().expect("a list").len(), 5);
        }
    }
    assert!(lost > 0, "outages cost messages of QoS 0");
    assert_eq!(sim(&["--seed", "7"]).stdout, sim(&["--seed", "7"]).stdout);
    let chart = String::from_utf8(run(&["sim", "--seed", "7", "--time", "60"]).stdout).expect("text");
    assert!(chart.contains("####") && chart.contains(" 0 lost") && chart.contains(" ! "), "{chart}");
    assert_eq!(run(&["sim", "--time", "1"]).status.code(), Some(2));
}
