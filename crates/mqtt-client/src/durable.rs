//! What a store adds to a client: messages that the application can find again by their keys, values that it stores
//! together with an acknowledgement, and how far everything is stored.
//!
//! Both are notes of the session, so that they are stored in one step with what they belong to.

use std::collections::BTreeMap;
use std::task::Waker;

use mqtt_proto::ReasonCode;
use mqtt_session::{Indeterminate, Input, Instant, Mark, Outcome, SessionRefusal, Ticket};
use mqtt_store::{Recovered, StoreError};

use crate::durability::{Ended, KeyError, StoreFailure};
use crate::machine::Machine;

/// Where a message with a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    Open(Ticket),
    Ended(Ended),
}

/// Of a client that has a store.
#[derive(Debug)]
pub(crate) struct Durable {
    policy: StoreFailure,
    keys: BTreeMap<String, KeyState>,
    by_ticket: BTreeMap<Ticket, String>,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The last record that is stored.
    stored: Option<Mark>,
    failure: Option<StoreError>,
    /// Wait for that record.
    waiting: Vec<(Mark, Waker)>,
    /// Wait for the end of the message of that key.
    key_wakers: Vec<(String, Waker)>,
}

/// What keys of notes begin with.
const KEY: u8 = b'k';
const VALUE: u8 = b'v';

impl Durable {
    /// What an earlier program has left. Fails if a note is none of ours.
    pub(crate) fn new(policy: StoreFailure, recovered: &Recovered) -> Option<Durable> {
        let mut durable = Durable {
            policy,
            keys: BTreeMap::new(),
            by_ticket: BTreeMap::new(),
            values: BTreeMap::new(),
            stored: None,
            failure: None,
            waiting: Vec::new(),
            key_wakers: Vec::new(),
        };
        for (name, value) in &recovered.notes {
            match name.split_first()? {
                (&KEY, key) => {
                    let key = String::from_utf8(key.to_vec()).ok()?;
                    let state = KeyState::from_bytes(value)?;
                    if let KeyState::Open(ticket) = state {
                        durable.by_ticket.insert(ticket, key.clone());
                    }
                    durable.keys.insert(key, state);
                }
                (&VALUE, key) => _ = durable.values.insert(key.to_vec(), value.clone()),
                _ => return None,
            }
        }
        Some(durable)
    }

    pub(crate) fn policy(&self) -> StoreFailure {
        self.policy
    }

