//! Each rule fires on a bad sample and passes over a good one.

use super::finding::Finding;
use super::manifest::{Kind, Manifest};
use super::{check, crates, modules, sources, texts};
use crate::workspace::Workspace;

/// What a rule says about some files, one line for each finding.
fn report(rule: super::Rule, files: &[(&str, &str)]) -> Vec<String> {
    rule(&Workspace::of(files)).iter().map(Finding::to_string).collect()
}

fn manifest(package: &str, rest: &str) -> String {
    format!("[package]\nname = \"{package}\"\n{rest}")
}

#[track_caller]
fn assert_one(findings: &[String], start: &str) {
    assert!(matches!(findings, [finding] if finding.starts_with(start)), "{start}: {findings:#?}");
}

/// What the order of modules says about `source` in the file `path` of a crate with the modules low and high.
fn order(path: &str, source: &str) -> Vec<String> {
    let files = [
        ("crates/mqtt-proto/Cargo.toml", "[package]\nname = \"mqtt-proto\"\n"),
        (
            "crates/mqtt-proto/src/lib.rs",
            "mod low;\npub(crate) mod middle;\npub mod high;\npub use high::Thing;",
        ),
        ("crates/mqtt-proto/src/middle/mod.rs", "mod first;\nmod second;\npub fn help() {}"),
        (path, source),
    ];
    report(modules::check_order, &files)
}

const LOW: &str = "crates/mqtt-proto/src/low.rs";
const MIDDLE: &str = "crates/mqtt-proto/src/middle/first.rs";
const HIGH: &str = "crates/mqtt-proto/src/high.rs";

#[test]
fn every_way_to_write_a_dependency_is_read() {
    let text = manifest(
        "a",
        "[dependencies]\nb = \"1\" # c = 1\nd.workspace = true\ne = { package = \"f\", version = \"1\" }\n\
         g = { version = \"1\", features = [\n  \"x = y\",\n] }\n\
         [target.'cfg(unix)'.dependencies]\nh = \"1\"\n[dependencies.i]\nversion = \"1\"\n\
         [dev-dependencies.j]\npackage = \"k\"\n[build-dependencies]\nl = \"1\"\n\
         [target.'cfg(unix)'.dev-dependencies]\nm = \"1\"\n[features]\nn = []\n",
    );
    let manifest = Manifest::parse(&text);
    let read: Vec<(&str, Kind, usize)> =
        manifest.dependencies.iter().map(|found| (found.package, found.kind, found.line)).collect();
    let expected = [
        ("b", Kind::Normal, 4),
        ("d", Kind::Normal, 5),
        ("f", Kind::Normal, 6),
        ("g", Kind::Normal, 7),
        ("h", Kind::Normal, 11),
        ("i", Kind::Normal, 12),
        ("k", Kind::Dev, 14),
        ("l", Kind::Normal, 17),
        ("m", Kind::Dev, 19),
    ];
    assert_eq!(manifest.package, "a");
    assert_eq!(read, expected);
}

#[test]
fn a_crate_depends_on_lower_ones_only() {
    let proto = manifest("mqtt-proto", "[dependencies]\nmqtt-session = { workspace = true }\n");
    let findings = report(crates::check_layers, &[("crates/mqtt-proto/Cargo.toml", &proto)]);
    assert_one(&findings, "crates/mqtt-proto/Cargo.toml:4: mqtt-proto must not depend on mqtt-session; ");

    let session =
        manifest("mqtt-session", "[dependencies]\nmqtt-proto = { workspace = true }\nbytes = \"1\"\n");
    assert!(report(crates::check_layers, &[("crates/mqtt-session/Cargo.toml", &session)]).is_empty());
}

#[test]
fn tests_of_a_crate_keep_to_its_layer_but_may_use_what_is_outside() {
    let rest = "[dev-dependencies]\nproptest = \"1\"\nmqtt-broker = { workspace = true }\n";
    let session = manifest("mqtt-session", rest);
    let findings = report(crates::check_layers, &[("crates/mqtt-session/Cargo.toml", &session)]);
    assert_one(&findings, "crates/mqtt-session/Cargo.toml:5: mqtt-session must not depend on mqtt-broker; ");
}

