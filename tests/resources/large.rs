//! What large and small messages leave in memory: a connection keeps nothing of a large one that was dropped, and a small one
//! that is kept keeps little of what was read with it.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use mqtt_std::{Client, Options, Subscription, Version};

use crate::counts::{alone, resident, until};

const MESSAGE: usize = 64 << 20;

/// Bytes that wait to be taken.
const WAITING_MAX: usize = 1 << 20;

/// Small messages, of which one in so many is kept.
const SMALL: usize = 1_000_000;
const KEPT_OF: usize = 1_000;

/// Answers CONNECT and SUBSCRIBE, sends something, and waits until the client has gone.
fn serve(mut stream: TcpStream, send: impl FnOnce(&mut TcpStream) -> io::Result<()>) -> io::Result<()> {
    let mut packet = [0; 100];
    let _connect = stream.read(&mut packet)?;
    stream.write_all(b"\x20\x02\0\0")?;
    let _subscribe = stream.read(&mut packet)?;
    stream.write_all(&[0x90, 3, packet[2], packet[3], 0])?;
    send(&mut stream)?;
    stream.read(&mut packet).map(drop)
}

fn send_large(stream: &mut TcpStream) -> io::Result<()> {
    let remaining = u32::try_from(MESSAGE + 3).expect("it fits");
    let length =
        [0, 7, 14, 21].map(|shift| ((remaining >> shift & 0x7f) as u8) | if shift < 21 { 0x80 } else { 0 });
    stream.write_all(&[&[0x30], &length[..], b"\0\x01a"].concat())?;
    let chunk = vec![b'x'; 1 << 20];
    (0..MESSAGE >> 20).try_for_each(|_| stream.write_all(&chunk))
}

/// Small messages in one write after the other, so that large reads find them.
fn send_small(stream: &mut TcpStream) -> io::Result<()> {
    let message = [&[0x30, 67, 0, 1, b'a'][..], &[b'x'; 64]].concat();
    // The first half finds out how much memory the client needs for so many that wait.
    let thousand = message.repeat(1_000);
    (0..2 * SMALL / 1_000).try_for_each(|_| stream.write_all(&thousand))
}

/// A client that is subscribed to what the server sends.
fn subscribed(
    send: impl FnOnce(&mut TcpStream) -> io::Result<()> + Send + 'static,
) -> (Client, Subscription) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    thread::spawn(move || listener.accept().and_then(|(stream, _)| serve(stream, send)));
    let options = Options::new("127.0.0.1").port(port).version(Version::V3_1_1).client_id("c");
    let options = options.incoming_bytes_max(WAITING_MAX);
    let client = mqtt_std::connect(options).expect("accepted");
    let messages = client.subscribe("a").expect("a filter");
    (client, messages)
}

#[test]
fn a_small_message_that_is_kept_keeps_little_else() {
    let _alone = alone();
    let (client, mut messages) = subscribed(send_small);
    let mut take = |is_kept: fn(usize) -> bool| -> Vec<_> {
        let taken = (0..SMALL).map(|number| (number, messages.wait_next().expect("it comes")));
        taken.filter(|(number, _)| is_kept(*number)).collect()
    };
    assert!(take(|_| false).is_empty());
    let before = resident();
    let kept = take(|number| number % KEPT_OF == 0);
    let each = resident().saturating_sub(before) / kept.len();
    assert!(each < 8 * 1024, "each of {} messages of 64 bytes keeps {each} bytes", kept.len());
    drop(messages);
    client.disconnect().expect("it is connected").wait();
}

#[test]
fn a_connection_keeps_nothing_of_a_large_message() {
    let _alone = alone();
    let (client, mut stream) = subscribed(send_large);
    let before = resident();
    let message = stream.wait_next().expect("it comes");
    assert_eq!(message.payload().len(), MESSAGE);
    assert!(resident() > before + MESSAGE / 2, "the message is there");
    drop(message);
    until("its memory is given back", || resident() < before + MESSAGE / 4);
    drop(stream);
    client.disconnect().expect("it is connected").wait();
}
