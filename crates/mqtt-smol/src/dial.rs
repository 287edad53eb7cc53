//! Opens TCP connections.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::task::{Context, Poll};

use async_io::Async;
use mqtt_client::{Link, Server};

/// A TCP connection that never blocks.
#[derive(Debug)]
pub(crate) struct TcpLink(Async<TcpStream>);

impl TcpLink {
    /// Small packets go out at once: what can wait for more was gathered before.
    pub(crate) fn new(stream: Async<TcpStream>) -> io::Result<TcpLink> {
        stream.get_ref().set_nodelay(true)?;
        Ok(TcpLink(stream))
    }

    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_readable(context)
    }

    pub(crate) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_writable(context)
    }
}

impl Link for TcpLink {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(buf)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.get_ref().write_vectored(chunks)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.0.get_ref().shutdown(Shutdown::Write)
    }
}

/// Looks the server up and connects to the first of its addresses that answers.
pub(crate) async fn dial(server: Server) -> io::Result<TcpLink> {
    let addresses = look_up(server).await?;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in addresses {
        match Async::<TcpStream>::connect(address).await.and_then(TcpLink::new) {
            Ok(link) => return Ok(link),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The resolver of the system blocks, so it runs on a thread of its own; an address needs no resolver.
async fn look_up(server: Server) -> io::Result<Vec<SocketAddr>> {
    let Server { host, port } = server;
    match host.parse() {
        Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
        Err(_) => blocking::unblock(move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await,
    }
}
