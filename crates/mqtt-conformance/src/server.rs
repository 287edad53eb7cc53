//! The sockets of the scripted server: takes connections on a free port and reports what comes as events.
//!
//! It answers nothing by itself; what is written is for the case that runs.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use mqtt_proto::{PACKET_SIZE_MAX, frame_len};

use crate::line::{Line, LineError};

/// What happens to a case from outside. Connections are counted from 0.
#[derive(Debug)]
pub(crate) enum Event {
    /// The client has connected.
    Opened(TcpStream),
    /// The bytes of one packet.
    Packet(usize, Vec<u8>),
    /// Bytes that begin no packet.
    Garbage(usize, Vec<u8>),
    /// The client has closed the connection, or it is broken.
    Closed(usize),
    /// The driver has written a line.
    Line(Result<Line, (String, LineError)>),
    /// The driver has closed its output.
    Ended,
}

/// Takes connections until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port of the loopback interface.
    pub(crate) fn start(events: Sender<Event>) -> io::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let acceptor = thread::spawn(move || accept(&listener, &over, &events));
        Ok(Server { address, is_over, acceptor: Some(acceptor) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        if TcpStream::connect(self.address).is_ok() {
            if let Some(acceptor) = self.acceptor.take() {
                // Nothing in it panics.
                let _ = acceptor.join();
            }
        }
    }
}

fn accept(listener: &TcpListener, is_over: &AtomicBool, events: &Sender<Event>) {
    let mut index = 0;
    while let Ok((stream, _peer)) = listener.accept() {
        if is_over.load(Ordering::Acquire) {
            return;
        }
        // Delay would only make the run longer.
        let _ = stream.set_nodelay(true);
        let Ok(writer) = stream.try_clone() else { continue };
        let own = events.clone();
        if events.send(Event::Opened(writer)).is_err() {
            return;
        }
        thread::spawn(move || read(stream, index, &own));
        index += 1;
    }
}

/// Cuts the bytes of a connection into packets until it ends or the case is over.
fn read(mut stream: TcpStream, index: usize, events: &Sender<Event>) {
    let mut received = Vec::new();
    let mut chunk = [0; 16 * 1024];
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        received.extend_from_slice(&chunk[..len]);
        loop {
            match frame_len(&received, PACKET_SIZE_MAX) {
                Ok(Some(len)) if received.len() >= len => {
                    let rest = received.split_off(len);
                    let packet = std::mem::replace(&mut received, rest);
                    if events.send(Event::Packet(index, packet)).is_err() {
                        return;
                    }
                }
                Ok(_) => break,
                Err(_error) => {
                    // The case has ended if nobody takes it.
                    let _ = events.send(Event::Garbage(index, received));
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
    }
    let _ = events.send(Event::Closed(index));
}
