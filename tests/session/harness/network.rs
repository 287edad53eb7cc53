//! What the network, the server and the clock do.

use super::*;

impl Talk {
    /// The link that is asked for opens; the server says nothing yet.
    pub(crate) fn opened(&mut self) {
        self.happen(Input::Opened);
    }

    /// The link opens, CONNECT goes out, and the server answers it.
    pub(crate) fn accept(&mut self, connack: &str) {
        self.opened();
        let sent = self.take_sent();
        assert!(sent.len() == 1 && sent[0].starts_with("CONNECT "), "{sent:?}");
        self.server_says(connack);
    }

    pub(crate) fn server_says(&mut self, packet: &str) {
        let bytes = server_bytes(packet, self.version);
        self.server_sends(&bytes);
    }

    /// Bytes as they are.
    pub(crate) fn server_sends(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.handle_bytes();
    }

    /// The link has taken some of what was sent, and not all.
    pub(crate) fn written(&mut self) {
        self.happen(Input::Written);
    }

    /// The link is left unread.
    pub(crate) fn unread(&mut self) {
        self.happen(Input::Unread);
    }

    pub(crate) fn closed(&mut self, cause: OfflineCause) {
        self.input.clear();
        self.happen(Input::Closed(cause));
    }

    /// The link breaks.
    pub(crate) fn cut(&mut self) {
        self.closed(OfflineCause::TransportClosed);
    }

    /// The link breaks, if there is one.
    pub(crate) fn cut_if_online(&mut self) {
        if self.session.status() == Status::Online {
            self.cut();
        }
    }

    /// Waits for the next attempt, which the server answers.
    pub(crate) fn reconnect(&mut self, connack: &str) {
        self.wait_for_dial();
        self.accept(connack);
    }

    pub(crate) fn wait_for_dial(&mut self) {
        self.input.clear();
        while !self.is_dialing() {
            let at = self.session.poll_timeout().expect("a further attempt is due");
            self.wait_until(at);
        }
    }

    /// A cut and the reconnection after it; the events of both are dropped.
    pub(crate) fn cut_and_reconnect(&mut self, connack: &str) {
        self.cut();
        self.reconnect(connack);
        let events = self.take_events();
        assert!(events[0].starts_with("offline") && events[1].starts_with("online"), "{events:?}");
        assert_eq!(events.len(), 2, "{events:?}");
    }

    /// A cut, a time without a server, and the reconnection after it; what is said about the link is dropped.
    pub(crate) fn cut_for(&mut self, duration: Duration, connack: &str) {
        self.cut();
        self.offline_for(duration, connack);
    }

    /// The same for a link that is gone already.
    pub(crate) fn offline_for(&mut self, duration: Duration, connack: &str) {
        self.wait(duration);
        let events = self.take_events();
        assert!(events.iter().all(|event| event.starts_with("offline")), "{events:?}");
        self.wait_for_dial();
        let late = self.take_events();
        assert!(late.is_empty(), "{late:?}");
        self.accept(connack);
    }

    /// Time passes, and every deadline on the way is kept.
    pub(crate) fn wait(&mut self, duration: Duration) {
        self.wait_until(self.now + duration);
    }

    pub(crate) fn wait_until(&mut self, end: Instant) {
        for _step in 0..10_000 {
            match self.session.poll_timeout() {
                Some(at) if at <= end => {
                    self.now = self.now.max(at);
                    self.happen(Input::Timeout);
                }
                Some(_) | None => {
                    self.now = self.now.max(end);
                    self.happen(Input::Timeout);
                    return;
                }
            }
        }
        panic!("the session asks for the same time again and again");
    }

    /// A timeout that nobody has asked for.
    pub(crate) fn early_timeout(&mut self) {
        self.happen(Input::Timeout);
    }
}
