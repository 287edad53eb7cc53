//! What holds for every conversation: the same bytes and events however the driver behaves, no panic whatever the
//! server says, and an end for each ticket.

mod run;
mod script;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use proptest::{prop_assert_eq, proptest};

use mqtt_proto::Version;

use run::{Habits, end_of_tickets, run};
use script::{Step, step, wild_step};

fn version(is_5: bool) -> Version {
    if is_5 { Version::V5_0 } else { Version::V3_1_1 }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }
}

/// A packet that goes on behind a stray notice of an open link was masked in two halves, and replayed otherwise.
#[test]
fn a_capture_replays_equal_when_a_stray_opening_comes_inside_a_packet() {
    let steps = [
        Step::Accept("CONNACK present"),
        Step::Bytes(vec![0x40, 7, 0, 0, 0, 0, 0, 0]),
        Step::Opened,
        Step::Publish(1, 0, None),
        Step::Say(vec!["PUBACK id1".into()]),
    ];
    end_of_tickets(Version::V5_0, &steps, 1);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_split_of_the_input_gives_the_same_run(
        is_5: bool, steps in vec(step(), 1..60), split in vec(1usize..9, 1..8),
    ) {
        let plain = run(version(is_5), &steps, &Habits::default());
        let habits = Habits { split, ..Habits::default() };
        prop_assert_eq!(plain, run(version(is_5), &steps, &habits));
    }

    #[test]
    fn calls_that_nobody_needed_change_nothing(
        is_5: bool, steps in vec(step(), 1..60), split in vec(1usize..9, 1..8),
    ) {
        let plain = run(version(is_5), &steps, &Habits::default());
        let habits = Habits { split, is_restless: true, ..Habits::default() };
        prop_assert_eq!(plain, run(version(is_5), &steps, &habits));
    }

    #[test]
    fn any_way_to_empty_the_buffer_gives_the_same_stream(
        is_5: bool, steps in vec(step(), 1..60), writes in vec(1usize..50_000, 1..8),
    ) {
        let plain = run(version(is_5), &steps, &Habits::default());
        let habits = Habits { writes, ..Habits::default() };
        prop_assert_eq!(plain, run(version(is_5), &steps, &habits));
    }

    #[test]
    fn whatever_the_server_says_each_ticket_ends_once(
        is_5: bool, steps in vec(wild_step(), 1..120), seed: u64,
    ) {
        end_of_tickets(version(is_5), &steps, seed);
    }

    #[test]
    fn any_bytes_are_survived(is_5: bool, bytes in vec(any::<u8>(), 1..200), split in 1usize..20) {
        let steps: Vec<Step> = bytes.chunks(split).map(|chunk| Step::Bytes(chunk.to_vec())).collect();
        end_of_tickets(version(is_5), &steps, 1);
    }
}
