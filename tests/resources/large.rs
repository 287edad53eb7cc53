//! What a connection keeps of the largest message that it has received: nothing, once the message is dropped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use mqtt_std::{Options, Version};

use crate::counts::{alone, resident, until};

const MESSAGE: usize = 64 << 20;

/// Answers CONNECT and SUBSCRIBE, sends one large message of QoS 0, and waits until the client has gone.
fn serve(mut stream: TcpStream) -> Option<()> {
    let mut packet = [0; 100];
    let _connect = stream.read(&mut packet).ok()?;
    stream.write_all(b"\x20\x02\0\0").ok()?;
    let _subscribe = stream.read(&mut packet).ok()?;
    stream.write_all(&[0x90, 3, packet[2], packet[3], 0]).ok()?;
    let remaining = u32::try_from(MESSAGE + 3).expect("it fits");
    let length =
        [0, 7, 14, 21].map(|shift| ((remaining >> shift & 0x7f) as u8) | if shift < 21 { 0x80 } else { 0 });
    stream.write_all(&[&[0x30], &length[..], b"\0\x01a"].concat()).ok()?;
    let chunk = vec![b'x'; 1 << 20];
    (0..MESSAGE >> 20).try_for_each(|_| stream.write_all(&chunk)).ok()?;
    stream.read(&mut packet).ok().map(drop)
}

#[test]
fn a_connection_keeps_nothing_of_a_large_message() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || listener.accept().ok().and_then(|(stream, _)| serve(stream)));
    let options = Options::new("127.0.0.1").port(port).version(Version::V3_1_1).client_id("c");
    let client = mqtt_std::connect(options).expect("accepted");
    let mut stream = client.subscribe("a").expect("a filter");
    let before = resident();
    let message = stream.wait_next().expect("it comes");
    assert_eq!(message.payload().len(), MESSAGE);
    assert!(resident() > before + MESSAGE / 2, "the message is there");
    drop(message);
    until("its memory is given back", || resident() < before + MESSAGE / 4);
    drop(stream);
    client.disconnect().expect("it is connected").wait();
}
