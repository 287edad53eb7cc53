//! Bytes of which long runs may be masked: in a log, a run takes next to nothing.

use alloc::vec;
use alloc::vec::Vec;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Stands for every masked byte: unlike 0 it may stand in any string.
pub(crate) const MASK: u8 = b'*';

/// Bytes that stand in a log as pieces, each with the number of masks behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masked(pub(crate) Vec<u8>);

/// Fewer masks than this are written as they are.
const RUN_MIN: usize = 8;

/// More masks than this are several runs, so that a damaged log cannot ask for any amount of memory.
const RUN_MAX: usize = 4096;

impl Serialize for Masked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pieces = Vec::new();
        let mut rest = &self.0[..];
        while !rest.is_empty() {
            let (piece_len, run_len) = next_run(rest);
            pieces.push((&rest[..piece_len], run_len));
            rest = &rest[piece_len + run_len..];
        }
        pieces.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Masked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Masked, D::Error> {
        let mut bytes = Vec::new();
        for (piece, run_len) in Vec::<(&'de [u8], usize)>::deserialize(deserializer)? {
            if run_len > RUN_MAX {
                return Err(D::Error::custom("more masks than one run has"));
            }
            bytes.extend_from_slice(piece);
            bytes.resize(bytes.len() + run_len, MASK);
        }
        Ok(Masked(bytes))
    }
}

/// Bytes in front of the next long run of masks, and its length.
fn next_run(bytes: &[u8]) -> (usize, usize) {
    let mut start = 0;
    while let Some(at) = bytes[start..].iter().position(|byte| *byte == MASK) {
        let masks = bytes[start + at..].iter().take(RUN_MAX).take_while(|byte| **byte == MASK).count();
        if masks >= RUN_MIN {
            return (start + at, masks);
        }
        start += at + masks;
    }
    (bytes.len(), 0)
}

/// As many masks as `bytes` has bytes, if that is wanted.
pub(crate) fn masked_if(is_wanted: bool, bytes: &[u8]) -> Vec<u8> {
    if is_wanted { vec![MASK; bytes.len()] } else { bytes.into() }
}
