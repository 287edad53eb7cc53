//! What clients share: a queue of records in front of a store, and the thread that commits them.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use mqtt_session::Mark;

use crate::chunk::{FORMAT, FORMAT_KEY};
use crate::error::{StoreError, StoreErrorKind};
use crate::log::{ClientLog, Recovered};
use crate::store::{Change, Store};

/// A store as clients share it. Clones are cheap; when the last one and the last client are gone, what waits is committed
/// and the store is closed.
#[derive(Clone)]
pub struct StoreHandle {
    shared: Arc<Shared>,
    _user: Arc<User>,
}

/// One for all handles and journals of a store, so that its thread knows when they are gone.
struct User(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    /// Whether a [`Committer`] commits, and no thread.
    is_manual: bool,
    queue: Mutex<Queue>,
    /// Something was put into the queue, or nobody puts anything there any more.
    is_due: Condvar,
    /// A commit has ended.
    is_committed: Condvar,
    writer: Mutex<Writer>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What waits to be committed.
#[derive(Default)]
struct Queue {
    batches: Vec<Batch>,
    /// Memory for the next batches.
    spare: Vec<Records>,
    committer: Option<Waker>,
    is_closed: bool,
    /// Batches that were put here, and those whose commit has ended.
    pushed: u64,
    ended: u64,
}

struct Batch {
    client: Arc<ClientState>,
    records: Records,
    mark: Mark,
}

/// Records, one behind the other.
#[derive(Debug, Default)]
struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// The store, and what is known of its rows.
struct Writer {
    store: Box<dyn Store>,
    logs: BTreeMap<String, (Arc<ClientState>, ClientLog)>,
    changes: Vec<Change>,
    is_new: bool,
    failure: Option<StoreError>,
}

/// How far the records of a client are.
struct ClientState {
    client: String,
    progress: Mutex<Progress>,
    /// Whether something has changed that the client has not seen.
    is_changed: AtomicBool,
    is_gone: AtomicBool,
    /// Bytes of records that wait.
    waiting: AtomicUsize,
    /// Called whenever something has changed.
    notify: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Progress {
    stored: Option<Mark>,
    failure: Option<StoreError>,
}

/// Commits what waits, for those who run a store without a thread, such as a simulation.
#[derive(Debug)]
pub struct Committer(StoreHandle);

/// The records of one client on their way to a store.
pub struct Journal {
    shared: Arc<Shared>,
    _user: Arc<User>,
    client: Arc<ClientState>,
    /// Memory for the next batch.
    records: Records,
}

/// Memory of batches that is kept for the next ones.
const SPARE_MAX: usize = 8;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StoreHandle {
    /// Shares a store among clients; a thread of its own commits.
    ///
    /// Fails if the store cannot be read, or was written by a later version of this library, or if there can be no
    /// further thread.
    pub fn new(store: impl Store) -> Result<StoreHandle, StoreError> {
        let handle = StoreHandle::of(store, false)?;
        let shared = Arc::clone(&handle.shared);
        let started = thread::Builder::new().name("mqtt-store".into()).spawn(move || shared.run());
        let thread = started.map_err(|error| StoreError::from_io(handle.name(), &error))?;
        *lock(&handle.shared.thread) = Some(thread);
        Ok(handle)
    }

    /// Shares a store among clients, whose records are committed by calls of [`Committer::commit`].
    ///
    /// Fails if the store cannot be read, or was written by a later version of this library.
    pub fn with_committer(store: impl Store) -> Result<(StoreHandle, Committer), StoreError> {
        let handle = StoreHandle::of(store, true)?;
        Ok((handle.clone(), Committer(handle)))
    }

    fn of(mut store: impl Store, is_manual: bool) -> Result<StoreHandle, StoreError> {
        let mut format = None;
        store.read(FORMAT_KEY, &mut |_, value| format = Some(value.to_vec()))?;
        match format.as_deref() {
            None | Some([FORMAT]) => {}
            Some([]) => {
                return Err(StoreError::new(store.name(), StoreErrorKind::Damaged, "it has no version"));
            }
            Some([version, ..]) => {
                let detail = format!("layout {version}, and this version of the library knows {FORMAT}");
                return Err(StoreError::new(store.name(), StoreErrorKind::Newer, detail));
            }
        }
        let shared = Arc::new(Shared {
            name: store.name().into(),
            is_manual,
            queue: Mutex::default(),
            is_due: Condvar::new(),
            is_committed: Condvar::new(),
            writer: Mutex::new(Writer {
                store: Box::new(store),
                logs: BTreeMap::new(),
                changes: Vec::new(),
                is_new: format.is_none(),
                failure: None,
            }),
            thread: Mutex::default(),
        });
        Ok(StoreHandle { _user: Arc::new(User(Arc::clone(&shared))), shared })
    }

    /// What errors call the store: the path of its file.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The journal of a client, and what an earlier program has left of it. `notify` is called, from another thread,
    /// whenever more is stored, or the store has failed.
    ///
    /// Reads, and so may block: some 200 ms for 100,000 messages. Fails if the store cannot be read, or another client has
    /// the same identifier.
    pub fn open(
        &self,
        client: &str,
        notify: impl Fn() + Send + Sync + 'static,
    ) -> Result<(Journal, Recovered), StoreError> {
        if client.is_empty() || client.len() > usize::from(u16::MAX) {
            let detail = format!("{} bytes", client.len());
            return Err(StoreError::new(self.name(), StoreErrorKind::ClientIdentifier, detail));
        }
        let mut writer = lock(&self.shared.writer);
        // An earlier client of that name may have left records in the queue.
        self.shared.commit_locked(&mut writer);
        if let Some(failure) = &writer.failure {
            return Err(failure.clone());
        }
        if writer.logs.get(client).is_some_and(|(state, _)| !state.is_gone.load(Ordering::Acquire)) {
            return Err(StoreError::new(self.name(), StoreErrorKind::InUse, format!("client {client:?}")));
        }
        let (log, recovered) = ClientLog::open(&mut *writer.store, client)?;
        let state = Arc::new(ClientState {
            client: client.into(),
            progress: Mutex::default(),
            is_changed: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            notify: Box::new(notify),
        });
        writer.logs.insert(client.into(), (Arc::clone(&state), log));
        let journal = Journal {
            shared: Arc::clone(&self.shared),
            _user: Arc::clone(&self._user),
            client: state,
            records: Records::default(),
        };
        Ok((journal, recovered))
    }

    /// Blocks until everything is stored, as [`StoreHandle::flush`] does, and until the store is closed, if no client and
    /// no other handle uses it any more: then its file can be opened again.
    ///
    /// Fails if the store has failed.
    pub fn close(self) -> Result<(), StoreError> {
        let result = self.flush();
        let StoreHandle { shared, _user: user } = self;
        drop(user);
        if lock(&shared.queue).is_closed {
            let thread = lock(&shared.thread).take();
            thread.into_iter().for_each(|thread| _ = thread.join());
        }
        result
    }

    /// Blocks until everything is stored that was handed over by now. A program that ends right after calls it, so that
    /// nothing is repeated without need when it starts again.
    ///
    /// Fails if the store has failed. Returns at once where a [`Committer`] commits.
    pub fn flush(&self) -> Result<(), StoreError> {
        let mut queue = lock(&self.shared.queue);
        let pushed = queue.pushed;
        while queue.ended < pushed && !self.shared.is_manual {
            queue = self.shared.is_committed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        drop(queue);
        lock(&self.shared.writer).failure.clone().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreHandle").field(&self.shared.name).finish()
    }
}

impl Shared {
    fn push(&self, batch: Batch) {
        let mut queue = lock(&self.queue);
        queue.batches.push(batch);
        queue.pushed += 1;
        let committer = queue.committer.take();
        drop(queue);
        self.is_due.notify_one();
        committer.into_iter().for_each(Waker::wake);
    }

    fn run(self: Arc<Shared>) {
        loop {
            let mut queue = lock(&self.queue);
            while queue.batches.is_empty() && !queue.is_closed {
                queue = self.is_due.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.batches.is_empty() {
                return;
            }
            drop(queue);
            self.commit_locked(&mut lock(&self.writer));
        }
    }

    /// Commits everything that has come together, of all clients at once.
    fn commit_locked(&self, writer: &mut Writer) {
        // Those that are gone by now have handed everything over.
        let gone = writer.logs.values().map(|(state, _)| state);
        let gone: Vec<String> = gone
            .filter(|state| state.is_gone.load(Ordering::Acquire))
            .map(|state| state.client.clone())
            .collect();
        let batches = std::mem::take(&mut lock(&self.queue).batches);
        if batches.is_empty() {
            return;
        }
        let result = match writer.failure.clone() {
            Some(failure) => Err(failure),
            // A store that panics has failed like any other, and those who wait for it are to know.
            None => catch_unwind(AssertUnwindSafe(|| writer.commit(&batches))).unwrap_or_else(|_| {
                Err(StoreError::new(Arc::clone(&self.name), StoreErrorKind::Io, "it panicked"))
            }),
        };
        if let Err(failure) = &result {
            writer.failure = Some(failure.clone());
        }
        for batch in &batches {
            batch.client.on_committed(batch, result.as_ref().err());
        }
        gone.iter().for_each(|client| drop(writer.logs.remove(client)));
        let mut queue = lock(&self.queue);
        queue.ended += batches.len() as u64;
        for Batch { mut records, .. } in batches {
            if queue.spare.len() < SPARE_MAX {
                records.clear();
                queue.spare.push(records);
            }
        }
        drop(queue);
        self.is_committed.notify_all();
    }
}

impl Writer {
    fn commit(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let Writer { store, logs, changes, is_new, .. } = self;
        changes.clear();
        if std::mem::take(is_new) {
            changes.push(Change { key: FORMAT_KEY.to_vec(), value: Some(vec![FORMAT]) });
        }
        for (state, log) in logs.values_mut() {
            let own = batches.iter().filter(|batch| Arc::ptr_eq(&batch.client, state));
            if own.clone().next().is_some() {
                log.append(&mut **store, own.flat_map(|batch| batch.records.iter()), changes)?;
            }
        }
        if changes.is_empty() { Ok(()) } else { store.commit(changes) }
    }
}

impl ClientState {
    fn on_committed(&self, batch: &Batch, failure: Option<&StoreError>) {
        self.waiting.fetch_sub(batch.records.bytes.len(), Ordering::Relaxed);
        let mut progress = lock(&self.progress);
        match failure {
            None => progress.stored = Some(batch.mark),
            Some(failure) => progress.failure = Some(failure.clone()),
        }
        drop(progress);
        self.is_changed.store(true, Ordering::Release);
        (self.notify)();
    }
}

impl Committer {
    /// Commits everything that waits.
    pub fn commit(&mut self) {
        self.0.shared.commit_locked(&mut lock(&self.0.shared.writer));
    }

    /// Ready when something waits; otherwise the task is woken once something does.
    pub fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = lock(&self.0.shared.queue);
        if queue.batches.is_empty() {
            queue.committer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// Bytes of records of one client that wait at the most; further ones stay in its session, which bounds them.
const WAITING_MAX: usize = 1024 * 1024;

impl Journal {
    /// Takes records by `poll`, which is [`mqtt_session::Session::poll_record`], and hands them over. Never blocks.
    ///
    /// When the store is slow, some may stay behind: call it again once `notify` was called.
    pub fn collect(&mut self, mut poll: impl FnMut(&mut Vec<u8>) -> Option<Mark>) {
        let waiting = self.client.waiting.load(Ordering::Relaxed);
        let mut last = None;
        while waiting + self.records.bytes.len() < WAITING_MAX {
            let Some(mark) = poll(&mut self.records.bytes) else { break };
            self.records.ends.push(self.records.bytes.len());
            last = Some(mark);
        }
        let Some(mark) = last else { return };
        let spare = lock(&self.shared.queue).spare.pop().unwrap_or_default();
        let records = std::mem::replace(&mut self.records, spare);
        self.client.waiting.fetch_add(records.bytes.len(), Ordering::Relaxed);
        self.shared.push(Batch { client: Arc::clone(&self.client), records, mark });
    }

    /// The last record that is stored, if that is a later one than at the last call. Fails once the store has failed.
    pub fn poll_stored(&self) -> Result<Option<Mark>, StoreError> {
        if !self.client.is_changed.swap(false, Ordering::Acquire) {
            return Ok(None);
        }
        let mut progress = lock(&self.client.progress);
        match progress.failure.clone() {
            Some(failure) => Err(failure),
            None => Ok(progress.stored.take()),
        }
    }

    /// Identifier of the client.
    pub fn client(&self) -> &str {
        &self.client.client
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.client.is_gone.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("store", &self.shared.name)
            .field("client", &self.client.client)
            .finish()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        lock(&self.0.queue).is_closed = true;
        self.0.is_due.notify_all();
    }
}
