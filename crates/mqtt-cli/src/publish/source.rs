//! Where payloads come from: arguments, files, all of standard input, or its lines.

use std::io::{Read, stdin};
use std::path::Path;

use mqtt_smol::Bytes;
use smol::Unblock;
use smol::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::message::Outgoing;
use crate::args::PayloadArgs;
use crate::failure::Failure;
use crate::values;

/// The largest payload that fits into a packet, beside the shortest topic.
const PAYLOAD_MAX: u64 = 268_435_455 - 3;

/// The payloads that do not come line by line.
pub(crate) async fn fixed(args: &PayloadArgs) -> Result<Vec<Bytes>, Failure> {
    let mut payloads = Vec::new();
    for message in &args.message {
        payloads.push(values::bytes(message.clone()).into());
    }
    for path in &args.file {
        payloads.push(file(path).await?);
    }
    if args.stdin {
        let content = smol::unblock(|| {
            let mut content = Vec::new();
            stdin().lock().take(PAYLOAD_MAX + 1).read_to_end(&mut content).map(|_| content)
        });
        payloads.push(checked(content.await?, "standard input")?);
    }
    if args.null {
        payloads.push(Bytes::new());
    }
    Ok(payloads)
}

async fn file(path: &Path) -> Result<Bytes, Failure> {
    let name = path.display().to_string();
    let failed = |error| Failure::new(Failure::OTHER, format_args!("cannot read {name}: {error}"));
    let mut content = Vec::new();
    let file = smol::fs::File::open(path).await.map_err(failed)?;
    file.take(PAYLOAD_MAX + 1).read_to_end(&mut content).await.map_err(failed)?;
    checked(content, &name)
}

/// Fails if it is larger than any packet.
fn checked(content: Vec<u8>, name: &str) -> Result<Bytes, Failure> {
    if content.len() as u64 > PAYLOAD_MAX {
        let why =
            format!("{name} has more than {PAYLOAD_MAX} bytes, which is the most that a message can have");
        return Err(Failure::new(Failure::OTHER, why));
    }
    Ok(content.into())
}

/// Messages from the lines of standard input.
pub(crate) struct Lines<'a> {
    args: &'a PayloadArgs,
    input: BufReader<Unblock<std::io::Stdin>>,
    number: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(args: &'a PayloadArgs) -> Lines<'a> {
        Lines { args, input: BufReader::with_capacity(BUFFER_SIZE, Unblock::new(stdin())), number: 0 }
    }

    /// The message of the next line; none at the end of the input. Lines end with a newline, the last may end without.
    pub(crate) async fn next(&mut self, base: &Outgoing) -> Result<Option<Outgoing>, Failure> {
        loop {
            let mut line = Vec::new();
            if (&mut self.input).take(PAYLOAD_MAX + 2).read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            self.number += 1;
            line.pop_if(|last| *last == b'\n');
            let name = format!("line {}", self.number);
            let line = checked(line, &name)?;
            let wrong = |why: String| Failure::new(Failure::OTHER, format_args!("{name}: {why}"));
            if self.args.json {
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return base.with_json(&line).map(Some).map_err(wrong);
            }
            let Some(separator) = &self.args.lines_with_topic else {
                return Ok(Some(base.with_payload(line)));
            };
            return split(base, &line, separator).map(Some).map_err(wrong);
        }
    }
}

/// A line of topic, separator and payload.
fn split(base: &Outgoing, line: &Bytes, separator: &str) -> Result<Outgoing, String> {
    let place = line.windows(separator.len()).position(|window| window == separator.as_bytes());
    let place = place.ok_or_else(|| format!("it has no {separator:?} behind the topic"))?;
    let topic = std::str::from_utf8(&line[..place]).map_err(|_| "its topic is not UTF-8")?;
    Ok(Outgoing { topic: topic.into(), ..base.with_payload(line.slice(place + separator.len()..)) })
}

/// Bytes of standard input that are read at once.
const BUFFER_SIZE: usize = 64 * 1024;
