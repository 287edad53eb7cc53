//! No queue grows beyond its bound.

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
    }
    violations
}
