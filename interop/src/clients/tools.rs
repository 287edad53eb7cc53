//! The commands mosquitto_pub and mosquitto_sub.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use mqtt_smol::Version;

use super::Client;
use crate::fetch;
use crate::peer::{Outcome, expect_that};
use crate::report::Row;

pub(super) const MOSQUITTO: Client =
    Client { name: "mosquitto_pub/sub", origin: "Debian", fetch: installed_version, check };

fn installed_version() -> Result<String, String> {
    fetch::debian("mosquitto-clients", "/usr/bin/mosquitto_pub")?;
    // Its help, which it ends with a failure, says the version.
    let output = Command::new("mosquitto_pub").arg("--help").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("mosquitto_pub cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = said.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok(version.unwrap_or("?").to_owned())
}

fn check(port: u16, version: Version, row: &mut Row) -> Result<(), String> {
    let tools = Tools { port, version };
    for qos in 0..3 {
        row.add(&format!("QoS {qos}"), tools.each_qos(qos), None);
    }
    row.add("retained", tools.retained(), None);
    row.add("will", tools.will(), None);
    row.add("large", tools.large(), None);
    row.add("persistent session", tools.persistent_session(), None);
    if version.has_properties() {
        row.add("properties", tools.properties(), None);
        row.add("shared subscription", tools.shared(), None);
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Tools {
    port: u16,
    version: Version,
}

impl Tools {
    fn each_qos(self, qos: u8) -> Outcome {
        let qos = qos.to_string();
        let count = MESSAGES.to_string();
        let mut sub = self.subscribe(&["-t", "each", "-q", &qos, "-F", "%q %p", "-C", &count])?;
        let numbers: String = (0..MESSAGES).map(|number| format!("{number}\n")).collect();
        self.publish(&["-t", "each", "-q", &qos, "-l"], numbers.as_bytes())?;
        for number in 0..MESSAGES {
            sub.expect(&format!("{qos} {number}"))?;
        }
        sub.expect_end()
    }

    fn retained(self) -> Outcome {
        self.publish(&["-t", "retained", "-q", "1", "-r", "-m", "kept"], b"")?;
        let mut sub = self.subscribe(&["-t", "retained", "-q", "1", "-F", "%r %p", "-C", "1"])?;
        sub.expect("1 kept")?;
        sub.expect_end()?;
        self.publish(&["-t", "retained", "-q", "1", "-r", "-n"], b"")?;
        let mut sub = self.subscribe(&["-t", "retained", "-q", "1", "-F", "%r %p", "-C", "1"])?;
        self.publish(&["-t", "retained", "-q", "1", "-m", "live"], b"")?;
        sub.expect("0 live")
    }

    /// A subscriber that is killed leaves its will.
    fn will(self) -> Outcome {
        let mut watcher = self.subscribe(&["-t", "will", "-q", "1", "-F", "%q %p", "-C", "1"])?;
        let will = ["--will-topic", "will", "--will-payload", "it was cut", "--will-qos", "1"];
        drop(self.subscribe(&[&["-t", "other"], &will[..]].concat())?);
        watcher.expect("1 it was cut")
    }

    fn large(self) -> Outcome {
        let payload = "0123456789".repeat(90_000);
        let mut sub = self.subscribe(&["-t", "large", "-q", "2", "-F", "%l %p", "-C", "1"])?;
        self.publish(&["-t", "large", "-q", "2", "-s"], payload.as_bytes())?;
        let line = sub.next()?;
        expect_that(line == format!("{} {payload}", payload.len()), || format!("{} bytes came", line.len()))
    }

    /// What is published while the subscriber is away comes when it is back.
    fn persistent_session(self) -> Outcome {
        // In 5.0 `-c` also asks for a session that never expires.
        let mut words = vec!["-t", "kept", "-q", "2", "-c", "-i", "kept"];
        let mut first = self.subscribe(&words)?;
        first.kill();
        let numbers: String = (0..MESSAGES).map(|number| format!("{number}\n")).collect();
        self.publish(&["-t", "kept", "-q", "2", "-l"], numbers.as_bytes())?;
        let count = MESSAGES.to_string();
        words.extend(["-F", "%q %p", "-C", &count]);
        let mut second = self.start(&words)?;
        for number in 0..MESSAGES {
            second.expect(&format!("2 {number}"))?;
        }
        second.expect_end()
    }

    fn properties(self) -> Outcome {
        let mut sub = self.subscribe(&["-t", "p", "-q", "1", "-F", "%p|%C|%R|%D|%P", "-C", "1"])?;
        let said =
            [["content-type", "text/plain"], ["response-topic", "answers/7"], ["correlation-data", "seven"]];
        let mut words = vec!["-t", "p", "-q", "1", "-m", "x"];
        for [name, value] in &said {
            words.extend(["-D", "publish", name, value]);
        }
        words.extend(["-D", "publish", "user-property", "same", "first"]);
        words.extend(["-D", "publish", "user-property", "same", "second"]);
        self.publish(&words, b"")?;
        sub.expect("x|text/plain|answers/7|seven|same:first same:second")
    }

    /// Two who share a subscription get each message once between them.
    fn shared(self) -> Outcome {
        let words = ["-t", "$share/group/shared", "-t", "shared/end", "-q", "1", "-F", "%p"];
        let mut subs = [self.subscribe(&words)?, self.subscribe(&words)?];
        let numbers: String = (0..MESSAGES).map(|number| format!("{number}\n")).collect();
        self.publish(&["-t", "shared", "-q", "1", "-l"], numbers.as_bytes())?;
        self.publish(&["-t", "shared/end", "-q", "1", "-m", "end"], b"")?;
        let mut came = Vec::new();
        for sub in &mut subs {
            while let Ok(number) = sub.next()?.parse::<usize>() {
                came.push(number);
            }
        }
        came.sort_unstable();
        expect_that(came.iter().copied().eq(0..MESSAGES), || format!("{} messages came", came.len()))
    }

    /// A subscriber whose subscriptions are granted.
    fn subscribe(self, words: &[&str]) -> Result<Subscriber, String> {
        let mut sub = self.start(&[words, &["-d"]].concat())?;
        while !sub.line()?.starts_with("Subscribed") {}
        Ok(sub)
    }

    /// A subscriber that ends by itself within a bounded time.
    fn start(self, words: &[&str]) -> Result<Subscriber, String> {
        let mut child = self
            .command("mosquitto_sub")
            .args(["-W", PATIENCE_SECS])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("mosquitto_sub cannot be started: {error}"))?;
        let stdout = child.stdout.take().ok_or("its output is not piped")?;
        Ok(Subscriber { child, lines: BufReader::new(stdout).lines() })
    }

    /// Runs mosquitto_pub to its end.
    fn publish(self, words: &[&str], input: &[u8]) -> Outcome {
        let mut child = self
            .command("mosquitto_pub")
            .args(words)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("mosquitto_pub cannot be started: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that ends early is found out below.
            let _ = stdin.write_all(input);
        }
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            // What cannot be read is not shown.
            let _ = stderr.read_to_string(&mut said);
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        expect_that(status.success(), || format!("mosquitto_pub ended with {status}: {said}"))
    }

    fn command(self, name: &str) -> Command {
        let version = match self.version {
            Version::V3_1 => "mqttv31",
            Version::V3_1_1 => "mqttv311",
            Version::V5_0 => "mqttv5",
        };
        // What they print is wanted line by line, not when a buffer is full.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", name, "-h", "127.0.0.1", "-p", &self.port.to_string(), "-V", version]);
        command
    }
}

/// A mosquitto_sub; dropping it kills it.
struct Subscriber {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Subscriber {
    /// The next line that it prints.
    fn line(&mut self) -> Result<String, String> {
        let line = self.lines.next().ok_or("mosquitto_sub ended before the next message came")?;
        line.map_err(|error| format!("mosquitto_sub writes what is no text: {error}"))
    }

    /// The next message; what it says of itself is passed over.
    fn next(&mut self) -> Result<String, String> {
        loop {
            let line = self.line()?;
            let is_chatter =
                ["Client ", "Subscribed ", "Timed out"].iter().any(|said| line.starts_with(said));
            if !is_chatter {
                return Ok(line);
            }
        }
    }

    fn expect(&mut self, due: &str) -> Outcome {
        let line = self.next()?;
        expect_that(line == due, || format!("{line:?} came where {due:?} was due"))
    }

    /// It ends by itself after its last message.
    fn expect_end(mut self) -> Outcome {
        let status = self.child.wait().map_err(|error| error.to_string())?;
        expect_that(status.success(), || format!("mosquitto_sub ended with {status}"))
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.kill();
    }
}

const MESSAGES: usize = 300;

/// A subscriber that waits longer has failed.
const PATIENCE_SECS: &str = "10";
