//! The world: clients, the broker and the network of one seed, and the time in which they live.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use mqtt_broker::Broker;
use mqtt_broker::host::Access;
use mqtt_client::{
    Client, ConnectError, Instant, Options, OptionsError, Store, StoreError, StoreHandle, adapter,
};
use mqtt_parts::Rng;
use mqtt_transport::drive;

use crate::executor::{Executor, Halt};
use crate::fault::Faults;
use crate::named::Named;
use crate::network::Network;
use crate::program::{self, Program};
use crate::runtime::Memory;
use crate::server::Server;
use crate::task::Task;
use crate::trace::{Event, Record, Trace};

mqtt_parts::options! {
/// Configuration of a world.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything that is left to chance follows from it.
    pub seed: u64 = 0,
    /// What goes wrong, and how often. Default: [`Faults::network`].
    pub faults: Faults = Faults::network(),
    /// What the broker offers.
    pub broker: mqtt_broker::Config = mqtt_broker::Config::default(),
    /// How long one call of [`World::run_until`] may take, in virtual time. Default: a day.
    pub patience: Duration = Duration::from_secs(24 * 60 * 60),
    /// Records that are kept, the newest ones. Default: 1,048,576. The digest covers all.
    pub trace_max: usize = 1024 * 1024,
}
}

impl Config {
    /// The defaults for a seed.
    pub fn new(seed: u64) -> Config {
        Config { seed, ..Config::default() }
    }
}

/// Clients, one broker and a network in one thread, on a virtual clock.
///
/// Clones are handles for the tasks that live in the world. When the one that was made first is dropped, all tasks
/// are dropped. If that happens in a panic, the seed and the newest records are printed.
pub struct World {
    inner: Rc<Inner>,
    is_owner: bool,
}

struct Inner {
    seed: u64,
    patience: Duration,
    executor: Rc<Executor>,
    trace: Rc<RefCell<Trace>>,
    server: Rc<Server>,
    network: Rc<Network>,
    rng: RefCell<Rng>,
    programs: RefCell<Named<Program>>,
}

/// A future did not get ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// The seed of the world.
    pub seed: u64,
    /// The virtual time at which it was given up.
    pub at: Instant,
    /// Whether nothing at all could happen any more; otherwise [`Config::patience`] was over.
    pub is_idle: bool,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stalled { seed, at, is_idle } = self;
        let why = if *is_idle { "nothing can happen any more" } else { "patience is over" };
        write!(f, "seed {seed}: still waiting at {at:?}, and {why}")
    }
}

impl std::error::Error for Stalled {}

impl World {
    /// A world with a bad network, all of whose faults follow from the seed.
    pub fn new(seed: u64) -> World {
        World::with(Config::new(seed))
    }

    /// A world without faults, apart from those that the program causes.
    pub fn calm(seed: u64) -> World {
        World::with(Config { faults: Faults::none(), ..Config::new(seed) })
    }

    /// A world with that configuration.
    pub fn with(config: Config) -> World {
        let Config { seed, faults, broker, patience, trace_max } = config;
        let mut rng = Rng::new(seed);
        let executor = Rc::new(Executor::default());
        let trace = Rc::new(RefCell::new(Trace::new(trace_max)));
        let server = Server::new(broker, rng.next_u64(), &executor, &trace);
        let network = Network::new(faults, rng.next_u64(), &executor, &trace, &server);
        let rng = RefCell::new(rng);
        World {
            inner: Rc::new(Inner {
                seed,
                patience,
                executor,
                trace,
                server,
                network,
                rng,
                programs: RefCell::new(Named::new(Program::is_running)),
            }),
            is_owner: true,
        }
    }

    /// A client, whose bytes this world moves; the same type as with every other adapter. Nothing is connected yet.
    ///
    /// Whatever server the options name is this world's broker. The client identifier is the client's name here.
    ///
    /// # Panics
    ///
    /// If the options do not fit each other, or their store cannot be read: see [`World::try_client`].
    pub fn client(&self, options: Options) -> Client {
        self.try_client(options).expect("the options fit each other, and their store can be read")
    }

    /// Form of [`World::client`] for options that may not be valid, such as those with a store that is damaged.
    pub fn try_client(&self, options: Options) -> Result<Client, OptionsError> {
        let Inner { executor, network, programs, .. } = &*self.inner;
        let name: Rc<str> = Rc::from(options.config.client_id.as_str());
        let (client, driver) = adapter::client(options, executor.clock.clone(), network.next_seed())?;
        let memory = Memory { network: Rc::clone(network), name: Rc::clone(&name) };
        let program = Program::new(drive(memory, driver));
        programs.borrow_mut().push(&name, program.clone());
        executor.spawn(program.run());
        Ok(client)
    }

    /// Ends the programs of the clients of that name as a crash does, and says how many there were: nobody moves their
    /// bytes any more, and their links break. Handles that are left find the driver gone.
    ///
    /// What they have handed over to a store and is not committed goes on to be: let the next client have a
    /// [`mqtt_client::MemoryStore::snapshot`] of what was committed before.
    pub fn kill(&self, client_id: &str) -> usize {
        let programs = self.inner.programs.borrow().of(Some(client_id)).to_vec();
        let killed = programs.iter().filter(|program| program.is_running());
        killed.inspect(|program| program.end()).count()
    }

    /// A store for clients of this world, on a disk that takes `latency` of virtual time for each commit.
    ///
    /// Fails if the store cannot be read.
    pub fn store(&self, store: impl Store, latency: Duration) -> Result<StoreHandle, StoreError> {
        let (handle, committer) = StoreHandle::with_committer(store)?;
        let network = Rc::clone(&self.inner.network);
        self.inner.executor.spawn(program::commit(committer, network, latency));
        Ok(handle)
    }

