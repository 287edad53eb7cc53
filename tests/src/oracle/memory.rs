//! No queue grows beyond its bound, and nothing leaks.

use crate::scenario::Kind;
use crate::story::Story;

/// The most that was seen to wait is within what the options allow.
pub fn check(story: &Story) -> Vec<String> {
    let mut violations = Vec::new();
    for (client, (plan, end)) in story.scenario.clients.iter().zip(&story.ends).enumerate() {
        let config = &plan.options.config;
        // What is sent anew after a lost session was in the window before.
        let window = config.in_flight_max.map_or(1024, |max| usize::from(max.get()));
        let most = config.queue_messages_max + window;
        if end.queued_most > most {
            violations.push(format!("client {client} let {} messages wait, {most} allowed", end.queued_most));
        }
        let leaks = end.disagreements.iter().map(|text| format!("the books of client {client}: {text}"));
        violations.extend(leaks);
        let bytes_max = plan.options.incoming_bytes_max + READ_SIZE_MAX;
        if end.waiting_most > bytes_max {
            let (most, bytes) = (end.waiting_most, plan.options.incoming_bytes_max);
            violations.push(format!("client {client} let {most} bytes wait to be taken, {bytes} allowed"));
        }
        // Whoever takes each message when it comes loses none, however small the bound is.
        let takes_at_once = plan.reads_within.is_zero()
            && !plan.sleeps
            && !plan.changes_mind
            && !plan.dies
            && plan.takers.iter().all(|taker| taker.kind == Kind::Stream && !taker.is_late);
        if takes_at_once && end.stats.messages_dropped > 0 {
            violations.push(format!("client {client} dropped messages of a reader that takes each"));
        }
    }
    violations
}

/// What may come at once before it is seen that there is no more room, with what each message counts beside its packet.
const READ_SIZE_MAX: usize = 256 * 1024;
