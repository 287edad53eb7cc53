//! What every contestant does alike: how many messages of which kind, and how many of them are under way.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use async_io::Timer;
use cpu_time::ProcessTime;
use futures_lite::future::or;
use mqtt_smol::QoS;

/// The topic of all messages.
pub(crate) const TOPIC: &str = "bench/topic";

/// Published messages that the subscriber has not seen yet, at the most.
pub(crate) const UNDER_WAY_MAX: usize = 4_000;

/// Messages whose exchange has not ended, at the most; at QoS 0 nothing is awaited.
pub(crate) const UNACKNOWLEDGED_MAX: usize = 100;

/// A subscriber that sees nothing for so long has lost what is missing.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is published, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) port: u16,
    pub(crate) qos: QoS,
    /// Bytes of a payload.
    pub(crate) size: usize,
    /// Messages.
    pub(crate) count: usize,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// CPU time of the whole process for a message, in microseconds.
    pub(crate) cpu: f64,
    /// Thousand messages in a second.
    pub(crate) rate: f64,
    pub(crate) lost: usize,
    pub(crate) messages: usize,
    /// Heap allocations for a message, where all is done by one thread that counts them.
    pub(crate) allocations: Option<f64>,
}

/// Measures from the moment when both clients are ready.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    cpu: ProcessTime,
    time: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { cpu: ProcessTime::now(), time: Instant::now() }
    }

    pub(crate) fn stop(&self, shape: &Shape, lost: usize) -> Figure {
        let count = shape.count as f64;
        Figure {
            cpu: self.cpu.elapsed().as_secs_f64() * 1e6 / count,
            rate: count / self.time.elapsed().as_secs_f64() / 1e3,
            lost,
            messages: shape.count,
            allocations: None,
        }
    }
}

/// Counts what has begun and what has ended, and has the one who begins wait while too much is between.
#[derive(Debug)]
pub(crate) struct Window {
    begun: AtomicUsize,
    ended: AtomicUsize,
    max: usize,
    /// How much is between when the one who waits goes on.
    resume_at: usize,
    waiting: Mutex<Option<Waker>>,
}

impl Window {
    /// Messages on their way from the publisher to the subscriber.
    pub(crate) fn under_way() -> Arc<Window> {
        Arc::new(Window::new(UNDER_WAY_MAX, UNDER_WAY_MAX / 2))
    }

    /// Messages that the server has not acknowledged.
    pub(crate) fn unacknowledged() -> Arc<Window> {
        Arc::new(Window::new(UNACKNOWLEDGED_MAX, UNACKNOWLEDGED_MAX - 1))
    }

    fn new(max: usize, resume_at: usize) -> Window {
        let zero = || AtomicUsize::new(0);
        Window { begun: zero(), ended: zero(), max, resume_at, waiting: Mutex::default() }
    }

    fn between(&self) -> usize {
        self.begun.load(Ordering::SeqCst) - self.ended.load(Ordering::SeqCst)
    }

    /// Begins one, as soon as there is room.
    pub(crate) async fn begin(&self) {
        if self.between() >= self.max {
            poll_fn(|context| {
                *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
                if self.between() <= self.resume_at { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// One has ended.
    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        if self.between() <= self.resume_at {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    /// Ready once `receive` is, or once nothing has ended for so long that what is missing must be lost.
    pub(crate) async fn or_stalled(&self, receive: impl Future<Output = ()>) {
        let stalled = async {
            loop {
                let before = self.ended();
                Timer::after(PATIENCE).await;
                if self.ended() == before {
                    return;
                }
            }
        };
        or(receive, stalled).await;
    }
}
