//! A link in memory, for layers without a socket: it may be narrow or full.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::sync::{Arc, Mutex};

use mqtt_smol::adapter::Link;

/// A link in memory. A narrow one takes a few bytes at a time, and each other write would block.
#[derive(Clone, Default)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<Wires>>);

#[derive(Default)]
pub(crate) struct Wires {
    pub(crate) up: VecDeque<u8>,
    pub(crate) down: VecDeque<u8>,
    pub(crate) writes: usize,
    pub(crate) is_narrow: bool,
    pub(crate) takes_nothing: bool,
    /// How often the other side's system was to learn at once what had come.
    pub(crate) quickacks: usize,
}

/// Bytes that a write takes at the most.
const WRITE_MAX: usize = 37;

impl Memory {
    pub(crate) fn narrow() -> Memory {
        let memory = Memory::default();
        memory.0.lock().expect("nobody panics").is_narrow = true;
        memory
    }
}

impl Link for Memory {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut wires = self.0.lock().expect("nobody panics");
        if wires.down.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = buf.len().min(11);
        wires.down.read(&mut buf[..len])
    }

    fn try_write(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wires = self.0.lock().expect("nobody panics");
        if wires.takes_nothing {
            return Ok(0);
        }
        wires.writes += 1;
        if wires.is_narrow && wires.writes.is_multiple_of(2) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let first = chunks.iter().find(|chunk| !chunk.is_empty()).map_or(&[][..], |chunk| chunk);
        let len = first.len().min(WRITE_MAX);
        wires.up.extend(&first[..len]);
        Ok(len)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn quickack(&mut self) {
        self.0.lock().expect("nobody panics").quickacks += 1;
    }
}
