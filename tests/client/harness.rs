//! What the tests share: a bound on their time, clients, and a scripted server.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use mqtt_smol::{Client, ConnectError, Drive, Options, Version, broker};
use smol::future::or;
use smol::{Task, Timer, channel};
use tests::scripted;

pub(crate) use tests::scripted::Heard;

/// A test that takes longer has failed: it waits for something that does not come.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

thread_local! {
    /// What moves the bytes of this test's clients.
    static TASKS: RefCell<Vec<Task<()>>> = const { RefCell::new(Vec::new()) };
}

/// Moves a client's bytes until the test has ended.
pub(crate) fn spawn(drive: Drive) {
    TASKS.with_borrow_mut(|tasks| tasks.push(smol::spawn(drive)));
}

/// Runs a test to its end, or fails it after half a minute.
pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let too_late = async {
        Timer::after(TEST_TIMEOUT).await;
        panic!("the test still waits after {TEST_TIMEOUT:?}");
    };
    // The bound is looked at first: a test that only goes on when the timer wakes it has failed too.
    smol::block_on(or(too_late, test));
    // A client that went on would look for its broker at a port that another test may have by then.
    for task in TASKS.take() {
        smol::block_on(task.cancel());
    }
}

/// Calls a client's callbacks until the test has ended.
pub(crate) fn spawn_run(client: &Client) {
    let client = client.clone();
    let run = async move {
        // A client that is disconnected in the end is no fault of the test.
        let _ = client.run().await;
    };
    TASKS.with_borrow_mut(|tasks| tasks.push(smol::spawn(run)));
}

/// A broker of the test's own.
pub(crate) fn start_broker() -> broker::Running {
    broker::start("127.0.0.1:0").expect("there is a free port")
}

/// Options for a client of that name with a persistent session; attempts to connect follow quickly.
pub(crate) fn persistent(broker: &broker::Handle, name: &str) -> Options {
    clean(broker, name).clean_session(false)
}

/// Options for a client of that name whose session ends with its connection.
pub(crate) fn clean(broker: &broker::Handle, name: &str) -> Options {
    Options::from_url(&broker.url())
        .expect("a good URL")
        .client_id(name)
        .reconnect_after(Duration::from_millis(20))
}

pub(crate) async fn try_connect(options: Options) -> Result<Client, ConnectError> {
    mqtt_smol::connect(options, spawn).await
}

/// A client that is online.
pub(crate) async fn connect(options: Options) -> Client {
    try_connect(options).await.expect("the server accepts")
}

/// A client that is online, and the task that moves its bytes.
pub(crate) async fn connect_with_task(options: Options) -> (Client, Task<()>) {
    let mut task = None;
    let connected = mqtt_smol::connect(options, |drive| task = Some(smol::spawn(drive))).await;
    (connected.expect("the server accepts"), task.expect("the driver was handed over"))
}

/// A server that answers each packet with what a test has scripted, whatever the packet says.
pub(crate) struct ScriptedServer {
    pub(crate) port: u16,
    heard: channel::Receiver<Heard>,
}

impl ScriptedServer {
    /// For each connection, in their order: what is answered to the client's first packet, its second, and so on.
    pub(crate) fn start(scripts: &[&[&[u8]]]) -> ScriptedServer {
        let (sender, heard) = channel::unbounded();
        // A test that has ended receives nothing more.
        let port = scripted::serve(scripts, move |heard| drop(sender.send_blocking(heard)));
        ScriptedServer { port, heard }
    }

    pub(crate) fn options(&self, version: Version) -> Options {
        scripted::options(self.port, version).network_timeout(Duration::from_millis(1500))
    }

    /// What comes next from the clients.
    pub(crate) async fn heard(&self) -> Heard {
        self.heard.recv().await.expect("the server has a script for one more connection")
    }

    /// Waits for a packet of that kind, by its first byte, and passes over what comes before.
    pub(crate) async fn heard_packet(&self, first_byte: u8) -> Vec<u8> {
        loop {
            match self.heard().await {
                Heard::Packet(packet) if packet[0] == first_byte => return packet,
                Heard::Packet(_) => {}
                Heard::Closed => panic!("the client has closed before it said {first_byte:#04x}"),
            }
        }
    }
}
