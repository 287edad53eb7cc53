//! Threads and descriptors of this process.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A wait that is longer has failed.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(20);

/// Tests hold it, so that nobody else opens anything meanwhile.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Descriptors of sockets that are open.
pub(crate) fn sockets() -> usize {
    let folder = fs::read_dir("/proc/self/fd").expect("Linux lists them");
    let targets = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// Threads with such a name.
pub(crate) fn threads(is_counted: impl Fn(&str) -> bool) -> usize {
    let folder = fs::read_dir("/proc/self/task").expect("Linux lists them");
    let names = folder.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("comm")).ok());
    names.filter(|name| is_counted(name.trim())).count()
}

/// Of the library, beside those that move the bytes of all clients.
pub(crate) fn is_extra(name: &str) -> bool {
    name.starts_with("mqtt-") && name != "mqtt-client"
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < TOO_LONG, "never: {what}; {} sockets", sockets());
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Memory of this process that is in the machine's, in bytes.
pub(crate) fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says so");
    let kib: usize = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kib * 1024
}
