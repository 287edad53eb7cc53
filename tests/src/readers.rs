//! How the programs of a simulation take messages: by streams, under guards, in callbacks and by `receive`; some come
//! late, drop what they have, unsubscribe, panic, or end with their program.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mqtt_memory::{Acknowledge, Message, QoS, Subscribe};

use crate::life::Actor;
use crate::scenario::{Kind, Taker};
use crate::story::{Fact, RECEIVE, message_number};

/// The tasks of one life of a program: all end with it.
#[derive(Default)]
pub(crate) struct Lives {
    life: std::cell::Cell<u32>,
    tasks: RefCell<Vec<Waker>>,
}

impl Lives {
    pub(crate) fn number(&self) -> u32 {
        self.life.get()
    }

    /// The tasks of this life are dropped at their next step, which is now.
    pub(crate) fn end(&self) {
        self.life.set(self.life.get() + 1);
        self.tasks.take().into_iter().for_each(Waker::wake);
    }

    /// Goes on with a task until the life ends.
    async fn until_end(&self, task: impl Future<Output = ()>) {
        let life = self.life.get();
        let mut task = pin!(task);
        let mut is_first = true;
        poll_fn(|context| {
            if self.life.get() != life {
                return Poll::Ready(());
            }
            if std::mem::replace(&mut is_first, false) {
                self.tasks.borrow_mut().push(context.waker().clone());
            }
            task.as_mut().poll(context)
        })
        .await;
    }
}

