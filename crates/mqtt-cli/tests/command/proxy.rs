//! A proxy that reaches whatever it is asked for, by SOCKS5 or by CONNECT of HTTP; it wants `me` with `p w` if asked to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Where it listens, and how many connections it has passed on.
pub(crate) struct Proxy {
    address: SocketAddr,
    passed: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }
}

/// A proxy that runs until the test ends.
pub(crate) fn start() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    let passed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&passed);
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let count = Arc::clone(&count);
            thread::spawn(move || serve(client, &count));
        }
    });
    Proxy { address, passed }
}

fn serve(mut client: TcpStream, passed: &AtomicUsize) -> Option<()> {
    let mut first = [0];
    client.peek(&mut first).ok()?;
    let target = if first[0] == 5 { socks(&mut client)? } else { http(&mut client)? };
    let mut server = TcpStream::connect(target).ok()?;
    passed.fetch_add(1, Ordering::SeqCst);
    let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut client, &mut server).ok()?;
    server.shutdown(Shutdown::Write).ok()
}

fn take(stream: &mut TcpStream, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).ok().map(|()| bytes)
}

fn counted(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let len = take(stream, 1)?[0].into();
    take(stream, len)
}

/// RFC 1928; user name and password, if the client has them, by RFC 1929.
fn socks(client: &mut TcpStream) -> Option<String> {
    take(client, 1)?;
    let methods = counted(client)?;
    if methods.contains(&2) {
        client.write_all(&[5, 2]).ok()?;
        take(client, 1)?;
        let (user, password) = (counted(client)?, counted(client)?);
        let is_right = user == b"me" && password == b"p w";
        client.write_all(&[1, u8::from(!is_right)]).ok()?;
        is_right.then_some(())?;
    } else {
        client.write_all(&[5, 0]).ok()?;
    }
    let kind = take(client, 4)?[3];
    let host = match kind {
        1 => take(client, 4)?.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        3 => String::from_utf8(counted(client)?).ok()?,
        _ => return None,
    };
    let port = take(client, 2)?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    Some(format!("{host}:{}", u16::from_be_bytes([port[0], port[1]])))
}

fn http(client: &mut TcpStream) -> Option<String> {
    let mut lines = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    lines.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).ok()? <= 2 {
            break;
        }
    }
    client.write_all(b"HTTP/1.1 200 go on\r\n\r\n").ok()?;
    first.split(' ').nth(1).map(str::to_owned)
}
