//! What the broker's clients do, as it happens, and a summary: live on a terminal, elsewhere at the end.

use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use mqtt_smol::broker::{Event, Events, Handle, Stats};
use smol::Timer;
use smol::future::or;

use super::screen::Screen;
use super::text::line;

/// Writes lines about a broker.
#[derive(Debug)]
pub(crate) struct Report<W> {
    screen: Screen<W>,
    is_quiet: bool,
}

/// What comes next.
enum Next {
    Event(Event),
    Second,
    End,
}

impl<W: Write> Report<W> {
    pub(crate) fn new(screen: Screen<W>, is_quiet: bool) -> Report<W> {
        Report { screen, is_quiet }
    }

    /// Follows a broker until it ends.
    pub(crate) fn follow(mut self, broker: &Handle) {
        let mut events = broker.events();
        let (mut before, mut looked_at) = (broker.stats(), Instant::now());
        let is_live = self.screen.is_terminal() && !self.is_quiet;
        loop {
            match smol::block_on(next(&mut events, is_live.then(|| looked_at + SECOND))) {
                Next::Event(event) => {
                    if let Some(line) = line(&event, SystemTime::now()) {
                        self.screen.line(&line);
                    }
                }
                Next::Second => {
                    let (now, stats) = (Instant::now(), broker.stats());
                    self.screen.status(&live(&before, &stats, now - looked_at));
                    (before, looked_at) = (stats, now);
                }
                Next::End => break,
            }
        }
        self.screen.clear();
        if !self.is_quiet {
            self.screen.line(&total(&broker.stats()));
        }
    }
}

/// The next event, or the time at which the summary is due; that comes first when both are there.
async fn next(events: &mut Events, due: Option<Instant>) -> Next {
    let second = async {
        match due {
            Some(due) => Timer::at(due).await,
            None => smol::future::pending().await,
        };
        Next::Second
    };
    or(second, async { events.next().await.map_or(Next::End, Next::Event) }).await
}

const SECOND: Duration = Duration::from_secs(1);

fn live(before: &Stats, stats: &Stats, time: Duration) -> String {
    let rate = |before: u64, now: u64| ((now - before) as f64 / time.as_secs_f64()).round();
    format!(
        "{} connections, {}/s in, {}/s out, {} subscriptions, {} retained, {} bytes queued",
        stats.sessions_online,
        rate(before.messages_in, stats.messages_in),
        rate(before.messages_out, stats.messages_out),
        stats.subscriptions,
        stats.retained,
        stats.queued_bytes
    )
}

fn total(stats: &Stats) -> String {
    format!(
        "mqtt: {} connections, {} refused; {} messages in, {} out; {} sessions, {} subscriptions, {} retained, \
         {} bytes queued",
        stats.connections_opened,
        stats.connections_refused,
        stats.messages_in,
        stats.messages_out,
        stats.sessions,
        stats.subscriptions,
        stats.retained,
        stats.queued_bytes
    )
}

#[cfg(test)]
mod tests;
