//! Where settings come from: arguments, then variables, then the profile, then defaults; and passwords that no one sees.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use mqtt_smol::broker::{self, Config, Running as Broker, User};

use crate::process::{failure, mqtt, run};

/// A file that goes when the test ends.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> File {
        let path = std::env::temp_dir().join(format!("mqtt-settings-{name}-{}", std::process::id()));
        fs::write(&path, content).expect("the folder for temporary files can be written");
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path of plain characters")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A broker that lets in only `me` with `secret`.
fn guarded() -> Broker {
    let users = vec![User { name: "me".into(), password: b"secret".to_vec() }];
    let config = Config::default().users(users).allows_anonymous(false);
    broker::start_with("127.0.0.1:0", config).expect("there is a free port")
}

fn port(broker: &Broker) -> String {
    broker.address().port().to_string()
}

/// `mqtt pub` of something, with variables.
fn publish(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = mqtt(&[&["pub", "-t", "a", "-m", "x", "-q", "1"], args].concat());
    command.envs(variables.iter().copied()).output().expect("the command can be started")
}

fn assert_done(output: &Output) {
    assert_eq!(failure(output), (Some(0), String::new()));
}

#[test]
fn variables_take_the_place_of_arguments() {
    let broker = guarded();
    let (url, port) = (broker.url(), port(&broker));
    let login = [("MQTT_USERNAME", "me"), ("MQTT_PASSWORD", "secret")];
    assert_done(&publish(&[&url], &login));
    assert_done(&publish(&["-p", &port], &login));
    let address = [("MQTT_HOST", "127.0.0.1"), ("MQTT_PORT", port.as_str())];
    assert_done(&publish(&[], &[&login[..], &address].concat()));
    assert_done(&publish(&[], &[&login[..], &[("MQTT_URL", url.as_str())]].concat()));
    let with_flag =
        publish(&["-p", &port], &[&login[..], &[("MQTT_KEEPALIVE", "7"), ("MQTT_DEBUG", "1")]].concat());
    assert!(failure(&with_flag).1.contains("keep alive 7 s"), "{with_flag:?}");
    let bad = publish(&[], &[("MQTT_PORT", "many")]);
    let (code, said) = failure(&bad);
    assert!(code == Some(2) && said.contains("--port comes from the variable MQTT_PORT"), "{said}");
}

#[test]
fn an_argument_wins_over_a_variable_and_an_empty_one_counts_as_unset() {
    let broker = guarded();
    let (url, port) = (broker.url(), port(&broker));
    let nobody = [("MQTT_HOST", "nowhere.invalid"), ("MQTT_PORT", "1")];
    let login = ["-u", "me", "--password-file"];
    let password = File::new("password", "secret\nsecond line\n");
    let login = [&login[..], &[password.path()]].concat();
    assert_done(&publish(&[&[url.as_str()], &login[..]].concat(), &nobody));
    assert_done(&publish(&[&["-L", &url], &login[..]].concat(), &nobody));
    assert_done(&publish(&[&["-h", "127.0.0.1", "-p", &port], &login[..]].concat(), &nobody));
    assert_done(&publish(&[&["-p", &port], &login[..]].concat(), &[("MQTT_URL", "mqtt://nowhere.invalid")]));
    assert_done(&publish(&[&["-p", &port], &login[..]].concat(), &[("MQTT_HOST", ""), ("MQTT_CAFILE", "")]));
    let known = url.replace("mqtt://", "mqtt://me:secret@");
    assert_done(&publish(&[&known], &[("MQTT_USERNAME", "other"), ("MQTT_PASSWORD", "wrong")]));
    let half = url.replace("mqtt://", "mqtt://me@");
    assert_done(&publish(&[&half], &[("MQTT_USERNAME", "other"), ("MQTT_PASSWORD", "secret")]));
    let variable = [("MQTT_USERNAME", "me"), ("MQTT_PASSWORD", "secret")];
    assert_eq!(failure(&publish(&[&url, "-u", "other"], &variable)).0, Some(4));
}

