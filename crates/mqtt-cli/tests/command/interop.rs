//! The command and mosquitto's own clients, through a mosquitto, at each QoS.

use std::process::Stdio;

use crate::process::{Running, run};
use crate::server::{Mosquitto, command};

const QOS: [&str; 3] = ["0", "1", "2"];
const VERSIONS: [(&str, &str); 2] = [("3.1.1", "mqttv311"), ("5", "mqttv5")];

#[test]
fn mosquitto_sub_prints_what_mqtt_pub_publishes() {
    let Some(server) = Mosquitto::start() else { return };
    let port = server.port.to_string();
    for (ours, theirs) in VERSIONS {
        for qos in QOS {
            let reader = command("mosquitto_sub")
                .args(["-h", "127.0.0.1", "-p", &port, "-V", theirs, "-i", "reader"])
                .args(["-t", "a/+", "-q", "2", "-C", "1", "-F", "%t %q %p"])
                .stdout(Stdio::piped())
                .spawn()
                .expect("mosquitto_sub can be started");
            server.wait_for_log("Sending SUBACK to reader");
            let args =
                ["pub", "-h", "127.0.0.1", "-p", &port, "-V", ours, "-t", "a/b", "-q", qos, "-m", "hi"];
            assert!(run(&args).status.success());
            let output = reader.wait_with_output().expect("mosquitto_sub ends");
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("a/b {qos} hi\n"), "{ours}");
        }
    }
}

#[test]
fn mqtt_sub_prints_what_mosquitto_pub_publishes() {
    let Some(server) = Mosquitto::start() else { return };
    let url = server.url();
    for (ours, theirs) in VERSIONS {
        for qos in QOS {
            let reader = Running::subscribe(&[&url, "-V", ours, "-t", "a/+", "-q", qos, "-v", "-C", "1"]);
            let status = command("mosquitto_pub")
                .args(["-h", "127.0.0.1", "-p", &server.port.to_string(), "-V", theirs])
                .args(["-t", "a/b", "-q", qos, "-m", "hi"])
                .status()
                .expect("mosquitto_pub can be started");
            assert!(status.success());
            assert_eq!(reader.finish(), (Some(0), b"a/b hi\n".to_vec()), "{ours} QoS {qos}");
        }
    }
}
