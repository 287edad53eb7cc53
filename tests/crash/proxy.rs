//! Between a client and its broker: passes bytes on, and logs the exchanges that the client begins.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use mqtt_proto::{Context, Packet, QoS, Sender, Version, decode, frame_len};

/// Exchanges of QoS 2 that a client has begun: how many for each number.
#[derive(Debug, Default)]
pub(crate) struct Log {
    exchanges: BTreeMap<u64, u64>,
    /// The number that an identifier stands for, until PUBREL was answered.
    open: BTreeMap<u16, u64>,
    pub(crate) links: u64,
}

impl Log {
    fn on_packet(&mut self, packet: &Packet<'_>) {
        match packet {
            Packet::Publish(publish) if publish.qos == QoS::ExactlyOnce => {
                let text = std::str::from_utf8(publish.payload).ok();
                let number = text.and_then(|text| text.parse().ok()).expect("it is a number");
                let id = publish.packet_id.expect("QoS 2 has one").get();
                if self.open.insert(id, number) != Some(number) {
                    *self.exchanges.entry(number).or_default() += 1;
                }
            }
            Packet::Pubcomp(ack) => _ = self.open.remove(&ack.packet_id.get()),
            _ => {}
        }
    }

    /// How many exchanges there were for a number.
    pub(crate) fn exchanges(&self, number: u64) -> u64 {
        self.exchanges.get(&number).copied().unwrap_or(0)
    }
}

/// A proxy on a port of its own.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) log: Arc<Mutex<Log>>,
}

impl Proxy {
    /// A proxy in front of a broker on that port; its threads end with the program.
    pub(crate) fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has one").port();
        let log: Arc<Mutex<Log>> = Arc::default();
        let shared = Arc::clone(&log);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                shared.lock().expect("nobody panics").links += 1;
                for (from, to, sender) in
                    [(&client, &broker, Sender::Client), (&broker, &client, Sender::Server)]
                {
                    let (from, to) =
                        (from.try_clone().expect("it is open"), to.try_clone().expect("it is open"));
                    let log = Arc::clone(&shared);
                    thread::spawn(move || pass_on(from, to, sender, &log));
                }
            }
        });
        Proxy { port, log }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, sender: Sender, log: &Mutex<Log>) {
    let (mut bytes, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(len @ 1..) = from.read(&mut buf) {
        bytes.extend_from_slice(&buf[..len]);
        while let Ok(Some(frame)) = frame_len(&bytes, u32::MAX) {
            if bytes.len() < frame {
                break;
            }
            let packet = decode(&bytes[..frame], Context { version: Version::V5_0, sender: Some(sender) });
            packet.iter().for_each(|packet| log.lock().expect("nobody panics").on_packet(packet));
            bytes.drain(..frame);
        }
        if to.write_all(&buf[..len]).is_err() {
            break;
        }
    }
    // Either side may be gone.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
