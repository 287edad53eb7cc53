//! This project's client on each of its adapters, with default options: one client publishes, another one subscribes.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_lite::future::{block_on, zip};
use mqtt_client::{Client, Options, Publish, QoS, Subscribe, Subscription};

use crate::shape::{Figure, Shape, Stopwatch, TOPIC, UNACKNOWLEDGED_MAX, Window};

/// All in one thread of tokio.
pub(crate) fn tokio_one_thread(shape: &Shape) -> Figure {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    counted(|| on_tokio(shape, &runtime))
}

/// On the runtime that `#[tokio::main]` makes.
pub(crate) fn tokio_default(shape: &Shape) -> Figure {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    on_tokio(shape, &runtime)
}

fn on_tokio(shape: &Shape, runtime: &tokio::runtime::Runtime) -> Figure {
    let shape = *shape;
    runtime.block_on(async move {
        let pair = Pair::connect(&shape, |options| {
            let (client, drive) = mqtt_tokio::client(options).expect("good options");
            tokio::spawn(drive);
            client
        })
        .await;
        pair.run(shape, |publish| drop(tokio::spawn(publish))).await
    })
}

/// On smol's global executor.
pub(crate) fn smol_global(shape: &Shape) -> Figure {
    let shape = *shape;
    smol::block_on(async move {
        let pair = Pair::connect(&shape, |options| {
            let (client, drive) = mqtt_smol::client(options).expect("good options");
            smol::spawn(drive).detach();
            client
        })
        .await;
        pair.run(shape, |publish| smol::spawn(publish).detach()).await
    })
}

/// A thread publishes and this one receives; the adapter has threads of its own.
pub(crate) fn std_threads(shape: &Shape) -> Figure {
    let shape = *shape;
    block_on(async move {
        let pair = Pair::connect(&shape, |options| mqtt_std::client(options).expect("good options")).await;
        let spawn = |publish| drop(std::thread::spawn(move || block_on(publish)));
        pair.run(shape, spawn).await
    })
}

/// All in one thread, without a runtime.
pub(crate) fn std_this_thread(shape: &Shape) -> Figure {
    let shape = *shape;
    let mut thread = mqtt_std::ThisThread::new().expect("descriptors");
    let clients = thread.clients();
    counted(|| {
        thread.block_on(async move {
            let pair = Pair::connect(&shape, |options| clients.client(options).expect("good options")).await;
            pair.run_together(shape).await
        })
    })
}

/// Counts allocations of this thread, on which everything happens, with those of the two connections in it.
fn counted(run: impl FnOnce() -> Figure) -> Figure {
    let mut figure = None;
    let counted = allocation_counter::measure(|| figure = Some(run()));
    let figure = figure.expect("it has run");
    Figure { allocations: Some(counted.count_total as f64 / figure.messages as f64), ..figure }
}

/// Two clients that are connected, and the messages of the second.
struct Pair {
    publisher: Client,
    _subscriber: Client,
    messages: Subscription,
}

impl Pair {
    async fn connect(shape: &Shape, client: impl Fn(Options) -> Client) -> Pair {
        let options = || Options::new("127.0.0.1").port(shape.port);
        let (publisher, subscriber) = (client(options()), client(options()));
        for client in [&publisher, &subscriber] {
            client.connect().expect("accepted").await.expect("mosquitto accepts");
        }
        let mut messages = subscriber.subscribe(Subscribe::new(TOPIC).qos(shape.qos)).expect("accepted");
        messages.granted().await.expect("granted");
        Pair { publisher, _subscriber: subscriber, messages }
    }

    /// Publishes in a task of its own, and receives here.
    async fn run(self, shape: Shape, spawn: impl FnOnce(Spawned)) -> Figure {
        let Pair { publisher, _subscriber, messages } = self;
        let under_way = Window::under_way();
        let (done, is_done) = async_channel::bounded(1);
        let watch = Stopwatch::start();
        let to_come = Arc::clone(&under_way);
        spawn(Box::pin(async move {
            publish(&publisher, &shape, &to_come).await;
            // Nobody may be left who waits for it.
            let _ = done.send(publisher).await;
        }));
        receive(messages, &shape, &under_way).await;
        let _publisher = is_done.recv().await;
        watch.stop(&shape, shape.count - under_way.ended())
    }

    /// Publishes and receives in one task.
    async fn run_together(self, shape: Shape) -> Figure {
        let Pair { publisher, _subscriber, messages } = self;
        let under_way = Window::under_way();
        let watch = Stopwatch::start();
        zip(publish(&publisher, &shape, &under_way), receive(messages, &shape, &under_way)).await;
        watch.stop(&shape, shape.count - under_way.ended())
    }
}

type Spawned = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands messages over one by one. At QoS 0 nothing is awaited but room; otherwise the oldest of many is.
async fn publish(client: &Client, shape: &Shape, under_way: &Window) {
    let payload = Bytes::from(vec![7; shape.size]);
    let mut tokens = VecDeque::with_capacity(UNACKNOWLEDGED_MAX);
    for _message in 0..shape.count {
        under_way.begin().await;
        if tokens.len() == UNACKNOWLEDGED_MAX {
            let oldest: mqtt_client::PublishToken = tokens.pop_front().expect("there are many");
            oldest.await.expect("published");
        }
        let token = client.publish(Publish::new(TOPIC, payload.clone()).qos(shape.qos)).expect("accepted");
        if shape.qos != QoS::AtMostOnce {
            tokens.push_back(token);
        }
    }
    for token in tokens {
        token.await.expect("published");
    }
}

async fn receive(mut messages: Subscription, shape: &Shape, under_way: &Window) {
    let receive = async {
        while under_way.ended() < shape.count {
            let message = messages.next().await.expect("the client is there");
            assert_eq!(message.payload().len(), shape.size);
            under_way.end();
        }
    };
    under_way.or_stalled(receive).await;
}
