//! What one process can do: connections within its file descriptors, messages within memory.

use crate::failure::Failure;

/// Fails if the process may not have that many connections; raises its own limit as far as it may.
pub(crate) fn check_descriptors(connections: u32) -> Result<(), Failure> {
    let wanted = u64::from(connections) + DESCRIPTORS_BESIDE;
    match raise_to(wanted) {
        Some(limit) if limit < wanted => Err(Failure::new(
            Failure::USAGE,
            format_args!(
                "{connections} connections need {wanted} file descriptors, and this process may have {limit}; raise \
                 the limit with ulimit -n, or ask for fewer"
            ),
        )),
        _ => Ok(()),
    }
}

/// The limit of file descriptors after it was raised; none if there is none.
#[cfg(unix)]
fn raise_to(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    if current >= wanted {
        return Some(current);
    }
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }) {
        Ok(()) => Some(raised),
        Err(_) => Some(current),
    }
}

#[cfg(not(unix))]
fn raise_to(_wanted: u64) -> Option<u64> {
    None
}

/// Fails if what all clients have under way at once does not fit into memory.
pub(crate) fn check_memory(clients: u32, inflight: u16, size: usize) -> Result<(), Failure> {
    let messages = u64::from(clients) * u64::from(inflight);
    let bytes = messages.saturating_mul(size as u64);
    let usage = |why: String| Err(Failure::new(Failure::USAGE, why));
    if messages > MESSAGES_MAX {
        return usage(format!(
            "--clients {clients} times --inflight {inflight} is {messages} messages under way, more than {MESSAGES_MAX}"
        ));
    }
    if bytes > BYTES_MAX && messages > 1 {
        return usage(format!(
            "{messages} messages under way of {size} bytes are {bytes} bytes, more than {BYTES_MAX}; use a smaller \
             --inflight, --size or --clients"
        ));
    }
    Ok(())
}

/// Descriptors for standard streams, the reactor, and files.
const DESCRIPTORS_BESIDE: u64 = 32;

/// Messages that are under way at once, over all clients.
const MESSAGES_MAX: u64 = 1_000_000;

/// Their payloads.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;
