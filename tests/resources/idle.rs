//! Connections that are open and have nothing to say.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use mqtt_std::{Options, Version};

use crate::counts::{alone, is_extra, sockets, threads, until};

#[test]
fn an_idle_connection_has_one_descriptor_and_no_thread() {
    const CLIENTS: usize = 40;
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let before = sockets();
    let (accepted, streams) = mpsc::channel();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _connect = stream.read(&mut [0; 100]).expect("the client says CONNECT");
            stream.write_all(b"\x20\x02\0\0").expect("the client reads");
            if accepted.send(stream).is_err() {
                return;
            }
        }
    });
    let options = || Options::new("127.0.0.1").port(port).version(Version::V3_1_1);
    drop(mqtt_std::connect(options().client_id("first")).expect("accepted"));
    drop(streams.recv().expect("the first came"));
    until("the first is gone", || sockets() <= before);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| mqtt_std::connect(options().client_id(format!("c{number}"))).expect("accepted"))
        .collect();
    let streams: Vec<_> = (0..CLIENTS).map(|_| streams.recv().expect("they came")).collect();
    // One at each end.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(sockets() - before, 2 * CLIENTS);
    assert!(threads(|name| name == "mqtt-client") <= cores);
    assert_eq!(threads(is_extra), 0);
    drop((clients, streams));
    until("all are closed", || sockets() <= before);
}
