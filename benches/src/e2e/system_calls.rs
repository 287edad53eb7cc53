//! System calls for a message, counted by `perf stat` in a process that does one run.

use std::process::{Command, Stdio};

use crate::shape::Shape;

/// The calls that clients differ in; the last counts all.
pub(crate) const CALLS: [(&str, &[&str]); 8] = [
    ("read", &["syscalls:sys_enter_read", "syscalls:sys_enter_recvfrom"]),
    ("write", &["syscalls:sys_enter_writev", "syscalls:sys_enter_sendto", "syscalls:sys_enter_sendmsg"]),
    ("eventfd", &["syscalls:sys_enter_write"]),
    ("setsockopt", &["syscalls:sys_enter_setsockopt"]),
    (
        "poll",
        &["syscalls:sys_enter_epoll_wait", "syscalls:sys_enter_epoll_pwait2", "syscalls:sys_enter_ppoll"],
    ),
    ("epoll_ctl", &["syscalls:sys_enter_epoll_ctl", "syscalls:sys_enter_timerfd_settime"]),
    ("futex, sleep", &["syscalls:sys_enter_futex", "syscalls:sys_enter_clock_nanosleep"]),
    ("all", &["raw_syscalls:sys_enter"]),
];

/// How often each of [`CALLS`] is made for a message, with the start of the process and its connections in it; none if
/// there is no `perf`, or it may not count.
pub(crate) fn count(contestant: &str, shape: &Shape) -> Option<[f64; CALLS.len()]> {
    let program = std::env::current_exe().ok()?;
    let events: Vec<_> = CALLS.iter().flat_map(|(_, events)| events.iter().copied()).collect();
    let mut command = Command::new("perf");
    command.args(["stat", "--field-separator", ",", "--event", &events.join(",")]).arg(program);
    command.args(["--once", contestant]).args(
        [usize::from(shape.port), shape.qos.bits().into(), shape.size, shape.count].map(|it| it.to_string()),
    );
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output().ok()?;
    let report = String::from_utf8(output.stderr).ok()?;
    let mut counts = [0.0; CALLS.len()];
    for (count, (_, events)) in counts.iter_mut().zip(CALLS) {
        for event in events {
            let line = report.lines().find(|line| line.split(',').nth(2) == Some(event))?;
            let number: f64 = line.split(',').next()?.parse().ok()?;
            *count += number / shape.count as f64;
        }
    }
    Some(counts)
}
