//! Visits each state once, by every way that leads to a new one.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Something that can go on in several ways.
pub(crate) trait World {
    type Step: Copy + Debug + 'static;

    /// All steps that there are; some change nothing now.
    const STEPS: &'static [Self::Step];

    /// Goes on; false if that changes nothing. Panics if a promise is broken.
    fn take(&mut self, step: Self::Step) -> bool;

    /// Everything that decides what can happen from now on, and what was promised.
    fn fingerprint(&self) -> String;

    /// Nothing more can happen but a cut: panics unless all promises are kept.
    fn check_end(&mut self);

    /// Whether this step is one that the world would rather not see.
    fn is_fault(step: Self::Step) -> bool;
}

/// How many states there are.
pub(crate) fn states<W: World>(start: impl Fn() -> W) -> usize {
    let mut seen = HashSet::new();
    let mut paths = vec![Vec::new()];
    seen.insert(key(&start()));
    while let Some(path) = paths.pop() {
        let mut is_end = true;
        for step in W::STEPS {
            let mut world = Guard { path: &path, step: None, world: start() };
            path.iter().for_each(|step| assert!(world.world.take(*step)));
            world.step = Some(*step);
            if !world.world.take(*step) {
                continue;
            }
            is_end &= W::is_fault(*step);
            if seen.insert(key(&world.world)) {
                let mut longer = path.clone();
                longer.push(*step);
                paths.push(longer);
            }
        }
        if is_end {
            let mut world = Guard { path: &path, step: None, world: start() };
            path.iter().for_each(|step| assert!(world.world.take(*step)));
            world.world.check_end();
        }
    }
    seen.len()
}

fn key<W: World>(world: &W) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.fingerprint().hash(&mut hasher);
    hasher.finish()
}

/// Tells the way to a broken promise.
struct Guard<'a, W: World> {
    path: &'a [W::Step],
    step: Option<W::Step>,
    world: W,
}

impl<W: World> Drop for Guard<'_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?}, then {:?}:\n{}", self.path, self.step, self.world.fingerprint());
        }
    }
}

/// A session as text, without what only counts.
pub(crate) fn session_state(session: &mqtt_session::Session) -> String {
    let text = format!("{session:?}");
    let counters = text.find(", counters: ").expect("a session has counters");
    let tickets = text.find(", tickets: ").expect("a session has tickets");
    format!("{}{}", &text[..counters], &text[tickets..])
}
