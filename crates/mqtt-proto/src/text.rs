//! What strings may hold, checked many bytes at a time.
//!
//! Nearly all text on the wire is ASCII without U+0000 and without wildcards. One pass sees that, and then nothing
//! more need be asked; only what fails it is looked at closely. What was checked stays bytes, since only the
//! standard library can make a `str` of them, and does so by checking once more: whoever asks for text pays for it.

/// Text that was checked when it came in.
#[inline]
pub(crate) const fn checked(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        // It was checked, so this cannot be.
        Err(_) => "",
    }
}

/// Whether a string is ASCII without U+0000: then it is text.
#[inline(always)]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    !any(bytes, |word| word.wrapping_sub(ONES) | word)
}

/// Whether a string is ASCII without U+0000, `+` and `#`: then it is a topic name, unless it is empty.
#[inline(always)]
pub(crate) fn is_plain_name(bytes: &[u8]) -> bool {
    !any(
        bytes,
        // The second borrow only matters where no byte is above ASCII.
        |word| word.wrapping_sub(ONES) | word | wildcard_to_zero(word).wrapping_sub(ONES),
    )
}

/// Whether a string holds U+0000.
#[inline(always)]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    any(bytes, zero_byte)
}

/// Whether a string holds U+0000, `+` or `#`: what no topic name may hold.
#[inline(always)]
pub(crate) fn has_nul_or_wildcard(bytes: &[u8]) -> bool {
    any(bytes, zero_or_wildcard)
}

/// Has the highest bit of a byte set if one of the eight bytes is zero or a wildcard.
#[inline(always)]
pub(crate) const fn zero_or_wildcard(word: u64) -> u64 {
    zero_byte(word) | zero_byte(wildcard_to_zero(word))
}

/// Whether each wildcard fills a level, and `#` the last one.
#[inline(always)]
pub(crate) fn wildcards_fill_levels(levels: &[u8]) -> bool {
    let fills_level = |index: usize| {
        let begins = index == 0 || levels[index - 1] == b'/';
        match (levels[index], levels.get(index + 1)) {
            (b'+', next) => begins && next.is_none_or(|next| *next == b'/'),
            (b'#', next) => begins && next.is_none(),
            _ => true,
        }
    };
    let Some(last) = levels.last_chunk::<8>() else {
        return (0..levels.len()).all(fills_level);
    };
    let all_in = |start: usize, word: &[u8; 8]| {
        let mut wildcards = zero_byte(wildcard_to_zero(u64::from_le_bytes(*word))) & HIGHS;
        while wildcards != 0 {
            if !fills_level(start + wildcards.trailing_zeros() as usize / 8) {
                return false;
            }
            wildcards &= wildcards - 1;
        }
        true
    };
    let mut rest = levels;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        if !all_in(levels.len() - rest.len(), word) {
            return false;
        }
        rest = after;
    }
    rest.is_empty() || all_in(levels.len() - 8, last)
}

const ONES: u64 = 0x0101_0101_0101_0101;
pub(crate) const HIGHS: u64 = ONES << 7;

/// The two wildcards differ in one bit, so one comparison finds both.
const WILDCARD_BIT: u8 = b'+' ^ b'#';
const WILDCARDS: u8 = b'+' | b'#';

const fn wildcard_to_zero(word: u64) -> u64 {
    (word | (ONES * WILDCARD_BIT as u64)) ^ (ONES * WILDCARDS as u64)
}

/// Has the highest bit of a byte set if one of the eight bytes is zero; the other bits mean nothing.
#[inline(always)]
pub(crate) const fn zero_byte(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// Whether one of the bytes is a hit: `hits` sets the highest bit of a byte for one.
///
/// Eight bytes are looked at at once, and the last eight overlap those before them, so that none is looked at alone.
#[inline(always)]
fn any(bytes: &[u8], hits: impl Fn(u64) -> u64) -> bool {
    let found = if bytes.len() < 8 { fold_few(bytes, hits) } else { fold_words(bytes, hits) };
    found & HIGHS != 0
}

/// What `hits` says of fewer than eight bytes; those that are missing are no hit.
#[inline(always)]
pub(crate) fn fold_few(bytes: &[u8], hits: impl Fn(u64) -> u64) -> u64 {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            hits(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)))
        }
        _ => match (bytes.first(), bytes.get(bytes.len() / 2), bytes.last()) {
            // One to three bytes, of which some may be the same.
            (Some(first), Some(middle), Some(last)) => {
                let few = u32::from_le_bytes([*first, *middle, *last, 0]);
                hits(PADDING << 24 | u64::from(few))
            }
            _ => 0,
        },
    }
}

/// What `hits` says of at least eight bytes.
#[inline(always)]
pub(crate) fn fold_words(bytes: &[u8], hits: impl Fn(u64) -> u64) -> u64 {
    let mut found = bytes.last_chunk::<8>().map_or(0, |last| hits(u64::from_le_bytes(*last)));
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        found |= hits(u64::from_le_bytes(*word));
        rest = after;
    }
    found
}

/// Eight times `b'a'`, which no check looks for.
const PADDING: u64 = ONES * b'a' as u64;

#[cfg(test)]
mod tests;
