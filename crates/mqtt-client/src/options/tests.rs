//! URLs that say a server, and what is wrong with others.

use super::*;

#[test]
fn urls_say_host_port_and_credentials() {
    let cases = [
        ("mqtt://localhost", "localhost", 1883, None),
        ("MQTT://localhost/", "localhost", 1883, None),
        ("tcp://10.0.0.1:1884", "10.0.0.1", 1884, None),
        ("mqtt://[::1]:5", "::1", 5, None),
        ("mqtt://user@host", "host", 1883, Some(("user", None))),
        ("mqtt://us%20er:p%40%3As@host", "host", 1883, Some(("us er", Some("p@:s")))),
    ];
    for (url, host, port, credentials) in cases {
        let options = Options::from_url(url).expect(url);
        assert_eq!((options.server.host.as_str(), options.server.port), (host, port), "{url}");
        let expected = credentials.map(|(user_name, password): (&str, Option<&str>)| Credentials {
            user_name: Some(user_name.into()),
            password: password.map(|password| password.as_bytes().to_vec()),
        });
        assert_eq!(options.config.credentials, expected, "{url}");
    }
}

#[test]
fn other_urls_are_refused_with_the_reason() {
    let not_a_url = |url: &str| OptionsError::NotAUrl { url: url.into() };
    let cases = [
        ("", not_a_url("")),
        ("localhost", not_a_url("localhost")),
        ("localhost:1883", not_a_url("localhost:1883")),
        ("mqtt://ho st", not_a_url("mqtt://ho st")),
        ("mqtt:localhost", not_a_url("mqtt:localhost")),
        ("http://localhost", OptionsError::Scheme { scheme: "http".into() }),
        ("mqtt://", OptionsError::NoHost),
        ("mqtt://host:0", OptionsError::Port { port: "0".into() }),
        ("mqtt://host:65536", OptionsError::Port { port: "65536".into() }),
        ("mqtt://host/topic", OptionsError::Path { path: "/topic".into() }),
        ("mqtt://host?a=b", OptionsError::Path { path: "?a=b".into() }),
        ("mqtt://us%ffer@host", OptionsError::UserInfo),
    ];
    for (url, error) in cases {
        assert_eq!(Options::from_url(url).err(), Some(error), "{url}");
    }
}

#[test]
fn durations_are_rounded_up_to_seconds() {
    let options = Options::new("h").keep_alive(Duration::from_millis(1500)).session_expiry(Duration::MAX);
    assert_eq!(options.config.keep_alive_secs, 2);
    assert_eq!(options.config.session_expiry_secs, Some(u32::MAX));
    assert_eq!(Options::new("h").keep_alive(Duration::MAX).config.keep_alive_secs, u16::MAX);
}

#[test]
fn secrets_are_not_shown() {
    let options = Options::new("h").credentials("someone", "secret");
    let shown = format!("{options:?}");
    assert!(!shown.contains("secret") && !shown.contains("someone"), "{shown}");
}
