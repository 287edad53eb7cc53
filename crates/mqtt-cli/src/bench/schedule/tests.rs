//! What each client is to start, and when.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn plan(rate: Option<f64>) -> Plan {
    Plan { rate, clients: 1, warm_up: Duration::ZERO, count: None, duration: None }
}

/// Everything that all clients start if there is always room, as milliseconds after the start.
fn started(plan: Plan) -> Vec<(u128, bool)> {
    let start = Instant::now();
    let schedule = Schedule::new(plan, start);
    let mut all = Vec::new();
    for client in 0..plan.clients {
        let mut course = Course::new(&schedule, client);
        let mut now = start;
        while let Some(due) = course.peek(now) {
            now = due.at;
            all.push(((due.at - start).as_millis(), due.is_counted));
            course.advance(&due);
        }
        assert_eq!(course.left_out(now), 0);
    }
    all.sort_unstable();
    all
}

#[test]
fn messages_are_due_on_an_absolute_schedule_over_all_clients() {
    let all = started(Plan { clients: 3, count: Some(5), ..plan(Some(100.0)) });
    assert_eq!(all, [0, 10, 20, 30, 40].map(|at| (at, true)));
}

#[test]
fn the_schedule_does_not_drift() {
    let start = Instant::now();
    let schedule = Schedule::new(plan(Some(3.0)), start);
    let day = schedule.due(3 * 86_400, 3.0);
    assert_eq!(day, start + 86_400 * SECOND);
}

#[test]
fn what_is_due_in_the_warm_up_does_not_count() {
    let all = started(Plan { warm_up: SECOND / 4, count: Some(2), ..plan(Some(10.0)) });
    assert_eq!(all, [(0, false), (100, false), (200, false), (300, true), (400, true)]);
}

#[test]
fn count_and_duration_both_bound_a_run() {
    let both = Plan { count: Some(5), duration: Some(SECOND), clients: 2, ..plan(Some(10.0)) };
    assert_eq!(started(both).len(), 5);
    let short = Plan { count: Some(50), warm_up: SECOND, ..both };
    assert_eq!(started(short).iter().filter(|(_, is_counted)| *is_counted).count(), 10);
    assert_eq!(Schedule::new(both, Instant::now()).planned(), Some(SECOND / 2));
    assert_eq!(Schedule::new(short, Instant::now()).planned(), Some(SECOND));
}

#[test]
fn a_message_that_starts_late_keeps_its_time() {
    let start = Instant::now();
    let schedule = Schedule::new(plan(Some(10.0)), start);
    let course = Course::new(&schedule, 0);
    let late = course.peek(start + 7 * SECOND).expect("nothing ends it");
    assert_eq!(late.at, start);
}

#[test]
fn what_found_no_room_before_the_end_is_counted() {
    let start = Instant::now();
    let plan = Plan { clients: 2, warm_up: SECOND, duration: Some(SECOND), ..plan(Some(10.0)) };
    let schedule = Schedule::new(plan, start);
    let mut course = Course::new(&schedule, 1);
    assert_eq!(course.left_out(start + 5 * SECOND), 5, "11, 13, 15, 17 and 19");
    assert_eq!(course.left_out(start + SECOND + SECOND / 2), 2, "11 and 13");
    for _ in 0..7 {
        let due = course.peek(start).expect("there are 10");
        course.advance(&due);
    }
    assert_eq!(course.left_out(start + 5 * SECOND), 3, "15, 17 and 19");
    assert_eq!(course.peek(start + 2 * SECOND), None, "nothing is started after the end");
}

#[test]
fn a_closed_loop_hands_out_as_many_as_were_asked_for() {
    let start = Instant::now();
    let plan = Plan { clients: 2, warm_up: SECOND, count: Some(3), ..plan(None) };
    let schedule = Schedule::new(plan, start);
    let mut courses = [Course::new(&schedule, 0), Course::new(&schedule, 1)];
    for _ in 0..10 {
        let due = courses[0].peek(start).expect("the warm-up is bounded by time");
        assert!(!due.is_counted);
        courses[0].advance(&due);
    }
    for turn in [0, 1, 1] {
        let due = courses[turn].peek(start + SECOND).expect("three count");
        assert!(due.is_counted && due.at == start + SECOND);
        courses[turn].advance(&due);
    }
    assert!(courses.iter().all(|course| course.peek(start + SECOND).is_none()));
}
