//! Each check against the same question asked byte by byte, for every length, place and byte around the words.

use super::*;
use std::vec::Vec;

/// Bytes that mean something, and those that a borrow or a carry could mistake for them.
const BYTES: &[u8] = b"\x00\x01\x08\x22#$*+,-./az\x7f\x80\x81\xa3\xab\xff";

fn each_text(mut visit: impl FnMut(&[u8])) {
    // Around every word of short strings, and where long ones begin.
    for len in (0..=40).chain(110..=114).chain([128, 129]) {
        let fillers: &[u8] = if len > 40 { b"a*" } else { b"a\x01*\"\x7f/" };
        for &filler in fillers {
            let mut text: Vec<u8> = std::vec![filler; len];
            visit(&text);
            for at in 0..len {
                for byte in BYTES {
                    text[at] = *byte;
                    visit(&text);
                    // A second one beside it, across every border between words.
                    if let Some(next) = text.get_mut(at + 1) {
                        let kept = std::mem::replace(next, b'+');
                        visit(&text);
                        text[at + 1] = kept;
                    }
                }
                text[at] = filler;
            }
        }
    }
}

#[test]
fn fused_checks_see_what_single_bytes_say() {
    let is_wildcard = |byte: &u8| matches!(byte, b'+' | b'#');
    each_text(|text| {
        let nul = text.contains(&0);
        let wildcard = text.iter().any(is_wildcard);
        assert_eq!(has_nul(text), nul, "{text:?}");
        assert_eq!(has_nul_or_wildcard(text), nul || wildcard, "{text:?}");
        assert_eq!(is_plain(text), !nul && text.is_ascii(), "{text:?}");
        assert_eq!(is_plain_name(text), !nul && !wildcard && text.is_ascii(), "{text:?}");
    });
}

#[test]
fn wildcards_are_found_in_every_word() {
    each_text(|text| {
        let levels: Vec<&[u8]> = text.split(|byte| *byte == b'/').collect();
        let fills = levels.iter().enumerate().all(|(index, level)| {
            let is_last = index + 1 == levels.len();
            match *level {
                b"+" => true,
                b"#" => is_last,
                level => !level.iter().any(|byte| matches!(byte, b'+' | b'#')),
            }
        });
        assert_eq!(wildcards_fill_levels(text), fills, "{text:?}");
    });
}
