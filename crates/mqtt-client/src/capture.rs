//! Where the log of a session goes: the option, and the sink that the driver writes to.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mqtt_capture::Redact;

/// Records everything that goes into a session, so that `mqtt_capture::replay` can step through it again.
///
/// By default payloads, user names, passwords and Authentication Data are masked. The driver writes whenever it goes
/// to sleep, on its own thread, so a sink must not wait for long. If the sink fails, the capture ends, the client goes
/// on, and [`crate::ConnectionEvent::CaptureFailed`] reports it.
///
/// One capture is one session: of several clients that are made of clones of the same options, the first is recorded.
#[derive(Clone)]
#[must_use = "nothing is recorded until the capture is an option of a client"]
pub struct Capture {
    redact: Redact,
    sink: Arc<Mutex<Option<Sink>>>,
}

impl Capture {
    /// Into a file, which is made, or emptied if it is there.
    pub fn to_file(path: impl AsRef<Path>) -> io::Result<Capture> {
        Ok(Capture::to(File::create(path)?))
    }

    /// Into whatever takes bytes.
    pub fn to(sink: impl Write + Send + 'static) -> Capture {
        let sink = Sink { write: Mutex::new(Box::new(sink)), is_flushed: true };
        Capture { redact: Redact::default(), sink: Arc::new(Mutex::new(Some(sink))) }
    }

    /// Payloads are recorded as they are.
    pub fn with_payloads(mut self) -> Capture {
        self.redact.payloads = false;
        self
    }

    /// User names, passwords and Authentication Data are recorded as they are: the log is a secret then.
    pub fn with_secrets(mut self) -> Capture {
        self.redact.secrets = false;
        self
    }

    /// What is masked, and the sink, if no other client has it.
    pub(crate) fn take(self) -> Option<(Redact, Sink)> {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        sink.map(|sink| (self.redact, sink))
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("redact", &self.redact).finish_non_exhaustive()
    }
}

/// The sink of one client.
pub(crate) struct Sink {
    /// Never locked: it makes a driver shareable whose sink is not.
    write: Mutex<Box<dyn Write + Send>>,
    is_flushed: bool,
}

impl Sink {
    pub(crate) fn write(&mut self, log: &[u8]) -> io::Result<()> {
        self.is_flushed &= log.is_empty();
        self.inner().write_all(log)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.is_flushed, true) { Ok(()) } else { self.inner().flush() }
    }

    fn inner(&mut self) -> &mut (dyn Write + Send) {
        &mut **self.write.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}
