//! Gaps, duplicates and late messages, each counted once.

use super::*;

/// Missing, duplicates and late ones after these numbers.
fn counted(numbers: impl IntoIterator<Item = u64>) -> (u64, u64, u64) {
    let mut numbers = numbers.into_iter();
    let first = numbers.next().expect("there is one");
    let mut sequence = Sequence::new(first);
    sequence.take(first);
    numbers.for_each(|number| sequence.take(number));
    (sequence.missing, sequence.duplicates, sequence.late)
}

#[test]
fn numbers_in_order_are_neither_missing_nor_double() {
    assert_eq!(counted(0..5000), (0, 0, 0));
    assert_eq!(counted(700..5000), (0, 0, 0), "a subscriber may come later");
}

#[test]
fn a_gap_is_missing_until_it_is_filled() {
    assert_eq!(counted([0, 1, 4]), (2, 0, 0));
    assert_eq!(counted([0, 1, 4, 3]), (1, 0, 1));
    assert_eq!(counted([0, 1, 4, 3, 2]), (0, 0, 2));
    assert_eq!(counted([0, 5 * WINDOW]), (5 * WINDOW - 1, 0, 0));
}

#[test]
fn what_comes_again_is_a_duplicate() {
    assert_eq!(counted([0, 1, 1, 2, 0]), (0, 2, 0));
    assert_eq!(counted((0..3 * WINDOW).chain([0])), (0, 1, 0), "older than the window");
    assert_eq!(counted([0, 1, WINDOW + 1, WINDOW]), (WINDOW - 2, 0, 1), "the bit of 0 is that of WINDOW");
}

#[test]
fn what_is_older_than_the_first_is_late() {
    assert_eq!(counted([5, 4, 6]), (0, 0, 1));
}
