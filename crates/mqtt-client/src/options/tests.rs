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
        ("mqtts://host", "host", 8883, None),
        ("ssl://[fe80::1]", "fe80::1", 8883, None),
        ("ws://host/path?query", "host", 80, None),
        ("wss://host:8443", "host", 8443, None),
        ("unix:///run/mosquitto%20a.sock", "", 0, None),
        ("unix://user@/run/s", "", 0, Some(("user", None))),
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
        ("wss://", OptionsError::NoHost),
        ("unix://host/path", not_a_url("unix://host/path")),
        ("unix://", not_a_url("unix://")),
        ("unix:/run/s", not_a_url("unix:/run/s")),
        ("mqtts://host/topic", OptionsError::Path { path: "/topic".into() }),
        ("mqtt://host:0", OptionsError::Port { port: "0".into() }),
        ("mqtt://host:65536", OptionsError::Port { port: "65536".into() }),
        ("mqtt://host/topic", OptionsError::Path { path: "/topic".into() }),
        ("mqtt://host?a=b", OptionsError::Path { path: "?a=b".into() }),
        ("mqtt://us%ffer@host", OptionsError::NotText),
    ];
    for (url, error) in cases {
        assert_eq!(Options::from_url(url).err(), Some(error), "{url}");
    }
}

#[test]
fn urls_say_the_path_of_websockets_and_unix_sockets() {
    let cases = [
        ("ws://host", "/mqtt", "ws://host:80/mqtt"),
        ("ws://host/", "/", "ws://host:80/"),
        ("ws://host?a=b", "/mqtt?a=b", "ws://host:80/mqtt?a=b"),
        ("wss://host/?a=b", "/?a=b", "wss://host:443/?a=b"),
        ("wss://host/a/b?c=d", "/a/b?c=d", "wss://host:443/a/b?c=d"),
        ("unix:///run/mosquitto%20a.sock", "/run/mosquitto a.sock", "unix:///run/mosquitto a.sock"),
        ("mqtts://[::1]", "", "mqtts://[::1]:8883"),
    ];
    for (url, path, shown) in cases {
        let server = Options::from_url(url).expect(url).server;
        assert_eq!((server.path.as_str(), server.to_string().as_str()), (path, shown), "{url}");
    }
}

#[test]
fn server_references_leave_out_what_they_share_with_the_server() {
    let server = Server { port: 8884, ..Server::new(Scheme::Mqtts, "host") };
    for (reference, host, port) in [
        ("other", "other", 8884),
        ("other:1", "other", 1),
        ("[::1]:1 third", "::1", 1),
        ("[::1]", "::1", 8884),
        ("fe80::1", "fe80::1", 8884),
        ("other:port", "other", 8884),
    ] {
        let found = Server::from_reference(reference, &server);
        assert_eq!(
            (found.host.as_str(), found.port, found.scheme),
            (host, port, Scheme::Mqtts),
            "{reference}"
        );
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
