//! `mqtt sub`: prints messages as they arrive.

use std::cell::Cell;
use std::io::{self, Write};

use mqtt_smol::{Client, Message, Subscribe, TopicFilter};
use smol::future::or;

use crate::args::SubArgs;
use crate::connection::{Ended, session};
use crate::failure::Failure;
use crate::reader;

pub(crate) async fn run(args: SubArgs) -> Result<(), Failure> {
    for filter in &args.filters {
        TopicFilter::new(filter)
            .map_err(|error| Failure::new(Failure::USAGE, format_args!("-t {filter:?}: {error}")))?;
    }
    let printed = Cell::new(0);
    let ended =
        session(&args.connection, args.timeout, async |client| print_messages(&args, client, &printed).await);
    match (ended.await?, args.count) {
        (Ended::TimedOut, Some(count)) => {
            let message = format!("{} of {count} messages came in time", printed.get());
            Err(Failure::new(Failure::TIMED_OUT, message))
        }
        (Ended::TimedOut, None) | (Ended::Done, _) => Ok(()),
    }
}

async fn print_messages(args: &SubArgs, client: &Client, printed: &Cell<u64>) -> Result<(), Failure> {
    let mut granting = Vec::new();
    for filter in &args.filters {
        granting.push((filter, client.listen(Subscribe::new(filter).qos(args.qos))?));
    }
    for (filter, granted) in granting {
        let result = granted.await.map_err(Failure::from);
        let qos = result.map_err(|failure| {
            let why = failure.message.unwrap_or_default();
            Failure::new(failure.code, format_args!("{filter}: {why}"))
        })?;
        if args.connection.debug {
            eprintln!("mqtt: subscribed to {filter} at QoS {qos}");
        }
    }
    let taken = async {
        while args.count.is_none_or(|count| printed.get() < count) {
            match client.receive_held().await {
                // What cannot be printed is not acknowledged.
                Some(message) => {
                    print(&message, args.verbose)?;
                    message.acknowledge();
                }
                // The client gives up for good only when the server forbids it to go on.
                None => return client.run().await.map_err(Failure::from),
            }
            printed.set(printed.get() + 1);
        }
        Ok(())
    };
    or(taken, async {
        reader::gone().await;
        Ok(())
    })
    .await
}

/// One line for each message, handed on at once.
fn print(message: &Message, verbose: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if verbose {
        out.write_all(message.topic().as_bytes())?;
        out.write_all(b" ")?;
    }
    out.write_all(message.payload())?;
    out.write_all(b"\n")?;
    out.flush()
}
