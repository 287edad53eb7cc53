//! The floor's checks of strings, eight bytes at a time.

#[cold]
pub(super) fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

/// The bit in which `+` and `#` differ.
pub(super) const WILDCARD_BIT: u8 = b'+' ^ b'#';

/// Whether all bytes are ASCII and none is U+0000, or with `WILDCARD_BIT` a wildcard.
#[inline(always)]
pub(super) fn is_plain(bytes: &[u8], wildcard_bit: u8) -> bool {
    let hits = |word: u64| {
        let wildcard = (word | (ONES * u64::from(wildcard_bit))) ^ (ONES * u64::from(b'+'));
        let is_wildcard = if wildcard_bit == 0 { 0 } else { wildcard.wrapping_sub(ONES) };
        (word.wrapping_sub(ONES) | word | is_wildcard) & HIGHS
    };
    if let Some(last) = bytes.last_chunk::<8>() {
        let mut found = hits(u64::from_le_bytes(*last));
        let mut rest = bytes;
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            found |= hits(u64::from_le_bytes(*word));
            rest = after;
        }
        return found == 0;
    }
    bytes.iter().all(|byte| (1..0x80).contains(byte) && (wildcard_bit == 0 || !matches!(byte, b'+' | b'#')))
}

/// Whether wildcards fill a level: after a slash or first, before a slash or last. Eight bytes are searched at once.
#[inline(always)]
pub(super) fn wildcards_are_free(filter: &[u8]) -> bool {
    let is_free = |at: usize| {
        let begins = at == 0 || filter[at - 1] == b'/';
        match (filter[at], filter.get(at + 1)) {
            (b'+', Some(b'/') | None) | (b'#', None) => begins,
            (b'+' | b'#', _) => false,
            _ => true,
        }
    };
    let mut at = 0;
    while let Some(word) = filter[at..].first_chunk::<8>() {
        let word = (u64::from_le_bytes(*word) | (ONES * u64::from(WILDCARD_BIT))) ^ (ONES * u64::from(b'+'));
        let mut found = word.wrapping_sub(ONES) & !word & HIGHS;
        while found != 0 {
            if !is_free(at + found.trailing_zeros() as usize / 8) {
                return false;
            }
            found &= found - 1;
        }
        at += 8;
    }
    (at..filter.len()).all(is_free)
}
