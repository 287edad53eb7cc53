//! Every planted fault is found; a process of its own, since a fault is planted in all sessions of a process.

#[cfg(feature = "planted")]
#[test]
fn every_planted_fault_is_found() {
    tests::planted::table().expect("the oracles find them all");
}
