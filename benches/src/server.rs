//! A mosquitto of a measurement's own.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A mosquitto with its defaults on a free port.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it listens on loopback.
    pub port: u16,
}

impl Server {
    /// One with its defaults; none if it is not installed.
    pub fn start() -> Option<Server> {
        Server::start_with("")
    }

    /// One with those lines of configuration; without any it has its defaults.
    pub fn start_with(lines: &str) -> Option<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = listener.local_addr().ok()?.port();
        drop(listener);
        let path = PathBuf::from("/usr/sbin/mosquitto");
        let program = if path.exists() { path } else { "mosquitto".into() };
        let mut command = Command::new(program);
        if lines.is_empty() {
            command.args(["-p", &port.to_string()]);
        } else {
            let path = std::env::temp_dir().join(format!("bench-mosquitto-{port}.conf"));
            std::fs::write(&path, format!("listener {port} 127.0.0.1\n{lines}")).ok()?;
            command.arg("-c").arg(&path);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().ok()?;
        for _try in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(Server { process, port });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
