//! A cluster of three RabbitMQ nodes whose nodes are killed in turn, while publishers and subscribers go on.
//!
//! Every publisher and every subscriber knows the list of the three servers and a session of its own; nothing is
//! shared between them. At the end each QoS 1 message that was acknowledged must have been delivered.
//!
//! A queue of RabbitMQ 3.10 lives on one node unless a policy mirrors it. While that node is away, its subscriber is
//! refused (404), and messages for it are acknowledged to their publisher and dropped: the broker's guarantee to keep,
//! and no client can see it broken. In a trial without mirrors 111,267 of 414,705 acknowledged messages were lost.
//! Here the queues of MQTT sessions are mirrored on all nodes, a message is acknowledged when every mirror has it, and
//! no node is killed before the one that was started again has caught up.

mod nodes;
mod workload;

use std::time::Instant;

use crate::fetch;
use crate::process::empty_folder;
use nodes::Cluster;
use workload::Workload;

/// Runs it and prints what became of the messages.
pub(crate) fn run() -> Result<(), String> {
    let start = Instant::now();
    let folder = fetch::home().join("run").join("cluster");
    empty_folder(&folder)?;
    let mut cluster = Cluster::start(&folder)?;
    println!("RabbitMQ {}, three nodes, run after {:.0} s", cluster.version, start.elapsed().as_secs_f64());
    let workload = Workload::start(&cluster.ports())?;
    cluster.mirror_queues()?;

    for index in 0..nodes::NAMES.len() {
        let name = nodes::NAMES[index];
        cluster.wait_for_mirrors(index, workload::SUBSCRIBERS)?;
        let before = workload.wait_for_progress()?;
        let killed = Instant::now();
        cluster.kill(index);
        let after = workload
            .wait_for_progress()
            .map_err(|problem| format!("after node {name} was killed, {problem}"))?;
        println!(
            "node {name} killed after {before} acknowledgements; every publisher had {} more {:.1} s later",
            workload::PROGRESS,
            killed.elapsed().as_secs_f64()
        );
        let again = Instant::now();
        cluster.start_again(index)?;
        println!(
            "node {name} runs again after {:.0} s; {} messages were acknowledged without it",
            again.elapsed().as_secs_f64(),
            workload.acknowledged() - after
        );
    }
    cluster.wait_for_mirrors(0, workload::SUBSCRIBERS)?;
    let figures = workload.finish()?;
    println!(
        "\n{figures}| kills | {} |\n| seconds | {:.0} |",
        nodes::NAMES.len(),
        start.elapsed().as_secs_f64()
    );
    figures.judge()
}
