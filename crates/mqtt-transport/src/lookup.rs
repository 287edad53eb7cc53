//! Addresses of hosts by their names. The system's resolver makes its caller wait, so it is called on a few threads that
//! live as long as there is something to look up, however many connections want it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

/// The addresses of a host; ready at once if the host is an address itself.
///
/// Dropping it before it is ready cancels the lookup, unless a thread has asked the system already.
#[must_use = "futures do nothing unless they are polled"]
pub struct LookUp(State);

enum State {
    /// The host is an address, or starting a thread failed.
    Known(Option<io::Result<Vec<SocketAddr>>>),
    Asked(Arc<Question>),
}

/// A lookup that waits for the answer.
struct Question {
    port: u16,
    answer: Mutex<Answer>,
}

#[derive(Default)]
struct Answer {
    addresses: Option<io::Result<Vec<SocketAddr>>>,
    waker: Option<Waker>,
}

/// Names that no thread has taken yet, each once with all lookups that wait for it, and the threads that run.
struct Resolver {
    names: VecDeque<(String, Vec<Arc<Question>>)>,
    threads: usize,
}

impl Resolver {
    fn add(&mut self, host: &str, question: Arc<Question>) {
        match self.names.iter_mut().find(|(name, _)| name == host) {
            Some((_, questions)) => questions.push(question),
            None => self.names.push_back((host.into(), vec![question])),
        }
    }

    fn take_back(&mut self, question: &Arc<Question>) {
        for (_, questions) in &mut self.names {
            questions.retain(|other| !Arc::ptr_eq(other, question));
        }
        self.names.retain(|(_, questions)| !questions.is_empty());
    }
}

static RESOLVER: Mutex<Resolver> = Mutex::new(Resolver { names: VecDeque::new(), threads: 0 });

/// Threads at the most. A name that the system's resolver is slow to answer occupies one of them.
const THREADS_MAX: usize = 8;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks the addresses of a host up. All who ask for the same name at once share one answer.
pub fn look_up(host: &str, port: u16) -> LookUp {
    if let Ok(address) = host.parse::<IpAddr>() {
        return LookUp(State::Known(Some(Ok(vec![SocketAddr::new(address, port)]))));
    }
    let question = Arc::new(Question { port, answer: Mutex::default() });
    match ask(host, Arc::clone(&question)) {
        Ok(()) => LookUp(State::Asked(question)),
        Err(error) => LookUp(State::Known(Some(Err(error)))),
    }
}

fn ask(host: &str, question: Arc<Question>) -> io::Result<()> {
    let mut resolver = lock(&RESOLVER);
    if resolver.threads < THREADS_MAX {
        match thread::Builder::new().name("mqtt-resolver".into()).spawn(run) {
            Ok(_) => resolver.threads += 1,
            Err(error) if resolver.threads == 0 => return Err(error),
            // Those that run take it.
            Err(_) => {}
        }
    }
    resolver.add(host, question);
    Ok(())
}

/// Answers questions until there are none.
fn run() {
    loop {
        let (name, questions) = {
            let mut resolver = lock(&RESOLVER);
            let Some(next) = resolver.names.pop_front() else {
                resolver.threads -= 1;
                return;
            };
            next
        };
        let found = (name.as_str(), 0).to_socket_addrs().map(Vec::from_iter);
        for question in questions {
            question.answer(&found);
        }
    }
}

impl Question {
    fn answer(&self, found: &io::Result<Vec<SocketAddr>>) {
        let addresses = match found {
            Ok(addresses) => Ok(addresses.iter().map(|address| with_port(*address, self.port)).collect()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        let waker = {
            let mut answer = lock(&self.answer);
            answer.addresses = Some(addresses);
            answer.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

/// With its scope, if it has one.
fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

impl Future for LookUp {
    type Output = io::Result<Vec<SocketAddr>>;

    /// # Panics
    ///
    /// If it was ready before.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let addresses = match &mut self.0 {
            State::Known(addresses) => addresses.take(),
            State::Asked(question) => {
                let mut answer = lock(&question.answer);
                match answer.addresses.take() {
                    Some(addresses) => Some(addresses),
                    None => {
                        answer.waker = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                }
            }
        };
        self.0 = State::Known(None);
        Poll::Ready(addresses.expect("a future is not polled once it was ready"))
    }
}

impl Drop for LookUp {
    fn drop(&mut self) {
        if let State::Asked(question) = &self.0 {
            lock(&RESOLVER).take_back(question);
        }
    }
}

impl fmt::Debug for LookUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookUp")
    }
}

#[cfg(test)]
mod tests;
