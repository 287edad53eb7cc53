//! Measurements: the codec and the session beside a floor and beside other crates, in one run.
//!
//! A contestant runs one batch and says how long that took, so that whatever its interface needs beforehand is not
//! counted. Figures are compared within one run and as ratios; rounds are interleaved, and the median counts.

pub mod server;
pub mod samples;
pub mod floor;
pub mod contest;
pub mod codec;
pub mod topics;
pub mod peer_session;
pub mod session;

use contest::Case;

/// All cases of the codec.
pub fn cases() -> impl Iterator<Item = Case> {
    codec::decode_cases().chain(codec::encode_cases()).chain(topics::topic_cases())
}
