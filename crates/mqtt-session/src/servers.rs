//! Which server is tried next: a round over the list, and detours to where a server sends its clients.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use mqtt_parts::Rng;
use mqtt_proto::ReasonCode;

use crate::config::{ServerOrder, Servers};

/// The server to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// That of the list, by its number from 0.
    Listed(u16),
    /// The one that a server has named; usually `HOST` or `HOST:PORT`, several with spaces between.
    Named(&'a str),
}

/// The choice of a server.
#[derive(Debug)]
pub(crate) struct Choice {
    config: Servers,
    /// The order of this round, as numbers of the list; empty while the order is that of the list.
    round: Vec<u16>,
    /// Position in the round.
    at: u16,
    /// Where the last server has sent us.
    detour: Option<Box<Detour>>,
    /// Detours since the last wait.
    redirects: u8,
}

#[derive(Debug)]
struct Detour {
    reference: String,
    /// Whether it takes the place of the list for good.
    is_move: bool,
}

impl Choice {
    pub(crate) fn new(config: Servers, rng: &mut Rng) -> Choice {
        let mut choice = Choice { config, round: Vec::new(), at: 0, detour: None, redirects: 0 };
        choice.start_round(rng);
        choice
    }

    pub(crate) fn target(&self) -> Target<'_> {
        match &self.detour {
            Some(detour) => Target::Named(&detour.reference),
            None => Target::Listed(self.round.get(usize::from(self.at)).copied().unwrap_or(self.at)),
        }
    }

    /// A server sends its client elsewhere; true if it goes there at once.
    pub(crate) fn redirect(&mut self, reason: ReasonCode, reference: Option<&str>) -> bool {
        let Some(reference) = reference.filter(|_| self.redirects < self.config.redirects_max) else {
            return false;
        };
        self.redirects += 1;
        let is_move = reason == ReasonCode::ServerMoved;
        self.detour = Some(Box::new(Detour { reference: reference.into(), is_move }));
        true
    }

    /// After a failed attempt; true if the next server of the round is tried at once.
    pub(crate) fn advance(&mut self) -> bool {
        match &self.detour {
            Some(detour) if detour.is_move => false,
            Some(_) => {
                self.detour = None;
                self.step()
            }
            None => self.step(),
        }
    }

    fn step(&mut self) -> bool {
        self.at += 1;
        self.at < self.config.count.get()
    }

    /// All were tried, or a connection has ended.
    pub(crate) fn start_round(&mut self, rng: &mut Rng) {
        self.at = 0;
        self.redirects = 0;
        self.detour.take_if(|detour| !detour.is_move);
        if self.config.order == ServerOrder::Shuffled {
            self.round.clear();
            self.round.extend(0..self.config.count.get());
            for last in (1..self.round.len()).rev() {
                let other = rng.below(last as u64 + 1) as usize;
                self.round.swap(last, other);
            }
        }
    }
}
