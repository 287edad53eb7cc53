//! Our client and mosquitto's clients, ready to be used in a test.

use std::cell::RefCell;
use std::future::Future;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use mqtt_smol::{Client, Drive, Message, Options, QoS, Subscription, Version};
use smol::future::or;
use smol::{Task, Timer};

use crate::server::{Mosquitto, command};

/// The versions that both sides speak.
pub(crate) const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];

/// All qualities of service.
pub(crate) const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// A test that takes longer has failed: it waits for something that does not come.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a test to its end, or fails it after a minute.
pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let too_late = async {
        Timer::after(TEST_TIMEOUT).await;
        panic!("the test still waits after {TEST_TIMEOUT:?}");
    };
    // The bound is looked at first: a test that only goes on when the timer wakes it has failed too.
    smol::block_on(or(too_late, test));
    // A client that went on would look for its server at a port that another test may have by then.
    for task in TASKS.take() {
        smol::block_on(task.cancel());
    }
}

/// Options for a client of that name; waits between attempts to connect are short.
pub(crate) fn options(server: &Mosquitto, name: &str, version: Version) -> Options {
    Options::from_url(&server.url())
        .expect("a good URL")
        .client_id(name)
        .version(version)
        .reconnect_after(Duration::from_millis(50))
}

/// A client that is online.
pub(crate) async fn connect(options: Options) -> Client {
    mqtt_smol::connect(options, spawn).await.expect("the server accepts")
}

thread_local! {
    /// What moves the bytes of this test's clients.
    static TASKS: RefCell<Vec<Task<()>>> = const { RefCell::new(Vec::new()) };
}

/// Moves a client's bytes until the test has ended.
pub(crate) fn spawn(drive: Drive) {
    TASKS.with_borrow_mut(|tasks| tasks.push(smol::spawn(drive)));
}

/// A client that is online, and the task that moves its bytes.
pub(crate) async fn connect_with_task(options: Options) -> (Client, Task<()>) {
    let mut task = None;
    let connected = mqtt_smol::connect(options, |drive| task = Some(smol::spawn(drive))).await;
    (connected.expect("the server accepts"), task.expect("the driver was handed over"))
}

/// The next message, as topic, payload and QoS.
pub(crate) async fn next(subscription: &mut Subscription) -> (String, Vec<u8>, QoS) {
    parts(&subscription.next().await.expect("the subscription goes on"))
}

pub(crate) fn parts(message: &Message) -> (String, Vec<u8>, QoS) {
    (message.topic().into(), message.payload().into(), message.qos())
}

/// A mosquitto_sub whose subscription is granted, and that ends with the first message.
pub(crate) struct MosquittoSub(Child);

impl MosquittoSub {
    pub(crate) fn start(server: &Mosquitto, version: Version, filter: &str, qos: QoS) -> MosquittoSub {
        let process = command("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &server.port.to_string(), "-i", "mosquitto-sub"])
            .args(["-V", version_name(version), "-t", filter, "-q", &qos.to_string()])
            .args(["-C", "1", "-F", "%t %q %r %p"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub can be started");
        server.wait_for_log("Sending SUBACK to mosquitto-sub");
        MosquittoSub(process)
    }

    /// The message as topic, QoS, retain flag and payload.
    pub(crate) fn message(mut self) -> String {
        let mut output = String::new();
        let mut stdout = self.0.stdout.take().expect("it is piped");
        stdout.read_to_string(&mut output).expect("mosquitto_sub writes text");
        output.trim_end().into()
    }
}

impl Drop for MosquittoSub {
    fn drop(&mut self) {
        // It has ended by itself after its message.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs mosquitto_pub to its end.
pub(crate) fn mosquitto_pub(server: &Mosquitto, version: Version, topic: &str, qos: QoS, more: &[&str]) {
    let status = command("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &server.port.to_string()])
        .args(["-V", version_name(version), "-t", topic, "-q", &qos.to_string()])
        .args(more)
        .status()
        .expect("mosquitto_pub can be started");
    assert!(status.success(), "mosquitto_pub ended with {status}");
}

pub(crate) fn version_name(version: Version) -> &'static str {
    match version {
        Version::V3_1 => "mqttv31",
        Version::V3_1_1 => "mqttv311",
        Version::V5_0 => "mqttv5",
    }
}
