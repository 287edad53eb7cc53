//! Which records are needed still: each record names what it makes needless.
//!
//! A record is known by its number, which counts up with each record of a client. What matters is that a session rebuilt
//! from the needed records alone is the one that would be rebuilt from all of them.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_proto::{Context, Packet, ReasonCode, Sender, Version, decode};
use mqtt_session::{Record, Ticket};

/// The needed records of one client.
#[derive(Debug, Default)]
pub(crate) struct Live {
    messages: BTreeMap<Ticket, Message>,
    /// Which message has a packet identifier in the session that is going on.
    holders: BTreeMap<u16, Ticket>,
    /// All `sent` of messages.
    sent: BTreeSet<u64>,
    /// Sessions that were lost behind one of `sent`.
    lost: BTreeSet<u64>,
    reserved: BTreeMap<u16, u64>,
    taken: BTreeMap<u16, u64>,
    online: Option<u64>,
    wanted: BTreeMap<String, Wanted>,
    unwanted: BTreeMap<Ticket, u64>,
    notes: BTreeMap<Vec<u8>, u64>,
}

/// Records of a message that has not ended.
#[derive(Debug, Default)]
struct Message {
    queued: Option<u64>,
    sent: Option<(u64, u16)>,
    released: Option<u64>,
}

/// Records of a filter that is wanted.
#[derive(Debug)]
struct Wanted {
    ticket: Ticket,
    number: u64,
    /// Also whether the server has refused it.
    granted: Option<(u64, bool)>,
}

impl Live {
    /// A record was made: whether it is needed itself. Those that are not needed any more are added to `dead`.
    ///
    /// None if it holds a packet that cannot be read.
    pub(crate) fn on_record(
        &mut self,
        number: u64,
        record: &Record<'_>,
        dead: &mut Vec<u64>,
    ) -> Option<bool> {
        Some(match *record {
            Record::Queued { ticket, .. } => {
                dead.extend(self.messages.entry(ticket).or_default().queued.replace(number));
                true
            }
            Record::Sent { ticket, packet_id } => self.on_sent(number, ticket, packet_id.get(), dead),
            Record::Released { packet_id, .. } => {
                let holder = self.holders.get(&packet_id.get());
                let message = holder.and_then(|ticket| self.messages.get_mut(ticket));
                message.map(|message| dead.extend(message.released.replace(number))).is_some()
            }
            Record::Ended { ticket } => {
                self.end(ticket, dead);
                false
            }
            Record::Reserved { packet_id } => {
                dead.extend(self.reserved.insert(packet_id.get(), number));
                true
            }
            Record::Taken { packet_id, .. } => {
                dead.extend(self.taken.insert(packet_id.get(), number));
                true
            }
            Record::Completed { packet_id } => {
                dead.extend(self.taken.remove(&packet_id.get()));
                false
            }
            Record::SessionLost {} => self.on_session_lost(number, dead),
            Record::Online { .. } => {
                dead.extend(self.online.replace(number));
                true
            }
            Record::Wanted { ticket, version, packet } => {
                let filter = filter_of(packet, version)?;
                let wanted = Wanted { ticket, number, granted: None };
                kill(self.wanted.insert(filter, wanted), dead);
                true
            }
            Record::Granted { ticket, code, filter } => {
                let wanted = self.wanted.get_mut(filter).filter(|wanted| wanted.ticket == ticket);
                let is_kept = wanted.map(|wanted| wanted.granted.replace((number, is_refusal(code))));
                dead.extend(is_kept.flatten().map(|(number, _)| number));
                is_kept.is_some()
            }
            Record::Unwanted { ticket, filter } => {
                kill(self.wanted.remove(filter), dead);
                dead.extend(self.unwanted.insert(ticket, number));
                true
            }
            Record::Unsubscribed { ticket } => {
                dead.extend(self.unwanted.remove(&ticket));
                false
            }
            Record::Dropped { filter } => {
                kill(self.wanted.remove(filter), dead);
                false
            }
            Record::Note { key, value } => {
                dead.extend(self.notes.remove(key.0));
                if !value.is_empty() {
                    self.notes.insert(key.0.to_vec(), number);
                }
                !value.is_empty()
            }
            // Of a later version: whoever wrote it knows what it is for.
            _ => true,
        })
    }

    fn on_sent(&mut self, number: u64, ticket: Ticket, packet_id: u16, dead: &mut Vec<u64>) -> bool {
        let Some(message) = self.messages.get_mut(&ticket) else { return false };
        let before = message.sent.replace((number, packet_id));
        self.sent.insert(number);
        self.holders.insert(packet_id, ticket);
        before.into_iter().for_each(|(number, _)| self.end_sent(number, dead));
        true
    }

    fn end(&mut self, ticket: Ticket, dead: &mut Vec<u64>) {
        let Some(Message { queued, sent, released }) = self.messages.remove(&ticket) else {
            return;
        };
        dead.extend(queued.into_iter().chain(released));
        if let Some((number, packet_id)) = sent {
            if self.holders.get(&packet_id) == Some(&ticket) {
                self.holders.remove(&packet_id);
            }
            self.end_sent(number, dead);
        }
    }

    /// A lost session is remembered for what was sent in it.
    fn end_sent(&mut self, number: u64, dead: &mut Vec<u64>) {
        self.sent.remove(&number);
        dead.push(number);
        let before = self.lost.range(..number).next_back().map_or(0, |before| *before);
        let Some(&lost) = self.lost.range(number..).next() else { return };
        if self.sent.range(before..lost).next().is_none() {
            self.lost.remove(&lost);
            dead.push(lost);
        }
    }

    fn on_session_lost(&mut self, number: u64, dead: &mut Vec<u64>) -> bool {
        self.holders.clear();
        dead.extend(std::mem::take(&mut self.reserved).into_values());
        dead.extend(std::mem::take(&mut self.taken).into_values());
        for wanted in self.wanted.values_mut() {
            // What was refused is not asked for again.
            dead.extend(wanted.granted.take_if(|(_, is_refused)| !*is_refused).map(|(number, _)| number));
        }
        let before = self.lost.last().map_or(0, |before| *before);
        let is_needed = self.sent.range(before..).next().is_some();
        if is_needed {
            self.lost.insert(number);
        }
        is_needed
    }
}

fn kill(wanted: Option<Wanted>, dead: &mut Vec<u64>) {
    if let Some(Wanted { number, granted, .. }) = wanted {
        dead.push(number);
        dead.extend(granted.map(|(number, _)| number));
    }
}

fn is_refusal(code: ReasonCode) -> bool {
    code.is_error()
}

/// The one filter of a SUBSCRIBE.
fn filter_of(packet: &[u8], version: Version) -> Option<String> {
    match decode(packet, Context { version, sender: Some(Sender::Client) }).ok()? {
        Packet::Subscribe(subscribe) => {
            subscribe.filters.iter().next().map(|wanted| wanted.filter.as_str().into())
        }
        _ => None,
    }
}