/// What is there without waiting.
fn now_or_never<T>(task: impl Future<Output = T>) -> Option<T> {
    match pin!(task).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Messages for which a callback has returned, with the number of its stream.
type Calls = Arc<Mutex<Vec<(usize, Message)>>>;

impl Actor {
    /// Starts what takes the messages of this life; the first life subscribes at once, later ones when they like.
    pub(crate) fn start_readers(self: &Rc<Self>) {
        let calls = Calls::default();
        for _task in 0..2 {
            self.spawn_for_life(Rc::clone(self).run(Arc::clone(&calls)));
            self.spawn_for_life(Rc::clone(self).receive());
        }
        for (number, (filter, qos)) in self.plan.filters.clone().into_iter().enumerate() {
            let taker = self.plan.takers[number];
            self.spawn_for_life(Rc::clone(self).read(filter, qos, taker, Arc::clone(&calls)));
        }
    }

    pub(crate) fn spawn_for_life(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let actor = Rc::clone(self);
        self.world.spawn(async move { actor.lives.until_end(task).await });
    }

    fn note_taken(&self, stream: usize, message: &Message) {
        self.note(Fact::Taken {
            stream,
            message: message_number(message.payload()),
            qos: message.qos(),
            retain: message.retain(),
            dup: message.dup(),
            topic: message.topic().into(),
            is_intact: self.is_intact(message),
        });
    }

    /// Takes what was asked for without a stream.
    async fn receive(self: Rc<Self>) {
        let client = self.client();
        loop {
            match client.receive().await {
                Some(message) => self.note_taken(RECEIVE - self.number, &message),
                // Disconnected for now.
                None => self.world.sleep(Duration::from_millis(300)).await,
            }
        }
    }

    /// Calls callbacks; one that panics ends the call of `run`, and the program calls it again.
    async fn run(self: Rc<Self>, calls: Calls) {
        let client = self.client();
        loop {
            let mut run = Box::pin(client.run());
            poll_fn(|context| {
                let polled = catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)));
                let called = std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner));
                called.iter().for_each(|(stream, message)| self.note_taken(*stream, message));
                match polled {
                    Ok(poll) => poll.map(drop),
                    Err(_) => Poll::Ready(()),
                }
            })
            .await;
            drop(run);
            self.world.sleep(Duration::from_millis(50)).await;
        }
    }

    /// Takes the messages of one filter, perhaps in several rounds one after the other.
    async fn read(self: Rc<Self>, filter: String, qos: QoS, taker: Taker, calls: Calls) {
        if self.lives.number() > 0 || taker.is_late {
            self.world.sleep(Duration::from_millis(self.world.random(1500))).await;
        }
        loop {
            let is_final = self.notes.is_over.get() || !self.plan.changes_mind;
            let is_over = match taker.kind {
                Kind::Stream | Kind::Held => self.read_stream(&filter, qos, taker, is_final).await,
                Kind::Callback | Kind::Listen => self.read_by(&filter, qos, taker, is_final, &calls).await,
            };
            // Refused while it disconnects, or between two rounds.
            let pause = if is_over { 1000 } else { self.world.random(3000) };
            self.world.sleep(Duration::from_millis(pause)).await;
        }
    }

    fn subscribe<'a>(&self, filter: &'a str, qos: QoS, taker: Taker) -> Subscribe<'a> {
        let acknowledge = if taker.on_arrival { Acknowledge::OnArrival } else { Acknowledge::WhenTaken };
        Subscribe::new(filter).qos(qos).acknowledge(acknowledge)
    }

    fn next_stream(&self) -> usize {
        self.notes.streams.replace(self.notes.streams.get() + 1)
    }

    /// Whether this round is to end, drawn anew for each.
    fn ends_at(&self) -> mqtt_memory::Instant {
        self.world.now() + Duration::from_millis(self.world.random(40_000))
    }

    /// One stream, from its subscription to its end; true if it was refused.
    async fn read_stream(self: &Rc<Self>, filter: &str, qos: QoS, taker: Taker, is_final: bool) -> bool {
        let client = self.client();
        let Ok(mut inbox) = client.subscribe(self.subscribe(filter, qos, taker)) else { return true };
        let stream = self.next_stream();
        self.note(Fact::Subscribed { stream, filter: filter.into(), on_arrival: taker.on_arrival });
        let ends_at = self.ends_at();
        let mut is_granted = false;
        loop {
            if !is_granted && let Some(outcome) = now_or_never(inbox.granted()) {
                is_granted = true;
                self.note(Fact::Granted { filter: filter.into(), outcome });
            }
            let is_due = self.world.now() >= ends_at && !self.notes.is_over.get();
            if !is_final && is_due {
                break;
            }
            let taken = match taker.kind {
                Kind::Held => inbox.try_next_held().and_then(|held| {
                    // Guards are dropped now and then, as by an error of the program.
                    if !self.notes.is_over.get() && self.world.random(8) == 0 {
                        return None;
                    }
                    self.note_taken(stream, &held);
                    Some(held.acknowledge())
                }),
                Kind::Stream | Kind::Callback | Kind::Listen => {
                    inbox.try_next().inspect(|message| self.note_taken(stream, message))
                }
            };
            if taken.is_some() && self.plan.sleeps && !self.notes.is_over.get() && self.world.random(8) == 0 {
                self.world.sleep(Duration::from_millis(10_000 + self.world.random(30_000))).await;
            } else if taken.is_some() && !self.plan.reads_within.is_zero() && !self.notes.is_over.get() {
                let within = self.plan.reads_within.as_millis() as u64;
                self.world.sleep(Duration::from_millis(self.world.random(within + 1))).await;
            } else if taken.is_none() {
                self.world.sleep(Duration::from_millis(250)).await;
            }
        }
        if self.world.random(3) == 0
            && let Ok(token) = client.unsubscribe(filter)
        {
            self.wait_for(token, |_, _| {});
            self.note(Fact::Unsubscribed { filter: filter.into() });
            // It hands out what it has, and then ends.
            let mut late = pin!(self.world.sleep(Duration::from_secs(10)));
            loop {
                let next = {
                    let mut next = pin!(inbox.next());
                    poll_fn(|cx| match (next.as_mut().poll(cx), late.as_mut().poll(cx)) {
                        (Poll::Ready(next), _) => Poll::Ready(Ok(next)),
                        (Poll::Pending, Poll::Ready(())) => Poll::Ready(Err(())),
                        (Poll::Pending, Poll::Pending) => Poll::Pending,
                    })
                    .await
                };
                match next {
                    Ok(Some(message)) => self.note_taken(stream, &message),
                    Ok(None) => break,
                    Err(()) => {
                        self.note(Fact::GoesOn { filter: filter.into() });
                        break;
                    }
                }
            }
        }
        self.note(Fact::Dropped { stream, filter: filter.into() });
        false
    }

    /// One callback, or the filters of `receive`; true if it was refused. They end by being unsubscribed.
    async fn read_by(
        self: &Rc<Self>,
        filter: &str,
        qos: QoS,
        taker: Taker,
        is_final: bool,
        calls: &Calls,
    ) -> bool {
        let client = self.client();
        let subscribe = self.subscribe(filter, qos, taker);
        let (stream, token) = match taker.kind {
            Kind::Callback => {
                let stream = self.next_stream();
                let (calls, panics, count) = (Arc::clone(calls), taker.panics, Mutex::new(0));
                let callback = move |_: &mqtt_memory::Client, message: Message| {
                    let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                    *count += 1;
                    if panics && *count % 5 == 0 {
                        drop(count);
                        resume_unwind(Box::new("the handler fails"));
                    }
                    calls.lock().unwrap_or_else(PoisonError::into_inner).push((stream, message));
                };
                (stream, client.on(subscribe, callback))
            }
            Kind::Listen | Kind::Stream | Kind::Held => (RECEIVE - self.number, client.listen(subscribe)),
        };
        let Ok(token) = token else { return true };
        self.note(Fact::Subscribed { stream, filter: filter.into(), on_arrival: taker.on_arrival });
        let granted = filter.to_owned();
        self.wait_for(token, move |actor, outcome| actor.note(Fact::Granted { filter: granted, outcome }));
        let ends_at = self.ends_at();
        while is_final || self.world.now() < ends_at || self.notes.is_over.get() {
            self.world.sleep(Duration::from_millis(250)).await;
        }
        if let Ok(token) = client.unsubscribe(filter) {
            self.note(Fact::Unsubscribed { filter: filter.into() });
            self.wait_for(token, |_, _| {});
        }
        // Where that was refused, the next round takes its place.
        self.note(Fact::Dropped { stream, filter: filter.into() });
        false
    }
}
