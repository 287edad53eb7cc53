//! The file of a store: only its owner can read it, and it is whole from the moment when it has its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use mqtt_store::{StoreError, StoreErrorKind};
use redb::backends::FileBackend;

use crate::fault::damaged;

/// What each file of redb begins with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";

/// Opens a file that is there. One that is empty was truncated: ours are never empty.
pub(crate) fn open(path: &Path) -> Result<FileBackend, StoreError> {
    let name = path.display().to_string();
    let error = |error: &io::Error| {
        let is_readonly = fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly());
        if error.kind() == ErrorKind::PermissionDenied && is_readonly {
            return StoreError::new(name.as_str(), StoreErrorKind::ReadOnly, error.to_string());
        }
        StoreError::from_io(name.as_str(), error)
    };
    if path.is_dir() {
        return Err(StoreError::new(name.as_str(), StoreErrorKind::Foreign, "a folder"));
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(|e| error(&e))?;
    let mut magic = Vec::new();
    file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(|e| error(&e))?;
    if magic.is_empty() {
        return Err(damaged(&name, "it is empty"));
    }
    if magic.len() < MAGIC.len() && MAGIC.starts_with(&magic) {
        return Err(damaged(&name, "it is truncated"));
    }
    if magic != MAGIC {
        return Err(StoreError::new(name.as_str(), StoreErrorKind::Foreign, ""));
    }
    FileBackend::new(file).map_err(|e| StoreError::new(name.as_str(), StoreErrorKind::Io, e.to_string()))
}

/// Makes a file under another name, has `fill` make it whole, and only then gives it its own.
pub(crate) fn create<T>(
    path: &Path,
    fill: impl FnOnce(FileBackend) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let name = path.display().to_string();
    let unfinished = unfinished_name(path);
    // One that is there is of a program that was killed and had our number.
    let _ = fs::remove_file(&unfinished);
    let result = create_owned(&unfinished).map_err(|error| StoreError::from_io(name.as_str(), &error));
    let result = result.and_then(|file| {
        let backend = FileBackend::new(file);
        let backend =
            backend.map_err(|error| StoreError::new(name.as_str(), StoreErrorKind::Io, error.to_string()))?;
        let filled = fill(backend)?;
        give_name(&unfinished, path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                StoreError::new(name.as_str(), StoreErrorKind::Locked, "it was made a moment ago")
            }
            _ => StoreError::from_io(name.as_str(), &error),
        })?;
        Ok(filled)
    });
    // It is there only if something went wrong, or has two names now.
    let _ = fs::remove_file(&unfinished);
    result
}

fn unfinished_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".new-{}", std::process::id()));
    path.with_file_name(name)
}

/// A file that somebody else has made meanwhile stays what it is, where the file system can tell.
fn give_name(unfinished: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(unfinished, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        Err(_) => fs::rename(unfinished, path)?,
    }
    sync_folder(path)
}

/// The name itself is to outlive a crash.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a new file that only its owner can read and write.
fn create_owned(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
