//! `mqtt broker`: the embedded broker on a socket.

use std::io::{self, Write};

use mqtt_smol::broker::{Config, Server, User};

use crate::args::BrokerArgs;
use crate::failure::Failure;
use crate::session::{Bounded, bounded};

pub(crate) async fn run(args: BrokerArgs) -> Result<(), Failure> {
    let (host, port) = (args.host.as_str(), args.port);
    let server = Server::bind((host, port), config(&args)).map_err(|error| {
        Failure::new(Failure::OTHER, format_args!("cannot listen on {host}:{port}: {error}"))
    })?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {}", server.handle().url())?;
    out.flush()?;
    drop(out);
    eprintln!("mqtt: a broker for tests: it keeps nothing on disk and is not hardened for the open network");
    match bounded(None, server.run()).await? {
        Bounded::Done(()) | Bounded::TimedOut => Ok(()),
        Bounded::Interrupted => Err(Failure::silent(Failure::INTERRUPTED)),
    }
}

fn config(args: &BrokerArgs) -> Config {
    let mut config = Config::default();
    config.allows_anonymous &= args.users.is_empty();
    let users = args.users.iter().cloned();
    config.users = users.map(|(name, password)| User { name, password: password.into_bytes() }).collect();
    config
}
