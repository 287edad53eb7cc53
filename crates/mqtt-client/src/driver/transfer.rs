//! How a turn moves bytes: from the link into the session, and from the session into the link.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt_session::{Input, Transport};

use super::Driver;
use crate::link::Link;

/// Bytes that are read at once.
const READ_SIZE: usize = 64 * 1024;

/// Reads of one turn at the most, so that writing gets its share.
const READS_PER_TURN: usize = 4;

/// While more bytes than this wait to be written, no more are taken from the session.
const OUTPUT_HIGH: usize = 256 * 1024;

/// While more bytes of answers than this wait in the session, nothing is read.
const ANSWERS_MAX: usize = 256 * 1024;

/// Chunks of one vectored write.
const CHUNKS_MAX: usize = 64;

/// Where links read into, while no driver reads: as many as have read at the same time, so that neither an idle
/// connection nor an idle thread holds memory for it.
static SCRATCH: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn spare_scratch() -> MutexGuard<'static, Vec<Vec<u8>>> {
    SCRATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driver {
    /// Whether there may be more to read; an error without a source is the end of the stream.
    pub(super) fn read_and_write(&mut self, link: &mut impl Link) -> Result<bool, Option<io::Error>> {
        let is_more = self.read(link)?;
        self.write(link).map_err(Some)?;
        Ok(is_more)
    }

    fn read(&mut self, link: &mut impl Link) -> Result<bool, Option<io::Error>> {
        let mut scratch = spare_scratch().pop().unwrap_or_else(|| vec![0; READ_SIZE]);
        let result = self.read_through(link, &mut scratch);
        spare_scratch().push(scratch);
        result
    }

    fn read_through(&mut self, link: &mut impl Link, scratch: &mut [u8]) -> Result<bool, Option<io::Error>> {
        for _ in 0..READS_PER_TURN {
            if !self.wants_read() {
                return Ok(false);
            }
            let len = match link.try_read(scratch) {
                Ok(0) => return Err(None),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Some(error)),
            };
            self.read_len += len;
            self.take_input(&scratch[..len]);
            if len < READ_SIZE && link.short_read_is_all() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take_input(&mut self, mut read: &[u8]) {
        while !read.is_empty() {
            let piece = self.input.take(&mut read);
            self.input.extend(piece);
            self.handle_input();
            self.input.give_large_back();
        }
    }

    fn handle_input(&mut self) {
        let now = self.shared.now();
        let shared = Arc::clone(&self.shared);
        loop {
            let mut state = shared.lock();
            state.session.notify(now, Input::Bytes(self.input.bytes()));
            state.pass_events_on(now);
            self.is_unread = !state.routes.wants_read(now);
            shared.release_by_driver(state, now, &mut self.wakers);
            // What the server has said behind its last word is handled once that is answered.
            if !shared.answer_authentication(&mut self.dialogue) {
                return;
            }
        }
    }

    /// Fills the buffer from the session and writes it, until the link takes no more or nothing is left.
    fn write(&mut self, link: &mut impl Link) -> io::Result<()> {
        loop {
            let transport = self.fill();
            if self.output.is_empty() {
                if transport == Transport::Flush && !self.is_shut_down {
                    self.is_shut_down = true;
                    link.shutdown()?;
                }
                return Ok(());
            }
            let len = self.output.len();
            if !self.flush(link)? {
                if self.output.len() < len {
                    self.shared.lock().session.notify(self.progress_at, Input::Written);
                }
                return Ok(());
            }
        }
    }

    fn fill(&mut self) -> Transport {
        let now = self.shared.now();
        if self.output.is_empty() {
            self.progress_at = now;
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if state.is_abandoned {
            state.disconnect_abandoned(now, self.network_timeout);
        }
        state.look_at_store(now);
        state.handle_timeout(now);
        // What the link has not taken is bounded; answers then wait in the session, where they are bounded too.
        if self.output.len() < OUTPUT_HIGH {
            state.session.poll_transmit(now, &mut self.output);
        }
        self.is_silenced = state.session.answers_waiting() > ANSWERS_MAX;
        let transport = state.session.poll_transport();
        shared.release_by_driver(state, now, &mut self.wakers);
        transport
    }

    /// False if the link takes no more for now.
    fn flush(&mut self, link: &mut impl Link) -> io::Result<bool> {
        while !self.output.is_empty() {
            let mut chunks = [IoSlice::new(&[]); CHUNKS_MAX];
            let mut count = 0;
            for (slot, chunk) in chunks.iter_mut().zip(self.output.chunks()) {
                *slot = IoSlice::new(chunk);
                count += 1;
            }
            match link.try_write(&chunks[..count]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.written_len += len;
                    self.output.advance(len);
                    self.progress_at = self.shared.now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if std::mem::take(&mut self.holds_connect) {
            // There may have been a password in it.
            self.output.wipe();
        }
        Ok(true)
    }
}
