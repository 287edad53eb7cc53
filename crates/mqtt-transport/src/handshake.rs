//! A link whose first bytes belong to a handshake, after which it is the plain link below.

use std::io::{self, ErrorKind, IoSlice};

use mqtt_client::adapter::{BoxedLink, Link};

/// A protocol to be completed before the link is open.
pub(crate) trait Handshake: Send {
    /// Looks at what has come and not been used; what is used is taken off its front, and what is to be sent is
    /// appended to `out`. True once the link is open.
    ///
    /// If it fails, what it appended is still sent, as far as the link takes it at once.
    fn advance(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<bool>;

    /// Appends what is sent to a peer that sends too much. Default: nothing.
    fn refuse_long(&mut self, _out: &mut Vec<u8>) {}
}

/// A link behind a handshake.
pub(crate) struct HandshakeLink<H> {
    link: BoxedLink,
    handshake: Option<H>,
    /// What has come and is not used.
    input: Vec<u8>,
    /// What is to be sent.
    out: Vec<u8>,
    is_blocked: bool,
    /// Whether something came that is not a whole answer, and nothing was said about it.
    is_half_read: bool,
    /// Whether the last read has taken all that the link below had.
    is_drained: bool,
}

/// Bytes of the peer's part at the most; a larger one is an error.
const INPUT_MAX: usize = 16 * 1024;

impl<H: Handshake> HandshakeLink<H> {
    pub(crate) fn new(link: BoxedLink, handshake: H) -> HandshakeLink<H> {
        HandshakeLink {
            link,
            handshake: Some(handshake),
            input: Vec::new(),
            out: Vec::new(),
            is_blocked: false,
            is_half_read: false,
            is_drained: false,
        }
    }

    /// Whether the handshake is over.
    #[cfg(feature = "websocket")]
    pub(crate) fn is_open(&self) -> bool {
        self.handshake.is_none()
    }

    /// [`HandshakeLink::open`] for a write, which must not be tried again at once: the next read goes on.
    pub(crate) fn open_for_write(&mut self) -> io::Result<()> {
        match self.open() {
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(ErrorKind::WouldBlock.into()),
            result => result,
        }
    }

    /// Continues the handshake; would block until it is over.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        while let Some(handshake) = &mut self.handshake {
            let is_open = match handshake.advance(&mut self.input, &mut self.out) {
                Ok(is_open) => is_open,
                Err(error) => return Err(self.fail(error)),
            };
            self.flush()?;
            if is_open {
                self.handshake = None;
                return Ok(());
            }
            let mut buf = [0; 1024];
            match self.link.try_read(&mut buf) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.input.extend_from_slice(&buf[..len]),
                Err(error) => {
                    // Half an answer: a peer that gathers small writes sends the rest once this is acknowledged.
                    if std::mem::take(&mut self.is_half_read) && error.kind() == ErrorKind::WouldBlock {
                        self.link.quickack();
                    }
                    return Err(error);
                }
            }
            self.is_half_read = true;
            if self.input.len() > INPUT_MAX {
                self.handshake.iter_mut().for_each(|handshake| handshake.refuse_long(&mut self.out));
                let text = "the other side's part of the handshake is too long";
                return Err(self.fail(io::Error::new(ErrorKind::InvalidData, text)));
            }
        }
        Ok(())
    }

    /// Says why, and that nothing more will be written; the link below may be gone by now.
    fn fail(&mut self, error: io::Error) -> io::Error {
        let is_sent = !self.out.is_empty() && self.flush().is_ok();
        if is_sent {
            let _ = self.link.shutdown();
        }
        error
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_blocked = false;
        while !self.out.is_empty() {
            match self.link.try_write(&[IoSlice::new(&self.out)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(len) => _ = self.out.drain(..len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_blocked = error.kind() == ErrorKind::WouldBlock;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl<H: Handshake> Link for HandshakeLink<H> {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.open()?;
        if self.input.is_empty() {
            let len = self.link.try_read(buf)?;
            self.is_drained = len < buf.len() && self.link.short_read_is_all();
            return Ok(len);
        }
        let len = buf.len().min(self.input.len());
        buf[..len].copy_from_slice(&self.input[..len]);
        self.input.drain(..len);
        Ok(len)
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        self.open_for_write()?;
        self.link.try_write(chunks)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.link.shutdown()
    }

    fn quickack(&mut self) {
        self.link.quickack();
    }

    /// What came behind the handshake says nothing about the link.
    fn short_read_is_all(&self) -> bool {
        self.is_drained
    }

    fn wants_write(&self, has_output: bool) -> bool {
        let has_output = if self.handshake.is_some() { self.is_blocked } else { has_output };
        self.link.wants_write(has_output)
    }
}
