//! The programs that are killed: one publishes, one counts what comes.

use std::collections::VecDeque;
use std::io::{BufRead, Write};
use std::pin::pin;
use std::time::Duration;

use futures_lite::future::{block_on, or};
use mqtt_client::{Client, Options, Publication, Publish, PublishToken, QoS, Subscribe};

/// Messages that are under way at once.
const UNDER_WAY: usize = 20;

pub(crate) fn run(role: &str, adapter: &str, url: &str, file: &str) {
    let store = mqtt_store_redb::open(file).expect("the store is good");
    let options = Options::from_url(url).expect("it is a URL");
    let options = options
        .client_id(role)
        .clean_session(false)
        .retry_first(true)
        .reconnect_after(Duration::ZERO)
        .network_timeout(Duration::from_secs(60))
        .store(store.clone());
    let body = async |client: Client| match role {
        "publisher" => publish(&client).await,
        _ => count(&client).await,
    };
    match adapter {
        "smol" => {
            let (client, drive) = mqtt_smol::client(options).expect("the options are valid");
            smol::spawn(drive).detach();
            smol::block_on(body(client));
        }
        "tokio" => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("it starts");
            runtime.block_on(async {
                let (client, drive) = mqtt_tokio::client(options).expect("the options are valid");
                drop(tokio::spawn(drive));
                body(client).await;
            });
        }
        _ => block_on(body(mqtt_std::client(options).expect("the options are valid"))),
    }
    store.flush().expect("the disk is good");
    say("end", 0);
}

fn say(what: &str, number: u64) {
    let mut out = std::io::stdout().lock();
    // Whoever listens may be gone already.
    let _ = writeln!(out, "{what} {number}").and_then(|()| out.flush());
}

/// Ready once standard input has ended: no more is to be begun.
async fn told_to_end() {
    let wait = || std::io::stdin().lock().lines().for_each(drop);
    smol::unblock(wait).await;
}

/// Publishes numbers from where the last program was, odd ones with QoS 1, even ones with QoS 2.
async fn publish(client: &Client) {
    drop(client.connect().expect("it is accepted"));
    let done = client.stored_value("done").map_or(0, |value| number(&value));
    let known = client.publications().iter().filter_map(|key| key.parse().ok()).max();
    let mut next = known.unwrap_or(0).max(done) + 1;
    let mut keys: Vec<u64> = client.publications().iter().filter_map(|key| key.parse().ok()).collect();
    keys.sort_unstable();
    let mut open: VecDeque<(u64, Publication)> =
        keys.into_iter().map(|n| (n, client.publication(&n.to_string()).expect("it is known"))).collect();
    let mut end = pin!(told_to_end());
    let mut is_ending = false;
    let mut stored: VecDeque<(u64, PublishToken)> = VecDeque::new();
    while !is_ending || !open.is_empty() {
        if !is_ending && open.len() < UNDER_WAY {
            let (text, qos) =
                (next.to_string(), if next % 2 == 0 { QoS::ExactlyOnce } else { QoS::AtLeastOnce });
            let message = Publish::new("crash/n", text.clone()).qos(qos).key(&text);
            stored.push_back((next, client.publish(message).expect("it is accepted")));
            open.push_back((next, client.publication(&text).expect("it is known")));
            next += 1;
            continue;
        }
        while let Some((n, token)) = stored.pop_front() {
            token.stored().await.expect("the disk is good");
            say("stored", n);
        }
        let Some((n, publication)) = open.pop_front() else { break };
        let ended = async { Some(publication.await.expect("it goes on")) };
        let told = async {
            if is_ending {
                std::future::pending::<()>().await;
            }
            end.as_mut().await;
            None
        };
        // The end is looked at first: there is always some message that has ended.
        match or(told, ended).await {
            Some(_) => {
                client.store_value("done", n.to_string()).expect("there is a store");
                client.forget(&n.to_string());
                say("done", n);
            }
            None => {
                is_ending = true;
                open.push_front((n, client.publication(&n.to_string()).expect("it is known")));
            }
        }
    }
    client.disconnect().expect("it is connected").await;
}

/// Counts each number that comes, together with its acknowledgement.
async fn count(client: &Client) {
    let subscribe = Subscribe::new("crash/#").qos(QoS::ExactlyOnce);
    drop(client.connect().expect("it is accepted"));
    let mut numbers = client.subscribe(subscribe).expect("it is accepted");
    numbers.granted().await.expect("it is granted");
    say("granted", 0);
    let counting = async {
        while let Some(mut held) = numbers.next_held().await {
            let n = number(held.payload());
            let key = format!("seen {n}");
            let count = client.stored_value(&key).map_or(0, |value| number(&value)) + 1;
            held.acknowledge_with(&key, count.to_string()).expect("there is a store");
            say("seen", n);
        }
    };
    or(counting, told_to_end()).await;
    client.disconnect().expect("it is connected").await;
}

fn number(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).expect("it is a number")
}
