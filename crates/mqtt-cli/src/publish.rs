//! `mqtt pub`: one message, or one for each line of standard input.

use std::collections::VecDeque;
use std::io::Read;

use mqtt_smol::{Bytes, Client, Publish, PublishToken, QoS, TopicName};
use smol::Unblock;
use smol::io::{AsyncBufReadExt, BufReader};

use crate::args::PubArgs;
use crate::connection::{Ended, session};
use crate::failure::Failure;

/// Messages whose outcome is awaited at once.
const UNDER_WAY_MAX: usize = 1000;

pub(crate) async fn run(args: PubArgs) -> Result<(), Failure> {
    let topic = &args.topic;
    TopicName::new(topic)
        .map_err(|error| Failure::new(Failure::USAGE, format_args!("-t {topic:?}: {error}")))?;
    if args.connection.store.is_some() && args.qos == QoS::AtMostOnce {
        return Err(Failure::new(Failure::USAGE, "--store keeps nothing of QoS 0; use -q 1 or -q 2"));
    }
    let payload = if args.payload.lines { None } else { Some(payload(&args).await?) };
    let ended = session(&args.connection, args.timeout, async |client| match payload {
        Some(payload) => Ok(publish(&args, client, payload)?.await.map(drop)?),
        None => publish_lines(&args, client).await,
    });
    match ended.await? {
        Ended::Done => Ok(()),
        Ended::TimedOut => {
            let what = match &args.connection.store {
                Some(path) => {
                    format!("time ran out; what was accepted waits in {} for the next run", path.display())
                }
                None => "time ran out before all was published".into(),
            };
            Err(Failure::new(Failure::TIMED_OUT, what))
        }
    }
}

async fn payload(args: &PubArgs) -> Result<Bytes, Failure> {
    let from = &args.payload;
    if let Some(path) = &from.file {
        let content = smol::fs::read(path).await;
        let content = content.map_err(|error| {
            Failure::new(Failure::OTHER, format_args!("cannot read {}: {error}", path.display()))
        })?;
        return Ok(content.into());
    }
    if from.stdin {
        return Ok(smol::unblock(|| {
            let mut content = Vec::new();
            std::io::stdin().lock().read_to_end(&mut content).map(|_| content)
        })
        .await?
        .into());
    }
    Ok(from.message.clone().unwrap_or_default().into())
}

fn publish(args: &PubArgs, client: &Client, payload: impl Into<Bytes>) -> Result<PublishToken, Failure> {
    let message = Publish::new(&args.topic, payload).qos(args.qos).retain(args.retain);
    Ok(client.publish(message)?)
}

/// A last line without an end counts; every acknowledgement is awaited.
async fn publish_lines(args: &PubArgs, client: &Client) -> Result<(), Failure> {
    let mut input = BufReader::new(Unblock::new(std::io::stdin()));
    let mut under_way = VecDeque::new();
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line).await? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        under_way.push_back(publish(args, client, line)?);
        if under_way.len() >= UNDER_WAY_MAX {
            await_first(&mut under_way).await?;
        }
    }
    while !under_way.is_empty() {
        await_first(&mut under_way).await?;
    }
    Ok(())
}

async fn await_first(under_way: &mut VecDeque<PublishToken>) -> Result<(), Failure> {
    if let Some(token) = under_way.pop_front() {
        token.await?;
    }
    Ok(())
}
