//! What the tests share: a bound on their time, clients, and a server that says what a test tells it to.

use std::cell::RefCell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use mqtt_proto::frame_len;
use mqtt_smol::{Client, ConnectError, Drive, Options, Version, broker};
use smol::future::or;
use smol::{Task, Timer, channel};

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

/// Options for a client of that name whose session the server keeps; attempts to connect follow quickly.
pub(crate) fn kept(broker: &broker::Handle, name: &str) -> Options {
    clean(broker, name).clean_session(false)
}

/// The same for a session that ends with its connection.
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

/// A server that answers each packet with what it was told to, whatever the packet says.
pub(crate) struct ScriptedServer {
    pub(crate) port: u16,
    heard: channel::Receiver<Heard>,
}

/// What a server heard from its clients.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Packet(Vec<u8>),
    /// The client has closed the connection.
    Closed,
}

impl ScriptedServer {
    /// For each connection, in their order: what is said after the client's first packet, its second, and so on.
    pub(crate) fn start(scripts: &[&[&[u8]]]) -> ScriptedServer {
        let scripts: Vec<Vec<Vec<u8>>> =
            scripts.iter().map(|script| script.iter().map(|answer| answer.to_vec()).collect()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        let (sender, heard) = channel::unbounded();
        thread::spawn(move || {
            for script in scripts {
                let Ok((stream, _)) = listener.accept() else { return };
                converse(stream, &script, &sender);
            }
        });
        ScriptedServer { port, heard }
    }

    pub(crate) fn options(&self, version: Version) -> Options {
        Options::new("127.0.0.1")
            .port(self.port)
            .client_id("c")
            .version(version)
            .reconnect_after(Duration::from_millis(20))
            .network_timeout(Duration::from_millis(1500))
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

fn converse(mut stream: TcpStream, script: &[Vec<u8>], heard: &channel::Sender<Heard>) {
    let mut answers = script.iter();
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        said.extend_from_slice(&chunk[..len]);
        while let Ok(Some(len)) = frame_len(&said, u32::MAX) {
            if said.len() < len {
                break;
            }
            let rest = said.split_off(len);
            // A test that has ended listens no more.
            let _ = heard.send_blocking(Heard::Packet(std::mem::replace(&mut said, rest)));
            if let Some(answer) = answers.next() {
                let _ = stream.write_all(answer);
            }
        }
    }
    let _ = heard.send_blocking(Heard::Closed);
}
