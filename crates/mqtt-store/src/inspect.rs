//! Shows what a store holds, also one that is damaged.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_proto::{Context, Packet, QoS, Sender, decode};
use mqtt_session::{Record, Ticket};

use crate::chunk::Chunk;
use crate::error::StoreError;
use crate::log::ClientLog;
use crate::store::Store;

/// What a store holds of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientReport {
    /// Its identifier.
    pub client: String,
    /// Messages that were accepted and have not ended, in the order in which they are sent.
    pub messages: Vec<StoredMessage>,
    /// Filters that are wanted.
    pub filters: Vec<String>,
    /// QoS 2 messages that the application has taken and whose exchange is not over.
    pub taken: usize,
    /// Keys of notes, and their values.
    pub notes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Records that cannot be read.
    pub unreadable: usize,
}

/// A message in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredMessage {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its QoS.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
    /// Whether it may have been sent.
    pub was_sent: bool,
}

/// What an open store holds, for each of its clients. Reads only.
pub fn inspect(store: &mut dyn Store) -> Result<Vec<ClientReport>, StoreError> {
    let mut clients = BTreeSet::new();
    store.read(b"c", &mut |_, value| {
        clients.extend(Chunk::parse(value).map(|chunk| chunk.client.to_string()));
    })?;
    let mut reports = Vec::new();
    for client in clients {
        let (_, found) = ClientLog::open(store, &client)?;
        let mut report = report(client, found.records.iter().map(Vec::as_slice));
        report.notes = found.notes;
        reports.push(report);
    }
    Ok(reports)
}

/// What the bytes of a file hold that cannot be opened any more. Messages may be among them that have arrived long ago:
/// nothing in these bytes says which.
pub fn salvage(bytes: &[u8]) -> Vec<ClientReport> {
    let mut records: BTreeMap<&str, BTreeMap<u64, &[u8]>> = BTreeMap::new();
    for at in Chunk::candidates(bytes) {
        if let Some((chunk, _)) = Chunk::find_at(&bytes[at..]) {
            records.entry(chunk.client).or_default().extend(chunk.records());
        }
    }
    records.into_iter().map(|(client, records)| report(client.into(), records.into_values())).collect()
}

fn report<'a>(client: String, records: impl Iterator<Item = &'a [u8]>) -> ClientReport {
    let mut report = ClientReport {
        client,
        messages: Vec::new(),
        filters: Vec::new(),
        taken: 0,
        notes: BTreeMap::new(),
        unreadable: 0,
    };
    let mut places: BTreeMap<Ticket, usize> = BTreeMap::new();
    for bytes in records {
        match Record::decode(bytes) {
            Ok(Record::Queued { ticket, version, packet, .. }) => {
                match decode(packet.head, Context { version, sender: Some(Sender::Client) }) {
                    Ok(Packet::Publish(publish)) => {
                        places.insert(ticket, report.messages.len());
                        report.messages.push(StoredMessage {
                            topic: publish.topic.as_str().into(),
                            payload: publish.payload.to_vec(),
                            qos: publish.qos,
                            retain: publish.retain,
                            was_sent: false,
                        });
                    }
                    Ok(_) | Err(_) => report.unreadable += 1,
                }
            }
            Ok(Record::Sent { ticket, .. }) => {
                let place = places.get(&ticket);
                place.into_iter().for_each(|index| report.messages[*index].was_sent = true);
            }
            Ok(Record::Taken { .. }) => report.taken += 1,
            Ok(Record::Wanted { version, packet, .. }) => {
                match decode(packet, Context { version, sender: Some(Sender::Client) }) {
                    Ok(Packet::Subscribe(subscribe)) => {
                        report
                            .filters
                            .extend(subscribe.filters.iter().map(|wanted| wanted.filter.as_str().into()));
                    }
                    Ok(_) | Err(_) => report.unreadable += 1,
                }
            }
            Ok(Record::Note { key, value }) => {
                report.notes.insert(key.0.to_vec(), value.to_vec());
            }
            Ok(_) => {}
            Err(_) => report.unreadable += 1,
        }
    }
    report
}