    /// A client that is connected. Fails if the first attempt fails, unless the options say that it is tried again.
    pub async fn connect(&self, options: Options) -> Result<Client, ConnectError> {
        let client = self.try_client(options)?;
        client.connect()?.await?;
        Ok(client)
    }

    /// Starts a task.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let (task, run) = Task::new(future);
        self.inner.executor.spawn(run);
        task
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.inner.executor.now()
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// A number from 0 to `bound - 1` that follows from the seed, for what the program leaves to chance.
    pub fn random(&self, bound: u64) -> u64 {
        self.inner.rng.borrow_mut().below(bound)
    }

    /// Waits in virtual time.
    pub async fn sleep(&self, long: Duration) {
        self.inner.network.sleep(long).await;
    }

    /// Runs the world until `future` is ready.
    ///
    /// # Panics
    ///
    /// If a task of the world calls it, or if a task of the world panics.
    pub fn run_until<F: Future>(&self, future: F) -> Result<F::Output, Stalled> {
        let Inner { seed, patience, executor, .. } = &*self.inner;
        executor.run(future, executor.now() + *patience).map_err(|halt| Stalled {
            seed: *seed,
            at: executor.now(),
            is_idle: halt == Halt::Idle,
        })
    }

    /// Runs the world for that long.
    pub fn run_for(&self, long: Duration) {
        // A sleep ends, since patience is no shorter than it.
        let executor = &self.inner.executor;
        let _ = executor.run(self.sleep(long), executor.now() + long);
    }

    /// Waits until a condition holds, looking every tenth of a second.
    pub async fn until(&self, mut condition: impl FnMut() -> bool) {
        while !condition() {
            self.sleep(LOOK_EVERY).await;
        }
    }

    /// Lets nothing through to or from the client of that name, or lets it through again.
    ///
    /// Neither side is notified: what is under way waits, and dials hang.
    pub fn partition(&self, client_id: &str, is_parted: bool) {
        self.inner.network.part(client_id, is_parted);
    }

    /// Breaks the links of the client of that name, and says how many there were.
    pub fn cut(&self, client_id: &str) -> usize {
        self.inner.network.cut(Some(client_id))
    }

    /// Breaks all links, and says how many there were.
    pub fn cut_all(&self) -> usize {
        self.inner.network.cut(None)
    }

    /// Ends the broker without a DISCONNECT; dials are refused until [`World::start_broker`].
    pub fn stop_broker(&self, keep_sessions: bool) {
        self.inner.server.stop(keep_sessions);
    }

    /// Gives the broker another configuration. Stop it before, as one would a real one: connections keep the terms that
    /// they were accepted with. What the broker holds is kept even where the new bounds are smaller.
    pub fn reconfigure_broker(&self, config: mqtt_broker::Config) {
        self.inner.server.change(|broker, _| broker.reconfigure(config));
    }

    /// Has a broker that was stopped accept links again.
    pub fn start_broker(&self) {
        self.inner.server.start();
    }

    /// Ends the broker without a DISCONNECT and starts it at once, with its sessions and retained messages or without.
    pub fn restart_broker(&self, keep_sessions: bool) {
        self.stop_broker(keep_sessions);
        self.start_broker();
    }

    /// Changes what goes wrong with links that are dialled from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.inner.network.set_faults(faults);
    }

    /// Ends all faults and partitions, and starts the broker if it is stopped. A link that had fallen silent breaks.
    pub fn heal(&self) {
        self.start_broker();
        self.inner.network.heal();
    }

    /// Looks at the broker, or changes it now.
    pub fn broker<T>(&self, look: impl FnOnce(&mut Broker, Instant) -> T) -> T {
        self.inner.server.change(look)
    }

    /// Links that were dialled so far.
    pub fn links_dialled(&self) -> u32 {
        self.inner.network.dialled()
    }

    /// Adds a remark to the trace.
    pub fn note(&self, text: impl Into<String>) {
        self.inner.network.push(Event::Note(text.into()));
    }

    /// Everything that happened, in words, one line each. The same seed gives the same text, byte for byte.
    pub fn trace(&self) -> String {
        self.inner.trace.borrow().tail(usize::MAX)
    }

    /// The last lines of [`World::trace`].
    pub fn trace_tail(&self, lines: usize) -> String {
        self.inner.trace.borrow().tail(lines)
    }

    /// A number for everything that happened: equal runs have equal ones.
    pub fn digest(&self) -> u64 {
        self.inner.trace.borrow().digest()
    }

    /// How much has happened: the number of the next record.
    pub fn records_count(&self) -> u64 {
        self.inner.trace.borrow().count()
    }

    /// Looks at the records that are kept, oldest first. `look` must not change the world.
    pub fn for_each_record(&self, mut look: impl FnMut(&Record)) {
        self.inner.trace.borrow().records().for_each(&mut look);
    }
}

/// How often [`World::until`] looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Lines that a panic prints.
const PANIC_LINES: usize = 40;

impl Clone for World {
    fn clone(&self) -> World {
        World { inner: Rc::clone(&self.inner), is_owner: false }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.is_owner {
            return;
        }
        if std::thread::panicking() {
            eprintln!("{}seed {}, at {:?}", self.trace_tail(PANIC_LINES), self.seed(), self.now());
        }
        self.inner.executor.clear();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.seed()).field("now", &self.now()).finish_non_exhaustive()
    }
}
