//! What the `mqtt` command costs: its size, its start, and lines at QoS 1 beside `mosquitto_pub`, in one run.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The most that the binary may have, in bytes.
const SIZE_MAX: u64 = 6 * 1024 * 1024;

const STARTS: usize = 51;
const LINES: usize = 100_000;
const ROUNDS: usize = 7;

/// Builds the command as `cargo install` does, and measures it.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(root).args(["build", "--quiet", "--locked", "--release", "--package", "mqtt-cli"]);
    succeed(&mut build)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mqtt = target.join("release").join("mqtt");
    let size = fs::metadata(&mqtt).map_err(|error| format!("{}: {error}", mqtt.display()))?.len();
    println!("size       {size} bytes, of {SIZE_MAX} at the most");

    let start = |program: &Path, argument: &str| -> Result<Duration, String> {
        let times: Result<Vec<Duration>, String> = (0..STARTS)
            .map(|_| {
                let began = Instant::now();
                let mut command = Command::new(program);
                // Some help ends with an error code of its own.
                command.arg(argument).stdout(Stdio::null()).stderr(Stdio::null());
                command.status().map_err(|error| format!("{}: {error}", program.display()))?;
                Ok(began.elapsed())
            })
            .collect();
        Ok(median(times?))
    };
    let (ours, theirs) = (start(&mqtt, "--version")?, start(Path::new("mosquitto_pub"), "--help")?);
    println!("start      {:.1} ms, mosquitto_pub {:.1} ms (median of {STARTS})", ms(ours), ms(theirs));

    let lines = target.join("lines");
    let text: String = (0..LINES).map(|number| format!("{number}\n")).collect();
    fs::write(&lines, text).map_err(|error| format!("{}: {error}", lines.display()))?;
    let broker = Broker::start()?;
    let port = broker.port.to_string();
    let publish = |program: &Path, words: &[&str]| -> Result<Duration, String> {
        let input = File::open(&lines).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(words).args(["-p", &port, "-t", "lines", "-q", "1", "-l"]).stdin(input);
        let began = Instant::now();
        succeed(&mut command)?;
        Ok(began.elapsed())
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(publish(&mqtt, &["pub"])?);
        theirs.push(publish(Path::new("mosquitto_pub"), &[])?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "lines      {LINES} at QoS 1: {:.2} s, mosquitto_pub {:.2} s, ratio {:.2} (median of {ROUNDS}, alternating)",
        ours.as_secs_f64(),
        theirs.as_secs_f64(),
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
    if size > SIZE_MAX { Err("the binary is too large".into()) } else { Ok(()) }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A mosquitto on a port of its own; it is stopped when this is dropped.
struct Broker {
    process: Child,
    port: u16,
}

impl Broker {
    fn start() -> Result<Broker, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let mut command = Command::new("mosquitto");
        command.args(["-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().map_err(|error| format!("mosquitto cannot be started: {error}"))?;
        let broker = Broker { process, port };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if began.elapsed() > Duration::from_secs(10) {
                return Err("mosquitto does not listen".into());
            }
            std::thread::yield_now();
        }
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
