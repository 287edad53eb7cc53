//! A server that answers each packet with what a test has scripted, whatever the packet says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use mqtt_memory::{Options, Version};
use mqtt_proto::frame_len;

/// What a scripted server receives from its clients.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A packet.
    Packet(Vec<u8>),
    /// The client has closed the connection.
    Closed,
}

/// Serves one connection after the other on a thread, at the port that is returned, and reports what it receives.
///
/// `scripts` has for each connection what is answered to the client's first packet, its second, and so on.
pub fn serve(scripts: &[&[&[u8]]], mut report: impl FnMut(Heard) + Send + 'static) -> u16 {
    let scripts: Vec<Vec<Vec<u8>>> =
        scripts.iter().map(|script| script.iter().map(|answer| answer.to_vec()).collect()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || {
        for script in scripts {
            let Ok((stream, _)) = listener.accept() else { return };
            converse(stream, &script, &mut report);
        }
    });
    port
}

fn converse(mut stream: TcpStream, script: &[Vec<u8>], report: &mut impl FnMut(Heard)) {
    let mut answers = script.iter();
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        received.extend_from_slice(&chunk[..len]);
        while let Ok(Some(len)) = frame_len(&received, u32::MAX) {
            if received.len() < len {
                break;
            }
            let rest = received.split_off(len);
            report(Heard::Packet(std::mem::replace(&mut received, rest)));
            if let Some(answer) = answers.next() {
                let _ = stream.write_all(answer);
            }
        }
    }
    report(Heard::Closed);
}

/// Options of a client that connects to a scripted server, and again soon after it has ended the connection.
pub fn options(port: u16, version: Version) -> Options {
    Options::new("127.0.0.1")
        .port(port)
        .client_id("c")
        .version(version)
        .reconnect_after(Duration::from_millis(20))
}
