//! Every transport carries every QoS, also in pieces and over each other.

use std::time::Duration;

#[cfg(unix)]
use mqtt_smol::Server;
use mqtt_smol::transport::{Tls, WebSocket};
use mqtt_smol::{Options, OptionsError, Publish, QoS, SocketOptions, broker};

use crate::adapter::{ALL, Adapter};
use crate::certificates::Authority;
use crate::relay;
use crate::scenario::{ALL_QOS, TOO_LONG};
#[cfg(unix)]
use crate::server::Mosquitto;

/// Messages of all sizes and QoS to oneself.
pub(crate) fn check(adapter: Adapter, options: Options) {
    let shown = options.server.to_string();
    let client = adapter.connect(options.reconnect_after(Duration::from_millis(10))).expect(&shown);
    let mut messages =
        client.subscribe(mqtt_smol::Subscribe::new("all").qos(QoS::ExactlyOnce)).expect("accepted");
    messages.wait_granted().expect("granted");
    for qos in ALL_QOS {
        for size in [0, 1, 5_000, 200_000] {
            let payload = vec![size as u8; size];
            let token = client.publish(Publish::new("all", payload.clone()).qos(qos)).expect("accepted");
            token.wait_for(TOO_LONG).expect("it ends in time").expect("published");
            let message = messages.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
            assert!(message.qos() == qos && message.payload() == payload, "{adapter:?} {shown} {qos} {size}");
        }
    }
    client.disconnect().expect("online").wait_for(TOO_LONG).expect("it closes in time");
}

fn start() -> broker::Running {
    broker::start("127.0.0.1:0").expect("there is a free port")
}

fn url(text: &str) -> Options {
    Options::from_url(text).expect("a good URL")
}

#[test]
fn plain_tcp_with_every_socket_option() {
    let broker = start();
    for adapter in ALL {
        let socket = SocketOptions::default()
            .nodelay(false)
            .keep_alive(Some(Duration::from_secs(30)))
            .send_buffer_size(Some(8192))
            .receive_buffer_size(Some(8192))
            .bind(Some([127, 0, 0, 1].into()));
        check(adapter, url(&broker.url()).socket(socket));
    }
}

#[test]
fn websocket_in_frames_of_every_size() {
    let broker = start();
    for adapter in ALL {
        for frame_max in [1000, 65_536] {
            let address = relay::websocket(broker.address(), frame_max);
            check(adapter, url(&format!("ws://{address}/any?path")));
        }
    }
}

#[test]
fn websocket_over_tls() {
    let broker = start();
    let authority = Authority::new();
    let identity = authority.certify("127.0.0.1");
    for adapter in ALL {
        let inner = relay::websocket(broker.address(), 65_536);
        let address = relay::tls(inner, &identity, None);
        let tls = Tls::builder().roots_pem(authority.pem().as_bytes()).expect("a root").build().expect("TLS");
        let websocket = WebSocket::new().header("X-Token", "secret").expect("a header");
        check(adapter, url(&format!("wss://{address}")).tls(tls).websocket(websocket));
    }
}

#[cfg(unix)]
#[test]
fn unix_sockets_to_mosquitto() {
    let folder = std::env::temp_dir().join(format!("mqtt-unix-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join("mosquitto");
    let lines = format!("listener 0 {}\nallow_anonymous true\n", path.display());
    if let Some(_mosquitto) = Mosquitto::start_with(&lines) {
        for adapter in ALL {
            check(adapter, url(&format!("unix://{}", path.display().to_string().replace('q', "%71"))));
            let mut options = Options::new("");
            options.server = Server::unix(path.display().to_string());
            check(adapter, options);
        }
    }
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

#[test]
fn a_host_with_an_address_that_leads_nowhere_is_reached_by_another() {
    // The broker listens on 127.0.0.1 only; `localhost` has both families on most systems.
    let broker = start();
    for adapter in ALL {
        let port = broker.address().port();
        check(adapter, url(&format!("mqtt://localhost:{port}")));
    }
}

/// Systems without root certificates cannot trust anybody; with them, the URL is enough.
#[test]
fn a_url_is_enough_for_tls_where_the_system_has_roots() {
    for adapter in ALL {
        match adapter.client(url("mqtts://localhost:1")) {
            Ok(client) => drop(client),
            Err(error) => {
                let missing = OptionsError::NeedsFeature {
                    scheme: "mqtts",
                    feature: "root certificates: the system's cannot be read, so give `Tls` to the options",
                };
                assert_eq!(error.to_string(), missing.to_string());
            }
        }
    }
}
