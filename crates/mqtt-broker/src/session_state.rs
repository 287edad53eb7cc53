//! The state of a session, which outlives its connections. [5.0 MQTT-3.1.3-2] [3.1.1 MQTT-3.1.3-2]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use mqtt_parts::Instant;
use mqtt_proto::PacketId;

use crate::ids::{ConnectionId, SessionKey};
use crate::outbox::Outbox;
use crate::will::Will;

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    /// Who connected last.
    pub(crate) user_name: Option<String>,
    pub(crate) connection: Option<ConnectionId>,
    /// Filters of its subscriptions.
    pub(crate) filters: BTreeSet<Box<str>>,
    pub(crate) outbox: Outbox,
    /// Identifiers of QoS 2 messages that came in and were published, until their PUBREL; and the connection that
    /// brought them last. [5.0 MQTT-4.3.3-10] [3.1.1 MQTT-4.3.3-2]
    pub(crate) received: BTreeMap<PacketId, ConnectionId>,
    pub(crate) will: Option<Will>,
    pub(crate) expiry: Expiry,
    /// While there is no connection: when the will is due.
    pub(crate) will_at: Option<Instant>,
    /// While there is no connection: when the session ends.
    pub(crate) ends_at: Option<Instant>,
}

/// How long a session outlives its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// It ends with the connection.
    WithConnection,
    After(Duration),
    Never,
}

impl Expiry {
    /// What a Session Expiry Interval in seconds means.
    pub(crate) fn from_secs(secs: u32) -> Expiry {
        match secs {
            0 => Expiry::WithConnection,
            u32::MAX => Expiry::Never,
            secs => Expiry::After(Duration::from_secs(secs.into())),
        }
    }
}

impl Session {
    pub(crate) fn new(client_id: Arc<str>) -> Session {
        Session {
            client_id,
            user_name: None,
            connection: None,
            filters: BTreeSet::new(),
            outbox: Outbox::default(),
            received: BTreeMap::new(),
            will: None,
            expiry: Expiry::WithConnection,
            will_at: None,
            ends_at: None,
        }
    }

    /// When something is due without a connection.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.will_at.into_iter().chain(self.ends_at).min()
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: BTreeMap<SessionKey, Session>,
    by_client_id: BTreeMap<Arc<str>, SessionKey>,
    next: u64,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionKey, &Session)> {
        self.by_key.iter().map(|(key, session)| (*key, session))
    }

    pub(crate) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.by_key.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.by_key.get_mut(&key)
    }

    /// The session of a client; identifiers compare byte for byte.
    pub(crate) fn find(&self, client_id: &str) -> Option<SessionKey> {
        self.by_client_id.get(client_id).copied()
    }

    /// Makes a session for a client that has none.
    pub(crate) fn create(&mut self, client_id: Arc<str>) -> SessionKey {
        debug_assert!(self.find(&client_id).is_none(), "a client has one session");
        let key = SessionKey(self.next);
        self.next += 1;
        self.by_client_id.insert(Arc::clone(&client_id), key);
        self.by_key.insert(key, Session::new(client_id));
        key
    }

    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        let session = self.by_key.remove(&key)?;
        self.by_client_id.remove(&session.client_id);
        Some(session)
    }

    /// Forgets all sessions; keys count on.
    pub(crate) fn clear(&mut self) {
        self.by_key.clear();
        self.by_client_id.clear();
    }
}
