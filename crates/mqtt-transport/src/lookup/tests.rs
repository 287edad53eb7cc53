//! Names and addresses, asked for one by one and many at once.

use super::*;

/// Waits for the answer on this thread.
fn wait(mut asked: LookUp) -> io::Result<Vec<SocketAddr>> {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match Pin::new(&mut asked).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(found) => return found,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn an_address_needs_no_thread() {
    for (host, shown) in [("127.0.0.1", "127.0.0.1:7"), ("::1", "[::1]:7")] {
        let mut asked = look_up(host, 7);
        let Poll::Ready(found) = Pin::new(&mut asked).poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("{host} is looked up");
        };
        assert_eq!(found.expect("an address"), [shown.parse::<SocketAddr>().expect("an address")]);
    }
}

#[test]
fn a_name_is_looked_up_for_all_who_ask() {
    let asked: Vec<_> = (1..=1000).map(|port| (port, look_up("localhost", port))).collect();
    assert!(lock(&RESOLVER).threads <= THREADS_MAX);
    for (port, asked) in asked {
        let found = wait(asked).expect("every system knows it");
        assert!(
            found.iter().all(|address| address.ip().is_loopback() && address.port() == port),
            "{found:?}"
        );
        assert!(!found.is_empty());
    }
}

#[test]
fn a_name_that_is_none_is_an_error_for_all_who_ask() {
    let asked: Vec<_> = (1..=20).map(|port| look_up("no\0name", port)).collect();
    for asked in asked {
        assert!(wait(asked).is_err());
    }
}

#[test]
fn nothing_is_kept_of_questions_that_are_taken_back() {
    let mut resolver = Resolver { names: VecDeque::new(), threads: 0 };
    let questions: Vec<_> =
        (0..4).map(|port| Arc::new(Question { port, answer: Mutex::default() })).collect();
    for (host, question) in ["a", "b", "a", "b"].into_iter().zip(&questions) {
        resolver.add(host, Arc::clone(question));
    }
    assert_eq!(resolver.names.len(), 2);
    for (question, names) in questions.iter().zip([2, 2, 1, 0]) {
        resolver.take_back(question);
        assert_eq!(resolver.names.len(), names);
        assert_eq!(Arc::strong_count(question), 1);
    }
}