    pub(crate) fn key(&self, key: &str) -> Option<&KeyState> {
        self.keys.get(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Whether a message may have that key.
    pub(crate) fn check_key(&self, key: &str, keys_max: usize) -> Result<(), KeyError> {
        if self.keys.contains_key(key) {
            return Err(KeyError::InUse);
        }
        if self.keys.len() >= keys_max { Err(KeyError::TooMany { keys_max }) } else { Ok(()) }
    }

    /// A message was accepted that has that key.
    pub(crate) fn name(&mut self, key: &str, ticket: Ticket, session: &mut Machine, now: Instant) {
        self.by_ticket.insert(ticket, key.into());
        self.set(key, Some(KeyState::Open(ticket)), session, now);
    }

    /// An operation has ended: who waited for it by its key.
    pub(crate) fn on_ended(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        session: &mut Machine,
        now: Instant,
        wakers: &mut Vec<Waker>,
    ) {
        // It goes on with the next connection, or in the next program.
        if let Outcome::Indeterminate(Indeterminate::TimedOut | Indeterminate::Disconnected) = outcome {
            return;
        }
        if let Some(key) = self.by_ticket.remove(&ticket) {
            self.set(&key, Some(KeyState::Ended(outcome.into())), session, now);
            take_due(&mut self.key_wakers, |waiting| *waiting == key, wakers);
        }
    }

    /// True if there was a message of that key that had ended.
    pub(crate) fn forget(&mut self, key: &str, session: &mut Machine, now: Instant) -> bool {
        let has_ended = matches!(self.keys.get(key), Some(KeyState::Ended(_)));
        if has_ended {
            self.set(key, None, session, now);
        }
        has_ended
    }

    fn set(&mut self, key: &str, state: Option<KeyState>, session: &mut Machine, now: Instant) {
        let name = [&[KEY], key.as_bytes()].concat();
        let value = state.as_ref().map(KeyState::to_bytes).unwrap_or_default();
        // Without a store, which has failed, it is remembered for as long as the program lasts.
        let _ = session.apply(now, Input::Note { key: &name, value: &value });
        match state {
            Some(state) => self.keys.insert(key.into(), state),
            None => self.keys.remove(key),
        };
    }

    pub(crate) fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    pub(crate) fn set_value(
        &mut self,
        key: &[u8],
        value: &[u8],
        session: &mut Machine,
        now: Instant,
    ) -> Result<(), SessionRefusal> {
        let name = [&[VALUE], key].concat();
        session.apply(now, Input::Note { key: &name, value })?;
        if value.is_empty() {
            self.values.remove(key);
        } else {
            self.values.insert(key.into(), value.into());
        }
        Ok(())
    }

    /// Records up to that one are stored: who waited for them.
    pub(crate) fn on_stored(&mut self, mark: Mark, wakers: &mut Vec<Waker>) {
        self.stored = Some(mark);
        take_due(&mut self.waiting, |wanted| *wanted <= mark, wakers);
    }

    pub(crate) fn on_failed(&mut self, error: StoreError, wakers: &mut Vec<Waker>) {
        self.failure = Some(error);
        self.take_wakers(wakers);
    }

    pub(crate) fn take_wakers(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.waiting.drain(..).map(|(_, waker)| waker));
        wakers.extend(self.key_wakers.drain(..).map(|(_, waker)| waker));
    }

    pub(crate) fn failure(&self) -> Option<&StoreError> {
        self.failure.as_ref()
    }

    /// Whether that record is stored; none while it is on its way.
    pub(crate) fn is_stored(&self, mark: Mark) -> Option<Result<(), StoreError>> {
        if self.stored.is_some_and(|stored| stored >= mark) {
            return Some(Ok(()));
        }
        self.failure.clone().map(Err)
    }

    /// Wakes a task once that record is stored, or the store has failed.
    pub(crate) fn wait_stored(&mut self, mark: Mark, waker: Waker) -> Option<Waker> {
        wait(&mut self.waiting, mark, waker)
    }

    /// Wakes a task once the message of that key has ended.
    pub(crate) fn wait_ended(&mut self, key: &str, waker: Waker) -> Option<Waker> {
        wait(&mut self.key_wakers, key.into(), waker)
    }
}

fn take_due<T>(waiting: &mut Vec<(T, Waker)>, is_due: impl Fn(&T) -> bool, wakers: &mut Vec<Waker>) {
    if waiting.is_empty() {
        return;
    }
    let (due, rest) = std::mem::take(waiting).into_iter().partition(|(what, _)| is_due(what));
    *waiting = rest;
    let due: Vec<(T, Waker)> = due;
    wakers.extend(due.into_iter().map(|(_, waker)| waker));
}

/// A waker that is there already is handed back, to be dropped where no lock is held.
fn wait<T: PartialEq>(waiting: &mut Vec<(T, Waker)>, what: T, waker: Waker) -> Option<Waker> {
    if waiting.iter().any(|(other, known)| *other == what && known.will_wake(&waker)) {
        return Some(waker);
    }
    waiting.push((what, waker));
    None
}

impl KeyState {
    fn to_bytes(&self) -> Vec<u8> {
        let (kind, rest) = match self {
            KeyState::Open(ticket) => (0, ticket.get().to_be_bytes().to_vec()),
            KeyState::Ended(Ended::Done(reason)) => (1, vec![reason.byte()]),
            KeyState::Ended(Ended::Rejected(why)) => (2, why.as_bytes().to_vec()),
            KeyState::Ended(Ended::Indeterminate(why)) => (3, why.as_bytes().to_vec()),
        };
        [vec![kind], rest].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<KeyState> {
        let (kind, rest) = bytes.split_first()?;
        let text = || String::from_utf8(rest.to_vec()).ok();
        Some(match kind {
            0 => KeyState::Open(Ticket::from_number(u64::from_be_bytes(rest.try_into().ok()?))?),
            1 => {
                let [byte] = *rest else { return None };
                KeyState::Ended(Ended::Done(
                    ReasonCode::ALL.iter().copied().find(|code| code.byte() == byte)?,
                ))
            }
            2 => KeyState::Ended(Ended::Rejected(text()?)),
            3 => KeyState::Ended(Ended::Indeterminate(text()?)),
            _ => return None,
        })
    }
}
