//! Receipts as numbers, in the order in which their messages came.

use alloc::collections::VecDeque;

use mqtt_session::Receipt;

/// The receipts of the last messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receipts {
    /// Number of the first that is kept.
    first: u64,
    kept: VecDeque<(Receipt, IsAcknowledged)>,
}

type IsAcknowledged = bool;

/// As many as there can be without an acknowledgement on one connection.
const KEPT_MAX: usize = 65_536;

/// So many are kept beyond their acknowledgement.
const PAST_MAX: usize = 64;

impl Receipts {
    pub(crate) fn push(&mut self, receipt: Receipt) {
        let is_past = self.kept.front().is_some_and(|(_, is_acknowledged)| *is_acknowledged);
        if self.kept.len() >= KEPT_MAX || is_past && self.kept.len() >= PAST_MAX {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back((receipt, false));
    }

    /// Its number, if it is kept; it counts as acknowledged from then on.
    pub(crate) fn acknowledge(&mut self, receipt: Receipt) -> Option<u64> {
        let index = self.kept.iter().rposition(|(kept, _)| *kept == receipt)?;
        self.kept[index].1 = true;
        Some(self.first + index as u64)
    }

    pub(crate) fn get(&self, number: u64) -> Option<Receipt> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.kept.get(index).map(|(receipt, _)| *receipt)
    }
}
