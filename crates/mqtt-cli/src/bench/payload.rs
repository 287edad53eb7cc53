//! What the messages of a bench hold: a stamp where one is asked for, and bytes without meaning; and their topics.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Says which message this is, and when it was due. All numbers are big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Drawn for each run, so that runs at the same broker do not count each other's messages.
    pub(crate) run: u32,
    pub(crate) client: u32,
    /// Counts the messages of the client.
    pub(crate) sequence: u64,
    /// When the message was due, as nanoseconds since 1970 on the clock of the publisher's machine.
    pub(crate) due_ns: u64,
}

impl Stamp {
    /// Bytes that a stamp takes.
    pub(crate) const SIZE: usize = 28;

    const MAGIC: [u8; 4] = *b"mqb1";

    pub(crate) fn write(&self, payload: &mut [u8]) {
        let mut bytes = [0; Stamp::SIZE];
        bytes[..4].copy_from_slice(&Stamp::MAGIC);
        bytes[4..8].copy_from_slice(&self.run.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.client.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[20..].copy_from_slice(&self.due_ns.to_be_bytes());
        payload[..Stamp::SIZE].copy_from_slice(&bytes);
    }

    /// The stamp of a payload; none if it has none.
    pub(crate) fn read(payload: &[u8]) -> Option<Stamp> {
        let rest = payload.strip_prefix(&Stamp::MAGIC)?;
        let (run, rest) = rest.split_first_chunk()?;
        let (client, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (due_ns, _) = rest.split_first_chunk()?;
        Some(Stamp {
            run: u32::from_be_bytes(*run),
            client: u32::from_be_bytes(*client),
            sequence: u64::from_be_bytes(*sequence),
            due_ns: u64::from_be_bytes(*due_ns),
        })
    }

    /// How long ago the message was due by the clock of this machine; nothing if that clock is behind.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_nanos(unix_ns(SystemTime::now()).saturating_sub(self.due_ns))
    }
}

/// Nanoseconds since 1970, as far as 64 bits hold them: up to the year 2554.
pub(crate) fn unix_ns(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Bytes that compress as little as real payloads do, and are text.
pub(crate) fn filler(size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..size).map(|_| random.alphanumeric() as u8).collect()
}

/// A topic in which `%c` stands for the client's number and `%n` for the message's.
pub(crate) fn topic(template: &str, client: u64, number: Option<u64>) -> String {
    let topic = template.replace("%c", &client.to_string());
    match number {
        Some(number) => topic.replace("%n", &number.to_string()),
        None => topic,
    }
}

#[cfg(test)]
mod tests;
