//! What the database reports, as errors of a store.

use mqtt_store::{StoreError, StoreErrorKind};
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

/// An error of the database, which does not know its file.
#[derive(Debug)]
pub(crate) struct Fault(redb::Error);

impl Fault {
    pub(crate) fn of(self, name: &str) -> StoreError {
        match self.0 {
            redb::Error::Io(error) => StoreError::from_io(name, &error),
            redb::Error::Corrupted(detail) => damaged(name, &detail),
            redb::Error::DatabaseAlreadyOpen => StoreError::new(name, StoreErrorKind::Locked, ""),
            redb::Error::PreviousIo => StoreError::new(name, StoreErrorKind::Failed, ""),
            error @ redb::Error::LockProtocolMismatch => {
                StoreError::new(name, StoreErrorKind::Locked, error.to_string())
            }
            error @ (redb::Error::UpgradeRequired(_) | redb::Error::TableTypeMismatch { .. }) => {
                StoreError::new(name, StoreErrorKind::Foreign, error.to_string())
            }
            error => StoreError::new(name, StoreErrorKind::Io, error.to_string()),
        }
    }
}

pub(crate) fn damaged(name: &str, detail: &str) -> StoreError {
    StoreError::new(name, StoreErrorKind::Damaged, detail)
}

/// Each call of the database has an error of its own.
macro_rules! from_errors {
    ($($error:ident)*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Fault {
                Fault(error.into())
            }
        })*
    };
}

from_errors! { CommitError DatabaseError StorageError TableError TransactionError }
