//! Connections to servers that do not answer.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use mqtt_std::transport::SockRef;
use mqtt_std::{Client, ConnectionEvent, Events, Options, Server};

use crate::counts::{alone, is_extra, sockets, threads, until};

const CLIENTS: usize = 300;

/// Clients that dial again and again, and the events of each.
fn dialing(options: impl Fn() -> Options) -> Vec<(Client, Events)> {
    let client = |number| {
        let timeout = Duration::from_millis(100);
        let options = options().client_id(format!("c{number}")).network_timeout(timeout);
        let client =
            mqtt_std::client(options.retry_first(true).reconnect_after(timeout)).expect("good options");
        let events = client.events();
        drop(client.connect().expect("accepted"));
        (client, events)
    };
    (0..CLIENTS).map(client).collect()
}

/// Lets each dial several times, and looks at the most that there ever was of sockets and of threads beside the workers.
fn most(clients: &mut [(Client, Events)]) -> (usize, usize) {
    let (mut sockets_most, mut threads_most) = (0, 0);
    for _dial in 0..3 {
        for (number, (_, events)) in clients.iter_mut().enumerate() {
            let event = events.wait_next();
            assert!(matches!(event, Some(ConnectionEvent::Offline { will_retry: true, .. })), "{event:?}");
            if number % 10 == 0 {
                sockets_most = sockets_most.max(sockets());
                threads_most = threads_most.max(threads(is_extra));
            }
        }
    }
    (sockets_most, threads_most)
}

/// A port whose listener takes no one in, and what fills it.
fn full() -> (TcpListener, Vec<TcpStream>, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    SockRef::from(&listener).listen(0).expect("it listens already");
    let address = listener.local_addr().expect("it has an address");
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok();
    let streams = std::iter::from_fn(connect).collect();
    (listener, streams, address.port())
}

#[test]
fn dials_to_an_address_take_no_thread_and_leave_nothing_behind() {
    let _alone = alone();
    let (_listener, _streams, port) = full();
    let before = sockets();
    let mut clients = dialing(|| Options::new("127.0.0.1").port(port));
    let (sockets_most, threads_most) = most(&mut clients);
    assert!(sockets_most <= before + CLIENTS, "{sockets_most} sockets");
    assert_eq!(threads_most, 0);
    drop(clients);
    until("all dials are given up", || sockets() <= before);
}

#[test]
fn dials_to_a_name_share_a_few_threads() {
    let _alone = alone();
    let (_listener, _streams, port) = full();
    let before = sockets();
    let mut clients = dialing(|| Options::new("localhost").port(port));
    let (_, threads_most) = most(&mut clients);
    // Eight, and those that are just ending.
    assert!(threads_most <= 16, "{threads_most} threads");
    drop(clients);
    until("all dials are given up", || sockets() <= before && threads(is_extra) == 0);
}

#[test]
fn dials_to_a_unix_socket_without_room_take_neither_thread_nor_descriptor() {
    let _alone = alone();
    let path = std::env::temp_dir().join(format!("mqtt-full-{}", std::process::id()));
    let listener = UnixListener::bind(&path).expect("the socket can be made");
    SockRef::from(&listener).listen(0).expect("it listens already");
    let path_text = path.display().to_string();
    let before = sockets();
    let mut streams = Vec::new();
    while let Ok(Some(stream)) = mqtt_std::transport::connect_unix(&path_text) {
        streams.push(stream);
    }
    let filled = sockets();
    let mut clients = dialing(|| {
        let mut options = Options::new("");
        options.server = Server::unix(path_text.clone());
        options
    });
    let (sockets_most, threads_most) = most(&mut clients);
    // Each worker tries one at a time.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    assert!(sockets_most <= filled + cores, "{sockets_most} sockets");
    assert_eq!(threads_most, 0);
    // Once there is room, one comes.
    drop(listener.accept().expect("the first waits"));
    let (stream, _) = listener.accept().expect("one more waits");
    drop::<(UnixStream, _)>((stream, listener));
    drop((clients, streams));
    std::fs::remove_file(&path).expect("it was made here");
    until("all are gone", || sockets() < before);
}
