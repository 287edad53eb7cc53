//! The same through clients of others: a task for each event loop, and one that publishes.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_smol::QoS;
use tokio::runtime::{Builder, Runtime};

use crate::shape::{Figure, Shape, Stopwatch, TOPIC, UNACKNOWLEDGED_MAX, Window};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn default() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// A module that measures a crate of the rumqttc family; they differ in the names of what they export.
macro_rules! rumqttc {
    ($name:ident, $one_thread:ident, $default:ident, $krate:ident, $($path:ident)::+, $levels:path,
     |$client_id:ident, $port:ident| $new:expr,
     |$client:ident, $level:ident, $payload:ident| $publish:expr) => {
        pub(crate) fn $one_thread(shape: &Shape) -> Figure {
            $name::run(shape, &one_thread())
        }

        pub(crate) fn $default(shape: &Shape) -> Figure {
            $name::run(shape, &default())
        }

        mod $name {
            use super::*;
            use $($path)::+::{AsyncClient, Event, EventLoop, Incoming};
            use $levels as Level;

            pub(super) fn run(shape: &Shape, runtime: &Runtime) -> Figure {
                let shape = *shape;
                runtime.block_on(async move {
                    let (publisher, publisher_events) = connect("publisher", shape.port).await;
                    let (subscriber, mut events) = connect("subscriber", shape.port).await;
                    let level = [Level::AtMostOnce, Level::AtLeastOnce, Level::ExactlyOnce]
                        [usize::from(shape.qos.bits())];
                    subscriber.subscribe(TOPIC, level).await.expect("it takes it");
                    while !matches!(events.poll().await, Ok(Event::Incoming(Incoming::SubAck(_)))) {}
                    let (under_way, unacknowledged) = (Window::under_way(), Window::unacknowledged());
                    let watch = Stopwatch::start();
                    let ends = tokio::spawn(until_ended(publisher_events, shape, Arc::clone(&unacknowledged)));
                    tokio::spawn(publish(publisher.clone(), shape, level, Arc::clone(&under_way), unacknowledged));
                    under_way.or_stalled(receive(&mut events, &shape, &under_way)).await;
                    ends.await.expect("all are acknowledged");
                    watch.stop(&shape, shape.count - under_way.ended())
                })
            }

            async fn connect($client_id: &str, $port: u16) -> (AsyncClient, EventLoop) {
                let (client, mut events) = $new;
                while !matches!(events.poll().await, Ok(Event::Incoming(Incoming::ConnAck(_)))) {}
                (client, events)
            }

            async fn publish(
                $client: AsyncClient,
                shape: Shape,
                $level: Level,
                under_way: Arc<Window>,
                unacknowledged: Arc<Window>,
            ) {
                let payload = Bytes::from(vec![7; shape.size]);
                for _message in 0..shape.count {
                    under_way.begin().await;
                    if shape.qos != QoS::AtMostOnce {
                        unacknowledged.begin().await;
                    }
                    let $payload = payload.clone();
                    $publish.await.expect("it takes it");
                }
            }

            /// Moves the bytes of the publisher, and notes what is acknowledged.
            async fn until_ended(mut events: EventLoop, shape: Shape, unacknowledged: Arc<Window>) {
                let mut written = 0;
                while unacknowledged.ended() + written < shape.count {
                    match (shape.qos, events.poll().await.expect("mosquitto stays")) {
                        (QoS::AtMostOnce, Event::Outgoing($krate::Outgoing::Publish(_))) => written += 1,
                        (QoS::AtLeastOnce, Event::Incoming(Incoming::PubAck(_)))
                        | (QoS::ExactlyOnce, Event::Incoming(Incoming::PubComp(_))) => unacknowledged.end(),
                        _ => {}
                    }
                }
                // The last may be in a buffer that the loop has yet to write.
                if shape.qos == QoS::AtMostOnce {
                    tokio::spawn(async move { while events.poll().await.is_ok() {} });
                }
            }

            async fn receive(events: &mut EventLoop, shape: &Shape, under_way: &Window) {
                while under_way.ended() < shape.count {
                    if let Event::Incoming(Incoming::Publish(publish)) = events.poll().await.expect("mosquitto stays")
                    {
                        assert_eq!(publish.payload.len(), shape.size);
                        under_way.end();
                    }
                }
            }
        }
    };
}

rumqttc!(
    v4,
    rumqttc_v4_one_thread,
    rumqttc_v4_default,
    rumqttc,
    rumqttc,
    rumqttc::QoS,
    |client_id, port| {
        let options = rumqttc::MqttOptions::new(client_id, "127.0.0.1", port);
        AsyncClient::new(options, UNACKNOWLEDGED_MAX)
    },
    |client, level, payload| client.publish_bytes(TOPIC, level, false, payload)
);

rumqttc!(
    v5,
    rumqttc_v5_one_thread,
    rumqttc_v5_default,
    rumqttc,
    rumqttc::v5,
    rumqttc::v5::mqttbytes::QoS,
    |client_id, port| {
        let options = rumqttc::v5::MqttOptions::new(client_id, "127.0.0.1", port);
        AsyncClient::new(options, UNACKNOWLEDGED_MAX)
    },
    |client, level, payload| client.publish_bytes(TOPIC, level, false, payload)
);

rumqttc!(
    next,
    rumqttc_next_one_thread,
    rumqttc_next_default,
    rumqttc_next,
    rumqttc_next,
    rumqttc_next::QoS,
    |client_id, port| {
        let mut options = rumqttc_next::MqttOptions::new(client_id, ("127.0.0.1", port));
        options.set_max_request_batch(64);
        AsyncClient::builder(options).capacity(UNACKNOWLEDGED_MAX).build()
    },
    |client, level, payload| client.publish(TOPIC, payload, rumqttc_next::PublishOptions::new(level))
);
