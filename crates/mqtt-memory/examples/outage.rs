//! A program with a bug that only an outage shows, the test that finds it, and the program without it:
//! `cargo run --example outage`.
//!
//! A meter counts what flows and reports the sum once a second, so that a bill can be made of it. The first version
//! believes that a report which was accepted has arrived.

use std::error::Error;
use std::time::Duration;

use mqtt_memory::{Client, Options, Publish, QoS, Subscribe, World};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One report a second, for a minute. The bug: a report is sent with QoS 0 and forgotten.
async fn hasty_meter(world: World, client: Client) -> Outcome<()> {
    for litres in 1..=60 {
        drop(client.publish(Publish::new("meter/7", litres.to_string()))?);
        world.sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// The meter with QoS 1, which ends only when the broker has all reports.
async fn careful_meter(world: World, client: Client) -> Outcome<()> {
    let mut reports = Vec::new();
    for litres in 1..=60 {
        let report = Publish::new("meter/7", litres.to_string()).qos(QoS::AtLeastOnce);
        reports.push(client.publish(report)?);
        world.sleep(Duration::from_secs(1)).await;
    }
    for report in reports {
        report.await?;
    }
    Ok(())
}

/// Runs a meter through what the seed has in store, and says which reports the bill knows of.
fn bill<F: Future<Output = Outcome<()>> + 'static>(
    seed: u64,
    meter: impl FnOnce(World, Client) -> F,
) -> Outcome<usize> {
    let world = World::new(seed);
    let options = |name: &str| Options::new("broker").client_id(name).clean_session(false).retry_first(true);
    let known = world.run_until(async {
        let office = world.connect(options("office")).await?;
        let mut inbox = office.subscribe(Subscribe::new("meter/+").qos(QoS::AtLeastOnce))?;
        inbox.granted().await?;
        let meter = world.spawn(meter(world.clone(), world.connect(options("meter")).await?));
        world.sleep(Duration::from_secs(20)).await;
        world.partition("meter", true);
        world.sleep(Duration::from_secs(15)).await;
        world.partition("meter", false);
        meter.await?;
        // From here on nothing goes wrong any more, and what is to arrive arrives.
        world.heal();
        world.sleep(Duration::from_secs(300)).await;
        let mut known: Vec<Vec<u8>> = Vec::new();
        while let Some(report) = inbox.try_next() {
            known.push(report.payload().into());
        }
        known.sort_unstable();
        known.dedup();
        Ok::<usize, Box<dyn Error>>(known.len())
    })??;
    Ok(known)
}

fn main() -> Outcome<()> {
    for seed in 1..=20 {
        let (hasty, careful) = (bill(seed, hasty_meter)?, bill(seed, careful_meter)?);
        println!(
            "seed {seed:>2}: the hasty meter's bill has {hasty} of 60 reports, the careful one's {careful}"
        );
    }
    Ok(())
}

#[test]
fn an_outage_shows_the_bug_of_the_hasty_meter() {
    let shortest = (1..=20).filter_map(|seed| bill(seed, hasty_meter).ok()).min();
    assert!(shortest.is_some_and(|known| known < 60), "{shortest:?}");
}

#[test]
fn the_careful_meter_loses_nothing() {
    for seed in 1..=20 {
        assert_eq!(bill(seed, careful_meter).expect("it ends"), 60, "seed {seed}");
    }
}
