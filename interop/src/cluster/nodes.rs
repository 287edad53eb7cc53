//! The three nodes: started one after another, killed, started again, and asked for their mirrors.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::brokers::rabbitmq::{Installed, Node, PortMapper};
use crate::process::Process;

/// Names of the nodes.
pub(super) const NAMES: [&str; 3] = ["first", "second", "third"];

/// Three nodes, and which of them run.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) version: String,
    nodes: Vec<(Node, Option<Process>)>,
    /// It is stopped last.
    _mapper: PortMapper,
}

impl Cluster {
    pub(super) fn start(folder: &Path) -> Result<Cluster, String> {
        let installed = Installed::find()?;
        let mapper = PortMapper::start(folder)?;
        let mut nodes = Vec::new();
        for name in NAMES {
            let node = Node::new(&installed, &mapper, folder, name, &NAMES)?;
            // One after another: each finds those before it and joins them.
            let process = node.start()?;
            nodes.push((node, Some(process)));
        }
        Ok(Cluster { version: installed.version, nodes, _mapper: mapper })
    }

    /// The ports of MQTT.
    pub(super) fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|(node, _)| node.port).collect()
    }

    /// Has the queues of MQTT sessions mirrored on all nodes.
    pub(super) fn mirror_queues(&self) -> Result<(), String> {
        let words = ["set_policy", "--apply-to", "queues", "sessions", "^mqtt-subscription-", MIRRORED];
        self.nodes[0].0.control(&words).map(drop)
    }

    /// As a power cut would.
    pub(super) fn kill(&mut self, index: usize) {
        self.nodes[index].1 = None;
    }

    pub(super) fn start_again(&mut self, index: usize) -> Result<(), String> {
        let (node, process) = &mut self.nodes[index];
        *process = Some(node.start()?);
        Ok(())
    }

    /// Waits until so many queues are there and each has all its mirrors in step. It can only be polled.
    pub(super) fn wait_for_mirrors(&self, asked: usize, queues: usize) -> Result<(), String> {
        let start = Instant::now();
        let words = ["list_queues", "--no-table-headers", "synchronised_slave_pids"];
        loop {
            let answer = self.nodes[asked].0.control(&words)?;
            // A line for each queue, such as `[<second@localhost.1.2.3>, <third@localhost.1.2.3>]`.
            let in_step = answer.lines().filter(|line| line.matches('<').count() == NAMES.len() - 1).count();
            if in_step == queues {
                return Ok(());
            }
            if start.elapsed() > IN_STEP_MAX {
                return Err(format!(
                    "{in_step} of {queues} queues have all mirrors in step after {} s; the broker says\n{answer}",
                    IN_STEP_MAX.as_secs()
                ));
            }
            thread::sleep(ASK_AGAIN);
        }
    }
}

/// Mirrors on all nodes; a new one takes over what the queue holds; none takes the lead that has not.
const MIRRORED: &str =
    r#"{"ha-mode":"all","ha-sync-mode":"automatic","ha-promote-on-failure":"when-synced"}"#;

const IN_STEP_MAX: Duration = Duration::from_secs(90);

const ASK_AGAIN: Duration = Duration::from_millis(200);
