//! The clients of a run: they connect before it begins, are watched while it goes on, and disconnect after it.

use std::rc::Rc;
use std::time::Duration;

use mqtt_smol::{Client, ConnectionEvent, Disconnect, Options, Version};
use smol::Task;
use smol::future::or;

use super::run::{Run, pause};
use crate::args::ConnectionArgs;
use crate::failure::Failure;
use crate::values::Retry;

/// Clients that are online. Their tasks end with this value.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) clients: Vec<Client>,
    drives: Vec<Task<()>>,
    observers: Vec<Task<()>>,
    network_timeout: Duration,
    /// The session was to outlive its connection only for outages.
    ends_sessions: bool,
}

/// Makes the options of each client.
#[derive(Debug)]
pub(crate) struct Names {
    options: Options,
    is_only: bool,
    prefix: String,
}

impl Names {
    /// Names that begin as `-i` or `-I` says; otherwise they are short, as 3.1 wants it, and nobody else's.
    pub(crate) fn new(options: Options, clients: u32) -> Names {
        let prefix = match options.config.client_id.as_str() {
            "" => format!("bench{:08x}c", fastrand::u32(..)),
            given => format!("{given}-"),
        };
        Names { is_only: clients == 1 && !options.config.client_id.is_empty(), options, prefix }
    }

    pub(crate) fn options(&self, number: u64) -> Options {
        match self.is_only {
            true => self.options.clone(),
            false => self.options.clone().client_id(format!("{}{number}", self.prefix)),
        }
    }
}

impl Fleet {
    /// Connects that many clients, and fails if one cannot.
    pub(crate) async fn connect(
        run: &Rc<Run>,
        args: &ConnectionArgs,
        mut options: Options,
        clients: u32,
    ) -> Result<Fleet, Failure> {
        // The server keeps what is under way when a connection breaks, so that QoS 2 survives it.
        let ends_sessions = options.config.version == Version::V5_0
            && options.config.clean_session
            && options.config.session_expiry_secs.is_none();
        if ends_sessions {
            options.config.session_expiry_secs = Some(OUTAGE_SECS);
        }
        let names = Names::new(options, clients);
        let network_timeout = args.server.network_timeout;
        let mut fleet = Fleet {
            clients: Vec::new(),
            drives: Vec::new(),
            observers: Vec::new(),
            network_timeout,
            ends_sessions,
        };
        let numbers: Vec<u64> = (0..u64::from(clients)).collect();
        for numbers in numbers.chunks(CONNECTING_MAX) {
            let mut connecting = Vec::new();
            for number in numbers {
                let (client, drive) = mqtt_smol::client(names.options(*number))?;
                fleet.drives.push(run.executor.spawn(drive));
                connecting.push(client.connect()?);
                fleet.clients.push(client);
            }
            for connecting in connecting {
                connecting.await?;
            }
        }
        let retry = args.server.retry.unwrap_or(RETRY_DEFAULT);
        for client in &fleet.clients {
            fleet.observers.push(run.executor.spawn(observe(Rc::clone(run), client.clone(), retry)));
        }
        Ok(fleet)
    }

    /// Disconnects all, as far as it takes no longer than a step of the network may.
    pub(crate) async fn disconnect(mut self) {
        // These ends are no losses.
        self.observers.clear();
        let mut how = Disconnect::within(Duration::ZERO);
        if self.ends_sessions {
            how = how.session_expiry_secs(Some(0));
        }
        // It fails for a client that is disconnected already.
        let leaving: Vec<_> =
            self.clients.iter().filter_map(|client| client.disconnect_with(how).ok()).collect();
        let all = async {
            for leaving in leaving {
                leaving.await;
            }
        };
        or(all, pause(self.network_timeout)).await;
    }
}

/// Says and counts what happens to a connection; ends the run if the client cannot go on.
async fn observe(run: Rc<Run>, client: Client, retry: Retry) {
    let mut events = client.events();
    // Events begin now, and the connection may have ended already.
    let mut is_online = client.is_connected();
    let mut failures = 0;
    while let Some(event) = events.next().await {
        match event {
            ConnectionEvent::Offline { cause, will_retry } => {
                if std::mem::take(&mut is_online) {
                    run.connections_lost.set(run.connections_lost.get() + 1);
                    run.say(&format!("{}: connection lost: {cause}", client.client_id()));
                }
                let is_last = retry != Retry::Forever && retry == Retry::Attempts(failures);
                if !will_retry {
                    let why = client.run().await.map_err(Failure::from).err();
                    run.fail(why.unwrap_or_else(|| Failure::new(Failure::UNREACHABLE, cause)));
                } else if is_last {
                    let why = format!("{cause}; gave up after {failures} attempts to connect again");
                    run.fail(Failure::new(Failure::UNREACHABLE, why));
                }
                failures += 1;
            }
            ConnectionEvent::Online { .. } => {
                if !is_online {
                    run.say(&format!("{}: connected again", client.client_id()));
                }
                (is_online, failures) = (true, 0);
            }
            ConnectionEvent::MessagesDropped { count } => {
                run.say(&format!("{}: {count} messages were dropped: no room", client.client_id()));
            }
            _ => {}
        }
    }
}

/// Clients that connect at once.
const CONNECTING_MAX: usize = 100;

/// Seconds that a session outlives its connection.
const OUTAGE_SECS: u32 = 300;

/// Attempts in a row to connect again after a connection that was lost.
const RETRY_DEFAULT: Retry = Retry::Attempts(100);
