//! How every codec is used to encode: the packet comes through an opaque barrier, and the output goes into one.

use std::hint::black_box;

use super::ours::{Ours, Speaks};
use super::shape::Codec;
use crate::contest::{Contestant, Run};

/// A codec that encodes.
pub(crate) trait Encoding: 'static {
    /// Who.
    const NAME: &'static str;
    /// A packet to encode.
    type Item: 'static;
    /// Where it goes.
    type Out: 'static;
    /// Whether encoding consumes the packet, so that each needs a copy of its own, which is made beforehand.
    const CONSUMES: bool = false;

    /// The packet that has this encoding.
    fn item(wire: &[u8]) -> Self::Item;
    /// Room for that many bytes.
    fn out(capacity: usize) -> Self::Out;
    /// Encodes in place of what was there before.
    fn encode(item: &mut Self::Item, out: &mut Self::Out);
    /// What was written.
    fn written(out: &mut Self::Out) -> Vec<u8>;
}

/// Packets that one run encodes.
const ENCODED: usize = 1000;

/// Encodes the packet again and again.
pub(crate) fn encoding<E: Encoding, V: Speaks>(wire: &[u8]) -> Contestant {
    let wire = wire.to_vec();
    let mut out = E::out(2 * wire.len() + 64);
    let mut kept = vec![E::item(&wire)];
    let run = move || {
        if E::CONSUMES {
            kept = (0..ENCODED).map(|_| E::item(&wire)).collect();
        }
        let run = Run::timed(|| {
            for index in 0..ENCODED {
                let index = if E::CONSUMES { index } else { 0 };
                E::encode(black_box(&mut kept[index]), &mut out);
                black_box(&out);
            }
            0
        });
        // Some put more into an acknowledgement than must be there, so not the bytes are compared but what they say.
        let written = E::written(&mut out);
        let packet = Ours::<V>::decode(&mut &written[..]).expect("a good packet").expect("a whole packet");
        Run { seen: Ours::<V>::read(&packet), ..run }
    };
    Contestant { name: E::NAME, packets: ENCODED, run: Box::new(run) }
}
