//! What a client can do because it has a store.

use std::future::poll_fn;
use std::sync::Arc;

use mqtt_proto::QoS;
use mqtt_session::{Command, SessionRefusal};
use mqtt_store::StoreError;

use super::Client;
use crate::blocking::block_on;
use crate::durability::KeyError;
use crate::error::{PublishError, ValueError};
use crate::publication::{Publication, poll_stored};
use crate::state::State;
use crate::token::{Completion, PublishToken};

impl Client {
    pub(super) fn publish_with_key(
        &self,
        command: &Command<'_>,
        qos: QoS,
        key: &str,
    ) -> Result<PublishToken, PublishError> {
        if qos == QoS::AtMostOnce {
            return Err(PublishError::Key(KeyError::NeedsQoS1));
        }
        let accepted = self.shared().change(|state, now| {
            let keys_max = state.session.config().queue_messages_max;
            let durable = state.durable.as_ref().ok_or(SessionRefusal::NoStore)?;
            durable.check_key(key, keys_max).map_err(PublishError::Key)?;
            let ticket = state.submit(now, command)?;
            let State { durable, session, .. } = state;
            durable.iter_mut().for_each(|durable| durable.name(key, ticket, session, now));
            Ok::<_, PublishError>((ticket, session.mark()))
        })?;
        Ok(PublishToken(Completion::with_mark(Arc::clone(self.shared()), accepted)))
    }

    /// The message of that key, also if an earlier program has published it: to wait for its end, or to see how it has
    /// ended. None if there is none, or if it was forgotten.
    pub fn publication(&self, key: &str) -> Option<Publication> {
        let state = self.shared().lock();
        state.durable.as_ref()?.key(key)?;
        drop(state);
        Some(Publication::new(Arc::clone(self.shared()), key))
    }

    /// Keys of all messages that were not forgotten.
    pub fn publications(&self) -> Vec<String> {
        let state = self.shared().lock();
        state.durable.iter().flat_map(|durable| durable.keys()).map(Into::into).collect()
    }

    /// Lets the key of a message that has ended be used again; false if there is none, or it has not ended.
    pub fn forget(&self, key: &str) -> bool {
        let now = self.shared().now();
        let mut state = self.shared().lock();
        let State { durable, session, .. } = &mut *state;
        let is_forgotten = durable.as_mut().is_some_and(|durable| durable.forget(key, session, now));
        self.shared().release(state);
        is_forgotten
    }

    /// Stores a value of the application's own; an empty one is removed. It is stored with everything that the client
    /// has done before, in the order of the calls. [`crate::Held::acknowledge_with`] does the same together with an
    /// acknowledgement.
    pub fn store_value(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), ValueError> {
        let now = self.shared().now();
        let mut state = self.shared().lock();
        if state.gone.is_some() {
            return Err(ValueError::Stopped);
        }
        let State { durable, session, .. } = &mut *state;
        let durable = durable.as_mut().ok_or(ValueError::NotAccepted(SessionRefusal::NoStore))?;
        let result = durable.set_value(key.as_ref(), value.as_ref(), session, now);
        self.shared().release(state);
        result.map_err(ValueError::NotAccepted)
    }

    /// Waits until everything is stored that the client has accepted, acknowledged or been given as a value by now.
    ///
    /// Fails without a store, or if the store has failed.
    pub async fn stored(&self) -> Result<(), StoreError> {
        let mark = self.shared().lock().session.mark();
        poll_fn(|context| poll_stored(self.shared(), mark, context)).await
    }

    /// Blocking form of [`Client::stored`].
    pub fn wait_stored(&self) -> Result<(), StoreError> {
        block_on(Box::pin(self.stored()))
    }

    /// A value of the application's own that was stored, also by an earlier program.
    pub fn stored_value(&self, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let state = self.shared().lock();
        state.durable.as_ref()?.value(key.as_ref()).map(Into::into)
    }
}
