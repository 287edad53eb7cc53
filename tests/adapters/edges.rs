//! The edges of what an adapter waits for: ends that come with the last bytes, listeners without room, and times that no
//! clock reaches.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use mqtt_smol::{Client, Options, Publish, QoS, SocketOptions, broker};
#[cfg(unix)]
use mqtt_smol::{Server, transport::SockRef};

use crate::adapter::ALL;
use crate::scenario::TOO_LONG;

/// Waits until something holds that an event brings about.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < TOO_LONG, "never: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// With the default keep alive it is a minute before a ping would find out.
#[test]
fn an_end_that_comes_with_the_last_bytes_is_seen_at_once() {
    for adapter in ALL {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _connect = stream.read(&mut [0; 500]).expect("the client says CONNECT");
                stream.write_all(&[0x20, 3, 0, 0, 0]).expect("the client reads");
            }
        });
        // Often enough for the end to be there before the bytes are read, and to come after them.
        for number in 0..50 {
            let options = Options::new("127.0.0.1").port(port).client_id(format!("c{number}"));
            let client = adapter.connect(options).expect("the server accepts");
            // It may have connected once more by now, and been left again.
            until(&format!("{adapter:?} sees the end"), || client.stats().disconnections >= 1);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_unix_socket_without_room_is_waited_for() {
    let path = std::env::temp_dir().join(format!("mqtt-busy-{}", std::process::id()));
    for adapter in ALL {
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("the socket can be made");
        SockRef::from(&listener).listen(0).expect("it listens already");
        let mut options = Options::new("").network_timeout(TOO_LONG);
        options.server = Server::unix(path.display().to_string());
        let fill = || mqtt_smol::transport::connect_unix(&options.server.path).expect("it listens");
        let streams: Vec<_> = std::iter::from_fn(fill).collect();
        let client = adapter.client(options.clone()).expect("good options");
        let connected = client.connect().expect("accepted");
        let server = thread::spawn(move || {
            for _full in streams {
                drop(listener.accept().expect("those wait that fill it"));
            }
            let (mut stream, _) = listener.accept().expect("the client comes");
            let _connect = stream.read(&mut [0; 500]).expect("the client says CONNECT");
            stream.write_all(&[0x20, 3, 0, 0, 0]).expect("the client reads");
            // Until the client goes.
            while stream.read(&mut [0; 500]).is_ok_and(|len| len > 0) {}
        });
        connected.wait_for(TOO_LONG).expect("in time").expect("the server accepts");
        drop(client);
        server.join().expect("the server has not failed");
        std::fs::remove_file(&path).expect("it was made here");
    }
}

/// What a program says that wants no bound.
#[test]
fn times_that_no_clock_reaches_are_no_bounds() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let good_for_ever = |options: Options| {
        options
            .network_timeout(Duration::MAX)
            .keep_alive(Duration::MAX)
            .reconnect_after(Duration::MAX)
            .session_expiry(Duration::MAX)
            .retry_first(true)
            .socket(SocketOptions::default().keep_alive(Some(Duration::MAX)))
    };
    let exchange = |client: &Client| {
        let mut stream = client.subscribe("a").expect("accepted");
        stream.wait_granted().expect("granted");
        let publish = Publish::new("a", "x").qos(QoS::AtLeastOnce).timeout(Duration::MAX);
        client.publish(publish).expect("accepted").wait_for(TOO_LONG).expect("in time").expect("published");
        stream.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
    };
    for adapter in ALL {
        let options = good_for_ever(Options::from_url(&broker.url()).expect("a good URL"));
        let client = adapter.connect(options.client_id(format!("{adapter:?}"))).expect("the broker accepts");
        exchange(&client);
        // An hour, a month and a century are as good as none, too.
        for secs in [3600, 30 * 86_400, 100 * 365 * 86_400] {
            let long = Duration::from_secs(secs);
            let options = Options::from_url(&broker.url()).expect("a good URL").network_timeout(long);
            exchange(&adapter.connect(options.keep_alive(long)).expect("the broker accepts"));
        }
        client.disconnect_within(Duration::MAX).expect("online").wait_for(TOO_LONG).expect("it closes");
        // A server that does not answer is waited for, and can be given up all the same.
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let client =
            adapter.client(good_for_ever(Options::new("127.0.0.1").port(port))).expect("good options");
        let connected = client.connect().expect("accepted");
        assert!(connected.wait_for(Duration::from_millis(20)).is_err());
        drop(client);
        let (mut stream, _) = listener.accept().expect("the client has come");
        stream.set_read_timeout(Some(TOO_LONG)).expect("a good time");
        let begun = Instant::now();
        while stream.read(&mut [0; 500]).is_ok_and(|len| len > 0) {}
        assert!(begun.elapsed() < TOO_LONG, "{adapter:?} still waits for a server that nobody wants");
    }
}
