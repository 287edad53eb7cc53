//! Which package may depend on which: the table of layers, and the check of every `Cargo.toml` against it.
//!
//! A package knows those below it and no other. The crates without I/O depend on next to nothing from outside
//! either, since whatever they link, every user of every runtime links.

use super::finding::Finding;
use super::manifest::{Dependency, Kind, Manifest};
use crate::workspace::Workspace;
use Allowed::{Any, Only};

/// The crates without I/O: the same inputs give the same run.
pub(super) const PURE_CRATES: [&str; 5] =
    ["mqtt-proto", "mqtt-parts", "mqtt-session", "mqtt-capture", "mqtt-broker"];

/// Every package of the workspace, lowest first.
const LAYERS: [Layer; 20] = [
    // Serde only as an optional feature, for the small types.
    Layer { package: "mqtt-proto", members: Only(&[]), outside: Only(&["serde"]) },
    Layer { package: "mqtt-parts", members: Only(&["mqtt-proto"]), outside: Only(&["bytes"]) },
    // thiserror writes the texts of errors and links nothing; serde only as an optional feature, for the options.
    Layer {
        package: "mqtt-session",
        members: Only(&["mqtt-proto", "mqtt-parts"]),
        outside: Only(&["bytes", "serde", "thiserror", "zeroize"]),
    },
    // The bytes of a log are postcard's, which has a specification of its own.
    Layer {
        package: "mqtt-capture",
        members: Only(&["mqtt-proto", "mqtt-session"]),
        outside: Only(&["bytes", "postcard", "serde", "thiserror"]),
    },
    Layer { package: "mqtt-broker", members: Only(&["mqtt-proto", "mqtt-parts"]), outside: Only(&["bytes"]) },
    // The records of sessions in rows, and a thread that commits them; what keeps the rows is above.
    Layer {
        package: "mqtt-store",
        members: Only(&["mqtt-proto", "mqtt-session"]),
        outside: Only(&["crc32fast", "thiserror"]),
    },
    Layer { package: "mqtt-store-redb", members: Only(&["mqtt-store"]), outside: Only(&["redb"]) },
    // A scripted server and its cases; what it checks is another program, so it knows no client.
    Layer { package: "mqtt-conformance", members: Only(&["mqtt-proto"]), outside: Only(&[]) },
    // Cryptography only.
    Layer {
        package: "mqtt-scram",
        members: Only(&[]),
        outside: Only(&["base64ct", "hmac", "pbkdf2", "sha2", "stringprep", "subtle", "zeroize"]),
    },
    Layer {
        package: "mqtt-client",
        members: Only(&[
            "mqtt-proto",
            "mqtt-parts",
            "mqtt-session",
            "mqtt-capture",
            "mqtt-store",
            "mqtt-scram",
        ]),
        outside: Any,
    },
    Layer { package: "mqtt-transport", members: Only(&["mqtt-client"]), outside: Any },
    Layer { package: "mqtt-tokio", members: Only(&["mqtt-client", "mqtt-transport"]), outside: Any },
    Layer { package: "mqtt-std", members: Only(&["mqtt-client", "mqtt-transport"]), outside: Any },
    // Simulation: the client and the broker in one thread.
    Layer {
        package: "mqtt-memory",
        members: Only(&[
            "mqtt-client",
            "mqtt-transport",
            "mqtt-capture",
            "mqtt-store",
            "mqtt-broker",
            "mqtt-proto",
            "mqtt-parts",
        ]),
        outside: Only(&["bytes"]),
    },
    // The broker only to serve it on sockets, as an optional feature.
    Layer {
        package: "mqtt-smol",
        members: Only(&["mqtt-client", "mqtt-transport", "mqtt-broker", "mqtt-parts"]),
        outside: Any,
    },
    Layer {
        package: "mqtt-cli",
        members: Only(&[
            "mqtt-smol",
            "mqtt-std",
            "mqtt-memory",
            "mqtt-client",
            "mqtt-capture",
            "mqtt-conformance",
            "mqtt-store",
            "mqtt-store-redb",
            "mqtt-broker",
            "mqtt-proto",
        ]),
        outside: Any,
    },
    Layer { package: "tests", members: Any, outside: Any },
    Layer { package: "benches", members: Any, outside: Any },
    Layer { package: "interop", members: Any, outside: Any },
    Layer { package: "xtask", members: Only(&[]), outside: Only(&[]) },
];

struct Layer {
    package: &'static str,
    /// The packages of the workspace that it may know.
    members: Allowed,
    /// The packages from outside that its users may get with it; its own tests may use others.
    outside: Allowed,
}

enum Allowed {
    Any,
    Only(&'static [&'static str]),
}

/// Every dependency of every package is one that its layer may have.
pub(super) fn check_layers(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in workspace.files.iter().filter(|file| is_member_manifest(&file.path)) {
        let manifest = Manifest::parse(&file.text);
        match LAYERS.iter().find(|layer| layer.package == manifest.package) {
            Some(layer) => {
                let wrong = manifest.dependencies.iter().filter(|dependency| !is_allowed(layer, dependency));
                findings.extend(wrong.map(|dependency| layer_finding(&file.path, layer, dependency)));
            }
            None => findings.push(Finding::new(
                &file.path,
                1,
                format!("no layer is known for package `{}`", manifest.package),
                format!("add it to the table in {THIS_FILE}"),
            )),
        }
    }
    findings
}

/// The folder of a package, such as `crates/mqtt-proto`, if `path` is its `Cargo.toml`.
///
/// Only the places where the workspace has members count: `tests/no_std` is a workspace of its own.
pub(super) fn package_folder(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    let is_member = match folder.split_once('/') {
        Some(("crates", name)) => !name.contains('/'),
        Some(_) => false,
        None => matches!(folder, "tests" | "benches" | "interop" | "xtask"),
    };
    is_member.then_some(folder)
}

fn is_member_manifest(path: &str) -> bool {
    package_folder(path).is_some()
}

fn is_member(package: &str) -> bool {
    LAYERS.iter().any(|layer| layer.package == package)
}

/// A crate may name itself as a dev-dependency, to turn its features on for its examples.
fn is_allowed(layer: &Layer, dependency: &Dependency<'_>) -> bool {
    if dependency.package == layer.package {
        dependency.kind == Kind::Dev
    } else if is_member(dependency.package) {
        layer.members.holds(dependency.package)
    } else {
        dependency.kind == Kind::Dev || layer.outside.holds(dependency.package)
    }
}

impl Allowed {
    fn holds(&self, package: &str) -> bool {
        match self {
            Any => true,
            Only(packages) => packages.contains(&package),
        }
    }
}

fn layer_finding(path: &str, layer: &Layer, dependency: &Dependency<'_>) -> Finding {
    let Layer { package, .. } = layer;
    let what = format!("{package} must not depend on {}", dependency.package);
    let mend = if is_member(dependency.package) {
        format!("move what it needs to a layer below both, or correct the table in {THIS_FILE}")
    } else {
        format!("write the few lines that it needs, or argue for it in the table in {THIS_FILE}")
    };
    Finding::new(path, dependency.line, what, mend)
}

const THIS_FILE: &str = "xtask/src/tidy/crates.rs";