#[test]
fn a_profile_holds_what_neither_arguments_nor_variables_say() {
    let broker = guarded();
    let (url, port) = (broker.url(), port(&broker));
    let profiles = File::new(
        "profiles",
        &format!(
            "username = \"me\"\nkeepalive = 9\n\n[lab]\nurl = \"{url}\"\npassword = \"secret\"\nproperty = \
             [\"connect user-property site north pole\"]\n\n[wrong]\nhost = \"nowhere.invalid\"\nno-such = 1\n",
        ),
    );
    let with = |args: &[&str], more: &[(&str, &str)]| {
        publish(args, &[&[("MQTT_PROFILES", profiles.path())], more].concat())
    };
    assert_done(&with(&["--profile", "lab"], &[]));
    assert_done(&with(&[], &[("MQTT_PROFILE", "lab")]));
    let debug = failure(&with(&["--profile", "lab", "-d"], &[])).1;
    assert!(debug.contains("keep alive 9 s") && debug.contains("\"site\"=\"north pole\""), "{debug}");
    assert_done(&with(&["--profile", "lab", "-h", "127.0.0.1", "-p", &port], &[]));
    let other = with(&["--profile", "lab"], &[("MQTT_HOST", "127.0.0.1"), ("MQTT_PORT", "1")]);
    assert_eq!(failure(&other).0, Some(3), "a variable wins over the profile");
    for (args, text) in [
        (&["--profile", "elsewhere"][..], "there is no profile \"elsewhere\""),
        (&["--profile", "wrong"], "there is no setting \"no-such\""),
    ] {
        let (code, said) = failure(&with(args, &[]));
        assert!(code == Some(2) && said.contains(text) && said.contains(profiles.path()), "{said}");
    }
    let broken = File::new("broken", "host = [1,\n");
    let (code, said) = failure(&publish(&[], &[("MQTT_PROFILES", broken.path())]));
    assert!(code == Some(2) && said.contains(broken.path()), "{said}");
    let (code, said) = failure(&publish(&["--profile", "lab"], &[("MQTT_PROFILES", "/nowhere/at/all.toml")]));
    assert!(code == Some(2) && said.contains("/nowhere/at/all.toml"), "{said}");
}

#[test]
fn a_password_among_the_arguments_is_warned_of() {
    let broker = guarded();
    let url = broker.url();
    for password in [&["-P", "secret"][..], &["-Psecret"], &["--password=secret"], &["--pw", "secret"]] {
        let (code, said) = failure(&publish(&[&[url.as_str(), "-u", "me"], password].concat(), &[]));
        assert!(code == Some(0) && said.contains("--password-file"), "{password:?}: {said}");
    }
    assert_done(&publish(&[&url, "-u", "me", "-P", "secret", "--quiet"], &[]));
    for (content, code, text) in [("", 2, "empty"), ("wrong\n", 4, "refused"), ("secret\r\n", 0, "")] {
        let password = File::new("passwords", content);
        let output = publish(&[&url, "-u", "me", "--password-file", password.path()], &[]);
        let (ended, said) = failure(&output);
        assert!(ended == Some(code) && said.contains(text), "{content:?}: {ended:?} {said}");
    }
    let (code, said) = failure(&publish(&[&url, "-u", "me", "--password-file", "/nowhere/at/all"], &[]));
    assert!(code == Some(2) && said.contains("/nowhere/at/all"), "{said}");
}

#[test]
fn a_url_may_have_the_topic_behind_the_server() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let url = format!("{}/lab/room 1", broker.url());
    for place in [&["-L", url.as_str()][..], &[url.as_str()]] {
        assert!(run(&[&["pub", "-m", "here", "-r", "-q", "1"], place].concat()).status.success());
        let output = run(&[&["sub", "-C", "1", "-W", "20", "-v"], place].concat());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "lab/room 1 here\n");
    }
}
