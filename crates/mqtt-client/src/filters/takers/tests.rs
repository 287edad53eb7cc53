//! Beside a plain list that does the same.

use super::Takers;
use crate::filters::{Acknowledge, StreamId, Taker, Target};

#[test]
fn takers_are_those_of_a_plain_list_in_its_order() {
    for seed in 0..50 {
        let mut state: u64 = seed;
        // A linear congruential generator is random enough here.
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        let (mut takers, mut list) = (Takers::default(), Vec::<Target>::new());
        for _step in 0..400 {
            let taker = Taker::Stream(StreamId(below(40) as usize));
            if below(5) < 2 + seed % 2 {
                let acknowledge = if below(2) == 0 { Acknowledge::OnArrival } else { Acknowledge::WhenTaken };
                let target = Target { taker, acknowledge };
                takers.set(target);
                match list.iter_mut().find(|other| other.taker == taker) {
                    Some(other) => *other = target,
                    None => list.push(target),
                }
            } else {
                takers.remove(taker);
                list.retain(|target| target.taker != taker);
            }
            assert_eq!(takers.iter().collect::<Vec<_>>(), list, "seed {seed}");
            assert_eq!(takers.first(), list.first().copied());
            assert_eq!(takers.is_empty(), list.is_empty());
            assert_eq!(takers.contains(taker), list.iter().any(|target| target.taker == taker));
        }
    }
}