#[test]
fn a_crate_without_io_links_nothing_else_from_outside() {
    let parts = manifest("mqtt-parts", "[dependencies]\nlog = \"0.4\"\n");
    let findings = report(crates::check_layers, &[("crates/mqtt-parts/Cargo.toml", &parts)]);
    assert_one(&findings, "crates/mqtt-parts/Cargo.toml:4: mqtt-parts must not depend on log; ");
}

#[test]
fn a_crate_that_the_table_does_not_know_is_told_where_to_go() {
    let findings =
        report(crates::check_layers, &[("crates/mqtt-moon/Cargo.toml", &manifest("mqtt-moon", ""))]);
    assert_one(
        &findings,
        "crates/mqtt-moon/Cargo.toml:1: no layer is known for package `mqtt-moon`; add it to",
    );
}

#[test]
fn a_module_names_only_those_above_it() {
    assert_one(
        &order(LOW, "\nuse crate::high::Thing;"),
        "crates/mqtt-proto/src/low.rs:2: `low` names `high`, ",
    );
    assert!(order(HIGH, "use crate::low::A; fn f() { crate::middle::help() }").is_empty());
}

#[test]
fn every_way_to_name_a_module_is_read() {
    let ways = [
        "use super::high::Thing;",
        "use crate::{low::A, high::{self}};",
        "use crate::{low as l, high as h};",
        "fn f() { if x { crate::high::f::<u8>() } }",
        "mod inner { use super::super::high; }",
        "macro_rules! m { () => { $crate::high::f() } }",
        "impl crate::high::Trait for A {}",
    ];
    for source in ways {
        assert_one(&order(LOW, source), "crates/mqtt-proto/src/low.rs:1: `low");
    }
}

#[test]
fn siblings_within_a_module_have_an_order_too() {
    for source in ["use super::second::A;", "use crate::middle::{second::A, help};"] {
        let start = "crates/mqtt-proto/src/middle/first.rs:1: `middle::first` names `middle::second`, ";
        assert_one(&order(MIDDLE, source), start);
    }
    assert_one(
        &order(MIDDLE, "use super::super::high;"),
        "crates/mqtt-proto/src/middle/first.rs:1: `middle::first` names `high`, ",
    );
    assert!(order(MIDDLE, "use super::help; use crate::low; use self::own::A;").is_empty());
    assert!(order("crates/mqtt-proto/src/middle/second.rs", "use super::first::A;").is_empty());
}

#[test]
fn an_item_is_named_by_its_module_and_not_through_the_root() {
    for source in ["use crate::Thing;", "use crate::{low::A, Thing};", "use super::Thing;", "use crate::*;"] {
        let findings = order(HIGH, source);
        assert!(
            findings.len() == 1 && findings[0].contains("through the crate root"),
            "{source}: {findings:?}"
        );
    }
}

#[test]
fn tests_and_prose_may_name_anything() {
    let sources = [
        "//! [`crate::high`]\n/* crate::high */ const A: &str = \"crate::high\";",
        "#[cfg(test)] mod tests { use super::*; use crate::high::Thing; }",
        "pub(in crate::low) struct A; pub(crate) struct B; pub(super) struct C;",
    ];
    for source in sources {
        assert!(order(LOW, source).is_empty(), "{source}");
    }
    for path in ["crates/mqtt-proto/src/low/tests.rs", "crates/mqtt-proto/src/bin/tool.rs"] {
        assert!(order(path, "use crate::Thing; use crate::high::Thing;").is_empty(), "{path}");
    }
}

#[test]
fn a_file_says_first_what_it_is_for() {
    let files =
        [("benches/src/lib.rs", "//! Benches.\n"), ("benches/src/a.rs", "\n//! Late.\n"), ("a.md", "# A")];
    assert_one(&report(sources::check_first_lines, &files), "benches/src/a.rs:1: does not open with `//!`");
}

