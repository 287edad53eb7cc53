//! Clients of mqtt-std share threads: many at once, and what one does to its thread harms no other.

use std::thread;

use mqtt_smol::{Options, Publish, QoS, Subscribe, broker};

use crate::scenario::TOO_LONG;

fn options(broker: &broker::Handle, name: &str) -> Options {
    Options::from_url(&broker.url()).expect("a good URL").client_id(name)
}

#[test]
fn two_hundred_clients_talk_over_a_handful_of_threads() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    let clients: Vec<_> = (0..200)
        .map(|number| mqtt_std::connect(options(&broker, &format!("c{number}"))).expect("accepted"))
        .collect();
    let mut streams: Vec<_> = clients
        .iter()
        .map(|client| {
            let topic = format!("to/{}", client.client_id());
            let mut messages =
                client.subscribe(Subscribe::new(&topic).qos(QoS::ExactlyOnce)).expect("accepted");
            messages.wait_granted().expect("granted");
            messages
        })
        .collect();
    thread::scope(|scope| {
        for (number, client) in clients.iter().enumerate() {
            let topic = format!("to/c{}", (number + 7) % clients.len());
            scope.spawn(move || {
                for text in ["1", "2", "3"] {
                    let token =
                        client.publish(Publish::new(&topic, text).qos(QoS::ExactlyOnce)).expect("accepted");
                    token.wait_for(TOO_LONG).expect("in time").expect("published");
                }
            });
        }
    });
    for messages in &mut streams {
        for text in ["1", "2", "3"] {
            let message = messages.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
            assert_eq!(message.payload(), text.as_bytes());
        }
    }
}

#[test]
fn code_of_one_application_that_panics_takes_its_own_client_only() {
    let broker = broker::start("127.0.0.1:0").expect("there is a free port");
    // As many as there are threads and more, so that one shares its thread with the one that panics.
    let others: Vec<_> = (0..64)
        .map(|number| mqtt_std::connect(options(&broker, &format!("other{number}"))).expect("accepted"))
        .collect();
    let faulty = options(&broker, "faulty").credentials_from(|| panic!("the application's own fault"));
    let error = mqtt_std::connect(faulty).expect_err("nobody is left who could connect");
    assert_eq!(error.kind(), mqtt_smol::ConnectErrorKind::DriverGone, "{error}");
    for client in &others {
        let token = client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)).expect("accepted");
        token.wait_for(TOO_LONG).expect("in time").expect("published");
    }
}
