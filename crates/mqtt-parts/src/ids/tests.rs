//! Identifiers are unique while taken, and all 65,535 can be.

use std::collections::BTreeSet;

use super::*;

#[test]
fn all_identifiers_can_be_taken_once() {
    let mut ids = PacketIds::new();
    let taken: BTreeSet<_> = std::iter::from_fn(|| ids.take()).collect();
    assert_eq!(taken.len(), 65_535);
    assert_eq!(ids.len(), 65_535);
    let some = PacketId::new(40_000).expect("not 0");
    assert!(ids.release(some));
    assert!(!ids.release(some));
    assert_eq!(ids.take(), Some(some));
    assert_eq!(ids.take(), None);
}

#[test]
fn an_identifier_that_is_claimed_is_not_handed_out() {
    let mut ids = PacketIds::new();
    let claimed = [1, 2, 64, 500, 65_535].map(|id| PacketId::new(id).expect("not 0"));
    assert!(claimed.iter().all(|id| ids.claim(*id)));
    assert!(claimed.iter().all(|id| !ids.claim(*id) && ids.contains(*id)));
    assert_eq!(ids.len(), 5);
    let others: BTreeSet<_> = std::iter::from_fn(|| ids.take()).collect();
    assert_eq!(others.len(), 65_530);
    assert!(claimed.iter().all(|id| !others.contains(id)));
}

#[test]
fn a_freed_identifier_is_not_used_again_at_once() {
    let mut ids = PacketIds::new();
    let first = ids.take().expect("free");
    assert!(ids.release(first));
    assert_ne!(ids.take(), Some(first));
}

#[test]
fn memory_follows_what_is_taken_at_once() {
    let mut ids = PacketIds::new();
    for _ in 0..100_000 {
        let id = ids.take().expect("free");
        assert!(id.get() < 64);
        ids.release(id);
    }
    ids.clear();
    assert!(ids.is_empty());
    assert!(ids.take().is_some());
}