#[test]
fn a_crate_root_forbids_unsafe_code_and_a_pure_one_does_without_std() {
    let forbids = "//! A.\n#![forbid(unsafe_code)]\n";
    let rule = sources::check_crate_roots;
    assert_one(
        &report(rule, &[("crates/mqtt-cli/src/main.rs", "//! A.\n")]),
        "crates/mqtt-cli/src/main.rs:1: ",
    );
    assert!(report(rule, &[("crates/mqtt-cli/src/main.rs", forbids)]).is_empty());
    let findings = report(rule, &[("crates/mqtt-parts/src/lib.rs", forbids)]);
    assert_one(&findings, "crates/mqtt-parts/src/lib.rs:1: the crate root lacks `#![no_std]`; ");
    assert_eq!(
        report(rule, &[("crates/mqtt-parts/src/lib.rs", "// #![no_std] #![forbid(unsafe_code)]")]).len(),
        2
    );
}

#[test]
fn a_pure_crate_names_nothing_impure() {
    let impure = [
        "use std::time::Instant;",
        "extern crate std;",
        "type A = HashMap<u8, u8>;",
        "type A = HashSet<u8>;",
        "fn f(a: SystemTime) {}",
        "fn f() { println!(\"a\") }",
        "fn f() { print!(\"a\") }",
        "fn f() { eprintln!(\"a\") }",
        "fn f() { eprint!(\"a\") }",
    ];
    for source in impure {
        let findings = report(sources::check_pure_crates, &[("crates/mqtt-broker/src/low.rs", source)]);
        assert_one(&findings, "crates/mqtt-broker/src/low.rs:1: holds `");
    }
}

#[test]
fn prose_tests_and_adapters_may_name_what_is_impure() {
    let files = [
        ("crates/mqtt-parts/src/low.rs", "//! `std::time`\nfn f() { core::mem::drop(\"std::a\") }"),
        ("crates/mqtt-parts/src/high.rs", "#[cfg(test)]\nmod tests { use std::fs; }"),
        ("crates/mqtt-parts/src/low/tests.rs", "use std::collections::HashMap;"),
        ("crates/mqtt-parts/examples/a.rs", "fn main() { println!(\"a\") }"),
        ("crates/mqtt-smol/src/lib.rs", "use std::time::Instant;"),
    ];
    let findings = report(sources::check_pure_crates, &files);
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn no_test_is_ignored_and_no_code_is_a_promise() {
    let ignored = [("tests/src/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}")];
    assert_one(&report(sources::check_tests_run, &ignored), "tests/src/a.rs:2: holds `#[ignore`; ");
    for source in ["fn a() { todo!{} }", "fn a() { unimplemented!{} }"] {
        assert_one(
            &report(sources::check_no_stubs, &[("benches/src/a.rs", source)]),
            "benches/src/a.rs:1: holds `",
        );
    }
    assert!(
        report(sources::check_no_stubs, &[("benches/src/a.rs", "// todo!\nfn a() { todo != b }")]).is_empty()
    );
}

#[test]
fn no_text_names_a_folder_of_one_machine() {
    for folder in [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")] {
        let text = format!("a\nsee `{folder}a`\n");
        assert_one(&report(texts::check_machine_paths, &[("README.md", &text)]), "README.md:2: names `");
        let topics = format!("our{folder}lamp +{folder}lamp .{folder}lamp\n");
        assert!(report(texts::check_machine_paths, &[("README.md", &topics)]).is_empty(), "{topics}");
    }
}

#[test]
fn all_rules_run_and_the_report_reads_file_by_file() {
    let workspace = Workspace::of(&[
        ("tests/src/b.rs", "#[ignore]fn a() {}"),
        ("crates/mqtt-moon/Cargo.toml", ""),
        ("tests/src/a.rs", "\nfn a() {}"),
    ]);
    let lines: Vec<String> = check(&workspace).iter().map(Finding::to_string).collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.is_sorted(), "{lines:#?}");
}
