//! Citations found, refused and counted.

use super::citations::{self, Place};
use super::{Coverage, statements};
use crate::workspace::Workspace;

const HEADER: &str = "id\tside\tpacket\tstatement\ttestable-where\n";

fn workspace(path: &str, source: &str) -> Workspace {
    let version_5 =
        format!("{HEADER}MQTT-1.2.3-4\tboth\tall\tDo.\tcodec\nMQTT-4.2-1\tclient\tall\tDare.\tsession\n");
    let version_3 = format!("{HEADER}MQTT-1.2.3-4\tserver\tall\tDo not.\tbroker\n");
    Workspace::of(&[
        ("spec/mqtt5-statements.tsv", &version_5),
        ("spec/mqtt311-statements.tsv", &version_3),
        (path, source),
    ])
}

fn coverage(path: &str, source: &str) -> (Coverage, Vec<String>) {
    let workspace = workspace(path, source);
    let statements = statements::read(&workspace).expect("the tables are well formed");
    Coverage::new(statements, &citations::find(&workspace))
}

fn places(path: &str, source: &str) -> Vec<(usize, Place)> {
    citations::find(&workspace(path, source)).iter().map(|found| (found.line, found.place)).collect()
}

#[test]
fn a_line_may_hold_several_citations() {
    let (coverage, problems) = coverage("crates/a/src/lib.rs", "// [5.0 MQTT-1.2.3-4], [3.1.1 MQTT-1.2.3-4]");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((coverage.in_code.len(), coverage.in_tests.len()), (2, 0));
}

#[test]
fn the_table_counts_each_statement_once() {
    let (coverage, _problems) = coverage("crates/a/src/lib.rs", "// [5.0 MQTT-4.2-1]\n// [5.0 MQTT-4.2-1]");
    let table = coverage.table();
    assert!(table.contains("5.0      session           1        1        0"), "{table}");
    assert!(table.contains("5.0      all               2        1        0"), "{table}");
    assert!(table.contains("3.1.1    broker            1        0        0"), "{table}");
}

#[test]
fn only_tests_mend_what_is_missing() {
    let source = "// [5.0 MQTT-1.2.3-4]";
    assert_eq!(coverage("crates/a/src/lib.rs", source).0.missing("codec").len(), 1);
    assert_eq!(coverage("crates/a/src/wire/tests.rs", source).0.missing("codec").len(), 0);
    assert_eq!(coverage("tests/src/lib.rs", source).0.missing("codec").len(), 0);
}

#[test]
fn tests_within_a_file_begin_at_their_attribute() {
    let source = "// [5.0 MQTT-4.2-1]\n#[cfg(test)]\nmod tests {\n// [5.0 MQTT-4.2-1]\n}";
    assert_eq!(places("crates/a/src/lib.rs", source), [(1, Place::Code), (4, Place::Test)]);
}

#[test]
fn a_line_that_declares_a_file_of_tests_opens_none() {
    let source = "#[cfg(test)]\nmod tests;\n// [5.0 MQTT-4.2-1]";
    assert_eq!(places("crates/a/src/lib.rs", source), [(3, Place::Code)]);
}

#[test]
fn an_unknown_number_is_refused() {
    for source in ["// [5.0 MQTT-1.2.3-5]", "// [3.1.1 MQTT-4.2-1]", "// [3.1 MQTT-1.2.3-4]"] {
        let (_coverage, problems) = coverage("crates/a/src/lib.rs", source);
        assert_eq!(problems.len(), 1, "{source}");
        assert!(problems[0].contains("is no statement"), "{problems:?}");
    }
}

#[test]
fn a_bracket_of_another_form_is_refused() {
    for source in
        ["// [MQTT-1.2.3-4]", "// [5.0 MQTT-1.2.3-4, MQTT-4.2-1]", "// [5.0, MQTT-x and MQTT-4.2-1]"]
    {
        let (_coverage, problems) = coverage("crates/a/src/lib.rs", source);
        assert_eq!(problems.len(), 1, "{source}");
        assert!(problems[0].contains("is no citation"), "{problems:?}");
    }
}

#[test]
fn a_bracket_that_cites_nothing_is_passed_over() {
    for source in ["// [5.0 MQTT-x.y.z-n]", "ids[\"MQTT-1.2.3-5\"]", "// [5.0 MQTT-1.2.3-5", "[MQTT]"] {
        assert_eq!(places("crates/a/src/lib.rs", source), [], "{source}");
    }
}

#[test]
fn a_broken_table_is_refused() {
    for row in ["MQTT-1.2.3-4\tboth\tall\tDo.", "MQTT-1.2.3-4\tboth\tall\tDo.\tmoon"] {
        let table = format!("{HEADER}{row}\n");
        let files = [("spec/mqtt5-statements.tsv", table.as_str()), ("spec/mqtt311-statements.tsv", HEADER)];
        let problem = statements::read(&Workspace::of(&files)).expect_err("the row is broken");
        assert!(problem.starts_with("spec/mqtt5-statements.tsv:2: "), "{problem}");
    }
    let twice = format!("{HEADER}{0}{0}", "MQTT-1.2.3-4\tboth\tall\tDo.\tcodec\n");
    let files = [("spec/mqtt5-statements.tsv", twice.as_str()), ("spec/mqtt311-statements.tsv", HEADER)];
    let problem = statements::read(&Workspace::of(&files)).expect_err("the row stands twice");
    assert_eq!(problem, "two rows for MQTT-1.2.3-4 of version 5.0");
}
