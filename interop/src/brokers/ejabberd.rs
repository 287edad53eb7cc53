//! Ejabberd with its module for MQTT, from Debian's packages: a broker of 5.0 in Erlang.
//!
//! The Erlang program is started without distribution, so that it needs no port mapper and no other user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mqtt_smol::Version;

use crate::broker::{Broker, Deviation, Running, Shows};
use crate::fetch;
use crate::process::{Process, free_port, write};

pub(super) const BROKER: Broker = Broker {
    name: "ejabberd",
    origin: "Debian",
    versions: &[Version::V3_1_1, Version::V5_0],
    // A user of its host; with anonymous login any password will do.
    credentials: Some(("interop@localhost", "any")),
    start,
    deviations: &DEVIATIONS,
};

const DEVIATIONS: [Deviation; 1] = [Deviation {
    check: "shared subscription",
    versions: &[Version::V5_0],
    says: "the server has no shared subscriptions",
    reason: "it announces that it has none, which the standard allows",
    shows: Shows::Always,
}];

fn start(folder: &Path) -> Result<Running, String> {
    fetch::debian("ejabberd", "/usr/sbin/ejabberdctl")?;
    let (libraries, version) = installed()?;
    let port = free_port()?;
    let config = folder.join("ejabberd.yml");
    write(
        &config,
        &format!(
            "hosts: [localhost]\nauth_method: [anonymous]\nanonymous_protocol: login_anon\n\
             listen:\n  - port: {port}\n    ip: 127.0.0.1\n    module: mod_mqtt\nmodules:\n  mod_mqtt: {{}}\n"
        ),
    )?;
    let mut command = Command::new("erl");
    // The values are terms of Erlang; the path is a string there.
    command.args(["-noinput", "+P", "250000", "-s", "ejabberd", "-mnesia", "dir"]);
    command.arg(format!("{:?}", folder.join("spool")));
    command.env("ERL_LIBS", libraries).env("HOME", folder).env("EJABBERD_CONFIG_PATH", &config);
    command.env("EJABBERD_LOG_PATH", folder.join("messages.log"));
    let mut process = Process::start("ejabberd", &mut command, folder)?;
    process.wait_for_port(port)?;
    Ok(Running { port, version, processes: vec![process] })
}

/// The folder of its libraries, whose name depends on the machine, and the version found there.
fn installed() -> Result<(PathBuf, String), String> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    for folder in folders {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(version) =
                name.strip_prefix("ejabberd-").filter(|_| entry.path().join("ebin").exists())
            {
                return Ok((folder, version.to_owned()));
            }
        }
    }
    Err("the libraries of ejabberd are not below /usr/lib; reinstall the package ejabberd".into())
}
