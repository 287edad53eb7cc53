//! Brokers and clients that are not ours: fetched once, in pinned versions, by the registries' ordinary clients.
//!
//! Packages of npm and PyPI lie in the build folder and change nothing outside it. Packages of Debian are installed
//! for the whole system, which only an administrator may do; everybody else reads what to install.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{run, write};

/// The folder for everything that a run fetches and writes.
pub(crate) fn home() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    // A folder that is named from where the command was started must hold for programs started elsewhere.
    std::path::absolute(target.join("interop")).unwrap_or(target)
}

/// A folder whose JavaScript files can import the pinned packages.
pub(crate) fn npm() -> Result<PathBuf, String> {
    let folder = home().join("npm");
    let mut command = Command::new("npm");
    command.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]).arg(&folder).args(NPM);
    once(&folder, &NPM, &mut [command], "install Node.js 20 with npm (`apt-get install nodejs npm`)")?;
    Ok(folder)
}

/// The folder of the programs of a Python environment that has the pinned packages.
pub(crate) fn python() -> Result<PathBuf, String> {
    let folder = home().join("python");
    let programs = folder.join("bin");
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&folder);
    let mut install = Command::new(programs.join("pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check"]).args(PYTHON);
    let help = "install Python 3.10 or later with venv (`apt-get install python3-venv`)";
    once(&folder, &PYTHON, &mut [make, install], help)?;
    Ok(programs)
}

/// Runs the commands unless they were run for these packages before.
fn once(folder: &Path, packages: &[&str], commands: &mut [Command], help: &str) -> Result<(), String> {
    let mark = folder.join("fetched");
    let wanted = packages.join("\n");
    if fs::read_to_string(&mark).is_ok_and(|fetched| fetched == wanted) {
        return Ok(());
    }
    println!("fetching {} into {}", packages.join(", "), folder.display());
    fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    for command in commands {
        run(command).map_err(|problem| format!("{problem}\nto mend it, {help}"))?;
    }
    write(&mark, &wanted)
}

/// Makes sure that a file which a package of Debian brings is there.
pub(crate) fn debian(package: &str, brings: &str) -> Result<(), String> {
    if Path::new(brings).exists() {
        return Ok(());
    }
    println!("installing {package} from Debian's packages");
    let policy = ServicePolicy::deny();
    let outcome = run(Command::new("apt-get").args(["update", "--quiet"])).and_then(|_| {
        let mut install = Command::new("apt-get");
        install.args(["install", "--yes", "--no-install-recommends", package]);
        run(install.env("DEBIAN_FRONTEND", "noninteractive"))
    });
    drop(policy);
    let help =
        format!("to mend it, run `apt-get install --no-install-recommends {package}` as administrator");
    outcome.map_err(|problem| format!("{problem}\n{help}"))?;
    if Path::new(brings).exists() {
        Ok(())
    } else {
        Err(format!(
            "{package} is installed, but there is no {brings}; is this another system than Debian 12?"
        ))
    }
}

/// While it lives, no package that is installed starts its service.
struct ServicePolicy {
    is_ours: bool,
}

impl ServicePolicy {
    fn deny() -> ServicePolicy {
        let is_ours = !Path::new(POLICY).exists() && fs::write(POLICY, "#!/bin/sh\nexit 101\n").is_ok();
        if is_ours {
            // Without it the service starts, and a run still works on ports of its own.
            let _ = run(Command::new("chmod").args(["755", POLICY]));
        }
        ServicePolicy { is_ours }
    }
}

impl Drop for ServicePolicy {
    fn drop(&mut self) {
        if self.is_ours {
            // A leftover would be found by the next installation, which says so.
            let _ = fs::remove_file(POLICY);
        }
    }
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

const NPM: [&str; 2] = ["aedes@1.2.0", "mqtt@5.16.0"];

const PYTHON: [&str; 2] = ["amqtt==0.12.1", "paho-mqtt==2.2.0"];
