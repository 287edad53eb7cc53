//! Racing the addresses of a host: each gets a head start, and the first that answers wins.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use mqtt_client::adapter::ADDRESS_HEAD_START;

/// Addresses of both families, alternating, so that a family that leads nowhere costs one head start.
fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.into_iter().peekable();
    let is_first_v6 = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        addresses.partition(|address| address.is_ipv6() == is_first_v6);
    let mut ordered = Vec::with_capacity(first.len() + second.len());
    while !first.is_empty() || !second.is_empty() {
        ordered.extend(first.pop_front());
        ordered.extend(second.pop_front());
    }
    ordered
}

/// Connects to the addresses one beside the other: the next one is tried when the last has failed, or after a head
/// start. The first connection wins and the others are dropped; if none opens, the last failure is returned.
pub async fn race<T, C, P>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    mut connect: impl FnMut(SocketAddr) -> C,
    mut pause: impl FnMut(Duration) -> P,
) -> io::Result<T>
where
    C: Future<Output = io::Result<T>>,
    P: Future,
{
    let mut waiting: VecDeque<SocketAddr> = interleave(addresses).into();
    let mut running: Vec<Pin<Box<C>>> = Vec::new();
    let mut head_start: Option<Pin<Box<P>>> = None;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    poll_fn(move |context| {
        loop {
            let mut has_failed = false;
            let mut index = 0;
            while let Some(attempt) = running.get_mut(index) {
                match attempt.as_mut().poll(context) {
                    Poll::Ready(Ok(connection)) => return Poll::Ready(Ok(connection)),
                    Poll::Ready(Err(error)) => {
                        failure = error;
                        has_failed = true;
                        drop(running.remove(index));
                    }
                    Poll::Pending => index += 1,
                }
            }
            let is_over = head_start.as_mut().is_none_or(|pause| pause.as_mut().poll(context).is_ready());
            if !has_failed && !is_over && !running.is_empty() {
                return Poll::Pending;
            }
            match waiting.pop_front() {
                Some(address) => {
                    running.push(Box::pin(connect(address)));
                    head_start = Some(Box::pin(pause(ADDRESS_HEAD_START)));
                }
                None if running.is_empty() => {
                    let none = io::Error::from(io::ErrorKind::NotFound);
                    return Poll::Ready(Err(std::mem::replace(&mut failure, none)));
                }
                None => return Poll::Pending,
            }
        }
    })
    .await
}
