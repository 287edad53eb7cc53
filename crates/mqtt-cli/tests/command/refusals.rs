//! What a server says when it refuses: its Reason String, Server Reference and User Properties, in every packet that has them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use mqtt_proto::{
    Ack, Connack, Context, Disconnect, Packet, PacketKind, Properties, Property, ReasonCode, ReasonCodes,
    Suback, Version, decode, frame_len,
};

use crate::process::{failure, run};

/// A server that answers each packet of the client as it is told, once.
fn scripted(answer: impl Fn(&Packet<'_>) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("mqtt://{}", listener.local_addr().expect("it has an address"));
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            // A client that has gone ends the conversation.
            let _ = converse(stream, &answer);
        }
    });
    url
}

fn converse(mut stream: TcpStream, answer: &impl Fn(&Packet<'_>) -> Vec<u8>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        while let Ok(Some(len)) = frame_len(&bytes, u32::MAX)
            && len <= bytes.len()
        {
            let frame: Vec<u8> = bytes.drain(..len).collect();
            let context = Context { version: Version::V5_0, sender: None };
            stream.write_all(&answer(&decode(&frame, context).expect("a legal packet")))?;
        }
        let mut buf = [0; 1024];
        match stream.read(&mut buf)? {
            0 => return Ok(()),
            len => bytes.extend_from_slice(&buf[..len]),
        }
    }
}

fn encoded(packet: Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(Version::V5_0, &mut bytes).expect("a legal packet");
    bytes
}

fn connack(reason: ReasonCode, properties: &[Property<'_>]) -> Vec<u8> {
    let properties = Properties::new(properties);
    encoded(Packet::Connack(Connack { session_present: false, reason, properties }))
}

const WORDS: [Property<'static>; 2] =
    [Property::ReasonString("come \x1b back at nine"), Property::UserProperty("tenant", "7")];

fn assert_says(url: &str, args: &[&str], code: i32, texts: &[&str]) {
    let (ended, said) = failure(&run(&[args, &[url]].concat()));
    assert_eq!(ended, Some(code), "{said}");
    for text in texts {
        assert!(said.contains(text), "{text}: {said}");
    }
    assert!(!said.contains('\x1b'), "a server does not control the terminal: {said:?}");
}

const SAYS: &str = "the server says \"come \\u{1b} back at nine\"";

/// [5.0 MQTT-3.2.2-19]
#[test]
fn a_refused_connection_says_why_and_where_else() {
    let url = scripted(|_| {
        let elsewhere = [Property::ServerReference("other.example:1883")];
        connack(ReasonCode::UseAnotherServer, &[&WORDS[..], &elsewhere].concat())
    });
    let publish = ["pub", "-t", "a", "-m", "x"];
    assert_says(&url, &publish, 4, &[SAYS, "other.example:1883", "\"tenant\"=\"7\"", "0x9c"]);
    assert_says(&url, &["sub", "-t", "a"], 4, &[SAYS]);
    assert_says(&url, &["check"], 4, &[SAYS]);
}

#[test]
fn a_refused_message_and_a_refused_subscription_say_why() {
    let url = scripted(|packet| match packet {
        Packet::Connect(_) => connack(ReasonCode::Success, &[]),
        Packet::Publish(publish) => {
            let packet_id = publish.packet_id.expect("QoS 1");
            let properties = Properties::new(&WORDS);
            encoded(Packet::Puback(Ack { packet_id, reason: ReasonCode::QuotaExceeded, properties }))
        }
        Packet::Subscribe(subscribe) => {
            let (packet_id, properties) = (subscribe.packet_id, Properties::new(&WORDS));
            let codes = ReasonCodes::new(&[ReasonCode::NotAuthorized]);
            encoded(Packet::Suback(Suback { packet_id, properties, codes }))
        }
        _ => Vec::new(),
    });
    assert_says(&url, &["pub", "-t", "a", "-m", "x", "-q", "1"], 4, &[SAYS, "0x97"]);
    assert_says(&url, &["sub", "-t", "a"], 4, &[SAYS, "0x87"]);
}

#[test]
fn a_server_that_ends_the_connection_for_good_says_why() {
    let url = scripted(|packet| match packet.kind() {
        PacketKind::Connect => connack(ReasonCode::Success, &[]),
        PacketKind::Subscribe => {
            let properties = Properties::new(&WORDS);
            encoded(Packet::Disconnect(Disconnect { reason: ReasonCode::NotAuthorized, properties }))
        }
        _ => Vec::new(),
    });
    assert_says(&url, &["sub", "-t", "a"], 4, &[SAYS, "0x87"]);
}
