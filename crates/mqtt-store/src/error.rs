//! What can go wrong with a store: what happened, to which, and what to do next.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a store cannot be opened, read or written.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreError {
    store: Arc<str>,
    kind: StoreErrorKind,
    /// What the layer below has reported; empty if it has nothing to add.
    detail: Arc<str>,
}

/// Kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Another process has it open.
    Locked,
    /// Another client of this program has the same client identifier.
    InUse,
    /// A client identifier that is empty or longer than 65,535 bytes finds no client.
    ClientIdentifier,
    /// It is a file of some other kind.
    Foreign,
    /// It was written by a later version of this library.
    Newer,
    /// It is truncated, or parts of it are not what was written.
    Damaged,
    /// The disk is full.
    Full,
    /// The file, or the disk that it is on, is read-only.
    ReadOnly,
    /// The user of this process may not open it.
    PermissionDenied,
    /// Its folder does not exist.
    NotFound,
    /// There is none.
    Missing,
    /// It has failed before, and nothing is written to it since.
    Failed,
    /// Something else went wrong below it.
    Io,
}

impl StoreError {
    /// An error of that store.
    pub fn new(store: impl Into<Arc<str>>, kind: StoreErrorKind, detail: impl Into<Arc<str>>) -> StoreError {
        StoreError { store: store.into(), kind, detail: detail.into() }
    }

    /// What the system has reported of that store.
    pub fn from_io(store: impl Into<Arc<str>>, error: &io::Error) -> StoreError {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => StoreErrorKind::PermissionDenied,
            io::ErrorKind::NotFound => StoreErrorKind::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StoreErrorKind::Full
            }
            io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => StoreErrorKind::Damaged,
            _ => StoreErrorKind::Io,
        };
        StoreError::new(store, kind, error.to_string())
    }

    /// Its kind.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Which store: the path of a file.
    pub fn store(&self) -> &str {
        &self.store
    }
}

impl StoreErrorKind {
    /// What has happened, and what to do next.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            StoreErrorKind::Locked => {
                ("another process has it open", "end that process, or give each its own file")
            }
            StoreErrorKind::InUse => {
                ("another client with the same client identifier uses it", "give each its own identifier")
            }
            StoreErrorKind::ClientIdentifier => {
                ("it finds a client by an identifier of 1 to 65,535 bytes", "choose such an identifier")
            }
            StoreErrorKind::Foreign => ("it is no store of this library", "name another file"),
            StoreErrorKind::Newer => {
                ("a later version of this library has written it", "use that version, or another file")
            }
            StoreErrorKind::Damaged => (
                "it is damaged",
                "`mqtt store FILE` shows what can be read; nothing was changed. Move it away to begin anew",
            ),
            StoreErrorKind::Full => ("the disk is full", "make room, then start the client anew"),
            StoreErrorKind::ReadOnly => ("it is read-only", "make it writable, or name another file"),
            StoreErrorKind::PermissionDenied => {
                ("this user may not open it", "change its owner or permissions, or name another file")
            }
            StoreErrorKind::NotFound => ("its folder does not exist", "make the folder first"),
            StoreErrorKind::Missing => ("it has no store", "set `store` in its options"),
            StoreErrorKind::Failed => ("it has failed before", "start the client anew"),
            StoreErrorKind::Io => ("it cannot be read or written", "see what the system reports"),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, next) = self.kind.words();
        write!(f, "{}: {what}", self.store)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        write!(f, "; {next}")
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({:?}: {self})", self.kind)
    }
}

impl std::error::Error for StoreError {}
