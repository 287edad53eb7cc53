//! What the guide to runtimes of one's own promises.

use mqtt_client::{ConnectionEvent, Options, Publish, QoS, Subscribe};

use crate::scenario::{ALL_QOS, TOO_LONG};

#[test]
fn each_qos_arrives_before_and_after_a_cut() {
    let broker = mqtt_smol::broker::start("127.0.0.1:0").expect("there is a free port");
    let options = Options::from_url(&broker.url()).expect("a good URL");
    let options = options.client_id("own").clean_session(false).reconnect_after(TOO_LONG / 1000);
    let client = super::client(options).expect("good options");
    let mut events = client.events();
    client.connect().expect("it is idle").wait_for(TOO_LONG).expect("in time").expect("accepted");
    let subscribe = Subscribe::new("own/#").qos(QoS::ExactlyOnce);
    let mut messages = client.subscribe(subscribe).expect("accepted");
    assert_eq!(messages.wait_granted(), Ok(QoS::ExactlyOnce));
    for round in ["before", "after"] {
        for qos in ALL_QOS {
            let topic = format!("own/{qos}");
            let publish = Publish::new(&topic, round).qos(qos);
            let token = client.publish(publish).expect("accepted");
            token.wait_for(TOO_LONG).expect("in time").expect("published");
            let message = messages.wait_next_for(TOO_LONG).expect("in time").expect("the stream goes on");
            assert_eq!((message.topic(), message.payload()), (&*topic, round.as_bytes()));
        }
        if round == "before" {
            assert!(broker.cut("own"));
            let is_over = |event: &ConnectionEvent| matches!(event, ConnectionEvent::Offline { .. });
            while !is_over(&events.wait_next().expect("events go on")) {}
        }
    }
    assert_eq!(client.stats().disconnections, 1);
    client.disconnect().expect("it is online").wait_for(TOO_LONG).expect("it disconnects");
}

/// Each piece of code in the guide stands in the file that is tested, to the letter.
#[test]
fn the_guide_shows_what_is_tested() {
    let guide = include_str!("../../../docs/your-own-runtime.md");
    let source = include_str!("../own_runtime.rs");
    let blocks: Vec<&str> = guide.split("```rust,ignore\n").skip(1).collect();
    let mut shown = 0;
    for block in blocks {
        let (block, _) = block.split_once("```").expect("each block ends");
        assert!(source.contains(block), "this is not in own_runtime.rs:\n{block}");
        shown += block.lines().filter(|line| !line.is_empty()).count();
    }
    let imports = source.find("/// The runtime of one client").expect("it is there");
    let code = source[imports..].lines().filter(|line| !line.is_empty()).count();
    // All of it, but for the declaration of this module.
    assert_eq!(shown, code - 2);
}
