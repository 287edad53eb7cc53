//! RabbitMQ with its plugin for MQTT, from Debian's packages: one node, or several that form a cluster.
//!
//! The nodes find one another through a port mapper of their own, `epmd`, which is a child of this program like
//! them. Everything listens on the loopback interface only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mqtt_smol::Version;

use crate::broker::{Broker, Deviation, Running, Shows};
use crate::fetch;
use crate::process::{Process, free_port, run, write};

pub(super) const BROKER: Broker = Broker {
    name: "rabbitmq",
    origin: "Debian",
    versions: &[Version::V3_1, Version::V3_1_1],
    credentials: None,
    start,
    deviations: &DEVIATIONS,
};

const DEVIATIONS: [Deviation; 6] = [
    Deviation {
        check: "QoS 2",
        versions: &[Version::V3_1, Version::V3_1_1],
        says: "granted QoS 1 instead of 2",
        reason: "it has no QoS 2 and grants QoS 1",
        shows: Shows::Always,
    },
    Deviation {
        check: "persistent QoS 2",
        versions: &[Version::V3_1, Version::V3_1_1],
        says: "granted QoS 1 instead of 2",
        reason: "it has no QoS 2 and grants QoS 1",
        shows: Shows::Always,
    },
    Deviation {
        check: "cuts, QoS 2",
        versions: &[Version::V3_1, Version::V3_1_1],
        says: "granted QoS 1 instead of 2",
        reason: "it has no QoS 2 and grants QoS 1",
        shows: Shows::Always,
    },
    Deviation {
        check: "lower QoS",
        versions: &[Version::V3_1, Version::V3_1_1],
        says: "the server lost the session",
        reason: "it answers PUBLISH of QoS 2 with PUBACK, which ends the connection",
        shows: Shows::Always,
    },
    Deviation {
        check: "1 MB, QoS 2",
        versions: &[Version::V3_1, Version::V3_1_1],
        says: "the server lost the session",
        reason: "it answers PUBLISH of QoS 2 with PUBACK, which ends the connection",
        shows: Shows::Always,
    },
    Deviation {
        check: "retained, wildcard",
        versions: &[Version::V3_1, Version::V3_1_1],
        says: "no message came",
        reason: "it sends retained messages to filters without wildcards only",
        shows: Shows::Always,
    },
];

fn start(folder: &Path) -> Result<Running, String> {
    let installed = Installed::find()?;
    let mapper = PortMapper::start(folder)?;
    let node = Node::new(&installed, &mapper, folder, "single", &["single"])?;
    let process = node.start()?;
    Ok(Running { port: node.port, version: installed.version, processes: vec![mapper.process, process] })
}

/// Where the package lies.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    programs: PathBuf,
    pub(crate) version: String,
}

impl Installed {
    /// Installs the package if it is not there.
    pub(crate) fn find() -> Result<Installed, String> {
        fetch::debian("rabbitmq-server", "/usr/lib/rabbitmq/lib")?;
        for entry in fs::read_dir("/usr/lib/rabbitmq/lib").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(version) = name.strip_prefix("rabbitmq_server-") {
                return Ok(Installed { programs: entry.path().join("sbin"), version: version.to_owned() });
            }
        }
        Err("the programs of RabbitMQ are not below /usr/lib/rabbitmq/lib; reinstall rabbitmq-server".into())
    }
}

/// Has nodes of Erlang know the addresses of the others.
#[derive(Debug)]
pub(crate) struct PortMapper {
    port: u16,
    process: Process,
}

impl PortMapper {
    pub(crate) fn start(folder: &Path) -> Result<PortMapper, String> {
        let port = free_port()?;
        let mut command = Command::new("epmd");
        command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
        let mut process = Process::start("epmd", &mut command, folder)?;
        process.wait_for_port(port)?;
        Ok(PortMapper { port, process })
    }
}

/// A node, be it running or not; it keeps its ports and its folder.
#[derive(Debug)]
pub(crate) struct Node {
    installed: Installed,
    mapper_port: u16,
    folder: PathBuf,
    name: String,
    /// Where it takes connections of MQTT.
    pub(crate) port: u16,
    distribution_port: u16,
}

impl Node {
    /// A node of that name among those of the cluster.
    pub(crate) fn new(
        installed: &Installed,
        mapper: &PortMapper,
        folder: &Path,
        name: &str,
        cluster: &[&str],
    ) -> Result<Node, String> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)
            .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        let node = Node {
            installed: installed.clone(),
            mapper_port: mapper.port,
            folder,
            name: format!("{name}@localhost"),
            port: free_port()?,
            distribution_port: free_port()?,
        };
        let mut config = format!(
            "listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{}\nmqtt.allow_anonymous = true\n\
             cluster_formation.peer_discovery_backend = classic_config\n",
            node.port
        );
        for (index, name) in (1..).zip(cluster) {
            config.push_str(&format!("cluster_formation.classic_config.nodes.{index} = {name}@localhost\n"));
        }
        write(&node.folder.join("rabbitmq.conf"), &config)?;
        write(&node.folder.join("enabled_plugins"), "[rabbitmq_mqtt].\n")?;
        // All nodes of a run have one secret, which only they need.
        let cookie = node.folder.join(".erlang.cookie");
        write(&cookie, "interop")?;
        run(Command::new("chmod").arg("400").arg(cookie))?;
        Ok(node)
    }

    /// Starts it and waits until it takes clients.
    pub(crate) fn start(&self) -> Result<Process, String> {
        let mut process = self.launch()?;
        process.wait_for_port(self.port)?;
        Ok(process)
    }

    /// Starts it.
    pub(crate) fn launch(&self) -> Result<Process, String> {
        let mut command = self.command("rabbitmq-server");
        // The script then becomes the program, so that its id is the node's.
        command.env("RUNNING_UNDER_SYSTEMD", "true");
        Process::start("rabbitmq", &mut command, &self.folder)
    }

    /// Asks the node that runs to do something, and returns what it answers.
    pub(crate) fn control(&self, words: &[&str]) -> Result<String, String> {
        run(self.command("rabbitmqctl").args(["--quiet", "--node", &self.name]).args(words))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.installed.programs.join(program));
        command
            .env("HOME", &self.folder)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_CONFIG_FILE", self.folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.folder.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", self.folder.join("data"))
            .env("RABBITMQ_LOG_BASE", self.folder.join("log"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", LOOPBACK)
            .env("RABBITMQ_CTL_ERL_ARGS", LOOPBACK);
        command
    }
}

const LOOPBACK: &str = "-kernel inet_dist_use_interface {127,0,0,1}";
