//! Compares what a session counts with what it holds: nothing may leak, and nothing may be counted twice.
//!
//! A session counts as it goes, so that no question costs a walk over all messages. Here everything is counted anew, for
//! the tests, which ask after each step.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use mqtt_parts::PacketIds;
use mqtt_proto::PacketId;

/// What does not agree, in words.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    pub(crate) found: Vec<String>,
    /// Packet identifiers of exchanges and requests that go on.
    ids: PacketIds,
    uses: Vec<PacketId>,
}

impl Audit {
    /// Two ways of counting the same.
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: &str, counted: T, held: T) {
        if counted != held {
            self.found.push(format!("{what}: counted {counted:?}, and there are {held:?}"));
        }
    }

    pub(crate) fn holds(&mut self, what: &str, is_so: bool) {
        if !is_so {
            self.found.push(what.into());
        }
    }

    /// An exchange or a request that goes on has this packet identifier.
    pub(crate) fn uses(&mut self, packet_id: PacketId) {
        let is_first = self.ids.claim(packet_id);
        self.uses.push(packet_id);
        self.holds("a packet identifier stands for one exchange", is_first);
    }

    /// These identifiers are taken, and no others are in use.
    pub(crate) fn ids_equal(&mut self, taken: &PacketIds) {
        let all = || (1..=u16::MAX).filter_map(PacketId::new);
        // Where the counts agree, one that is missing makes another one superfluous.
        if taken.len() != self.ids.len() || self.uses.iter().any(|id| !taken.contains(*id)) {
            let numbers =
                |set: &PacketIds| -> Vec<PacketId> { all().filter(|id| set.contains(*id)).collect() };
            let (taken, used) = (numbers(taken), numbers(&self.ids));
            self.equal("packet identifiers", taken, used);
        }
    }
}
