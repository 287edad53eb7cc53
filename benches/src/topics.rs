//! Matching topics: one filter alone, and one topic among few and among very many filters.

use std::hint::black_box;
use std::time::Instant;

use mqtt_proto::{FilterTrie, TopicFilter, TopicName};

use crate::contest::{Case, Contestant, FLOOR, OURS, Run};

/// Topics that one run looks up.
const LOOKED_UP: usize = 800;

/// All cases of matching.
pub fn topic_cases() -> Vec<Case> {
    let few: Vec<String> = filters(100);
    let many: Vec<String> = filters(100_000);
    let small = Contestant { name: "ours, 100 filters", ..in_trie(&few) };
    vec![
        single_case(),
        among_case("topic among 100 filters", vec![in_trie(&few), linear(few)]),
        among_case("topic among 100,000 filters", vec![in_trie(&many), small]),
    ]
}

/// One filter of each shape for each site; which of them match does not depend on how many there are.
fn filters(count: usize) -> Vec<String> {
    let filter = |number: usize| match number % 4 {
        0 => format!("site/{number}/hall/3/sensor/temperature"),
        1 => format!("site/{number}/+/3/sensor/#"),
        2 => format!("site/+/hall/{number}/sensor/temperature"),
        _ => format!("building/{number}/#"),
    };
    (0..count).map(filter).collect()
}

fn topics() -> Vec<String> {
    (0..8).map(|number| format!("site/{}/hall/{}/sensor/temperature", number * 9, number + 2)).collect()
}

fn among_case(name: &str, contestants: Vec<Contestant>) -> Case {
    let bytes_per_packet = topics()[0].len();
    Case { name: name.into(), bytes_per_packet, contestants }
}

fn in_trie(filters: &[String]) -> Contestant {
    let mut trie = FilterTrie::new();
    for filter in filters {
        trie.insert(TopicFilter::new(filter).expect("a good filter"));
    }
    let names: Vec<TopicName<'static>> =
        topics().into_iter().map(|name| TopicName::new(name.leak()).expect("a good name")).collect();
    let run = Box::new(move || {
        let start = Instant::now();
        let mut found = 0;
        for name in names.iter().cycle().take(LOOKED_UP) {
            trie.for_each_match(black_box(*name), |id| found += id.index());
        }
        black_box(found);
        Run::unchecked(start.elapsed())
    });
    Contestant { name: OURS, packets: LOOKED_UP, run }
}

/// Each filter in turn, by rumqttc's function.
fn linear(filters: Vec<String>) -> Contestant {
    let names = topics();
    let run = Box::new(move || {
        let start = Instant::now();
        for name in &names {
            let matching = filters.iter().filter(|filter| rumqttc::mqttbytes::matches(name, filter));
            black_box(matching.count());
        }
        Run::unchecked(start.elapsed())
    });
    Contestant { name: "rumqttc, one by one", packets: 8, run }
}

fn single_case() -> Case {
    const FILTER: &str = "site/+/hall/3/sensor/#";
    const NAME: &str = "site/12/hall/3/sensor/temperature";
    let filter = TopicFilter::new(FILTER).expect("a good filter");
    let name = TopicName::new(NAME).expect("a good name");
    let contestants = vec![
        matching(FLOOR, || matches(black_box(FILTER.as_bytes()), black_box(NAME.as_bytes()))),
        matching(OURS, move || black_box(filter).matches(black_box(name))),
        matching("rumqttc", || rumqttc::mqttbytes::matches(black_box(NAME), black_box(FILTER))),
    ];
    Case { name: "topic and one filter".into(), bytes_per_packet: NAME.len(), contestants }
}

fn matching(name: &'static str, is_match: impl Fn() -> bool + 'static) -> Contestant {
    let run = Box::new(move || {
        let start = Instant::now();
        for _ in 0..LOOKED_UP {
            assert!(is_match());
        }
        Run::unchecked(start.elapsed())
    });
    Contestant { name, packets: LOOKED_UP, run }
}

/// The floor: byte by byte, without shared filters and names that begin with `$`.
fn matches(mut filter: &[u8], mut name: &[u8]) -> bool {
    loop {
        match (filter, name) {
            ([b'#', ..], _) | ([], []) => return true,
            ([b'+', rest @ ..], _) => {
                filter = rest;
                while let [byte, rest @ ..] = name
                    && *byte != b'/'
                {
                    name = rest;
                }
            }
            ([one, rest @ ..], [other, others @ ..]) if one == other => (filter, name) = (rest, others),
            (b"/#", []) => return true,
            _ => return false,
        }
    }
}
