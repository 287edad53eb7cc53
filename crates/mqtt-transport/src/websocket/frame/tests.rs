//! Frames in every form and in every piece.

use super::*;

/// A frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(len as u8),
        len @ 126..65_536 => {
            bytes.push(126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame of a client, with a mask of its own.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(first, payload);
    let head_len = bytes.len() - payload.len();
    bytes[1] |= 0x80;
    let mask = [first, 0x55, payload.len() as u8, 0xa7];
    let hidden = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
    let hidden: Vec<u8> = hidden.collect();
    [&bytes[..head_len], &mask, &hidden].concat()
}

/// All payload, the pings that are left, and the end, of bytes in pieces of that size.
fn decode(bytes: &[u8], piece_size: usize) -> (Vec<u8>, Option<Vec<u8>>, Option<End>) {
    decode_as(Role::Client, bytes, piece_size)
}

fn decode_as(role: Role, bytes: &[u8], piece_size: usize) -> (Vec<u8>, Option<Vec<u8>>, Option<End>) {
    let mut decoder = Decoder::new(role);
    let mut payload = Vec::new();
    for piece in bytes.chunks(piece_size) {
        let mut piece = piece.to_vec();
        let decoded = decoder.decode(&mut piece);
        payload.extend_from_slice(&piece[..decoded.len]);
        if decoded.end.is_some() {
            return (payload, decoder.take_ping(), decoded.end);
        }
    }
    (payload, decoder.take_ping(), None)
}

#[test]
fn payload_passes_in_order_however_it_is_framed_and_cut() {
    let long: Vec<u8> = (0..70_000u32).map(|number| (number % 251) as u8).collect();
    let stream = [
        frame(0x82, b"whole"),
        frame(0x02, b"begun, "),
        frame(0x89, b"first"),
        frame(0x00, b""),
        frame(0x8a, b"nobody asked"),
        frame(0x80, b"ended"),
        frame(0x82, b""),
        frame(0x82, &long[..126]),
        frame(0x89, b"last"),
        frame(0x82, &long),
    ]
    .concat();
    let expected = [b"wholebegun, ended", &long[..126], &long[..]].concat();
    for piece_size in [1, 2, 3, 7, 100, 65_536, stream.len()] {
        let (payload, ping, end) = decode(&stream, piece_size);
        assert!(payload == expected, "{piece_size}: {} bytes", payload.len());
        assert_eq!((ping.as_deref(), end), (Some(&b"last"[..]), None), "{piece_size}");
    }
}

#[test]
fn a_server_unmasks_what_comes_however_it_is_cut() {
    let long: Vec<u8> = (0..70_000u32).map(|number| (number % 251) as u8).collect();
    let stream = [
        masked(0x82, b"whole"),
        masked(0x02, b"begun, "),
        masked(0x89, b"ping"),
        masked(0x00, b""),
        masked(0x80, b"ended"),
        masked(0x82, &long[..126]),
        masked(0x82, &long),
    ]
    .concat();
    let expected = [b"wholebegun, ended", &long[..126], &long[..]].concat();
    for piece_size in [1, 2, 3, 5, 7, 100, 65_536, stream.len()] {
        let (payload, ping, end) = decode_as(Role::Server, &stream, piece_size);
        assert!(payload == expected, "{piece_size}: {} bytes", payload.len());
        assert_eq!((ping.as_deref(), end), (Some(&b"ping"[..]), None), "{piece_size}");
    }
    let (_, _, end) = decode_as(Role::Server, &masked(0x88, b"\x03\xf0policy"), 1);
    assert_eq!(end, Some(End::Closed { code: 1008, reason: "policy".into() }));
}

#[test]
fn what_no_client_may_send_is_refused_behind_the_payload_before_it() {
    let rows: [(&[u8], u16, &str); 6] = [
        (b"\x82\x02hi", 1002, "not masked"),
        (b"\x82\x00", 1002, "not masked"),
        (b"\x89\x04ping", 1002, "not masked"),
        (b"\x81\x82\0\0\0\0hi", 1003, "text"),
        (b"\x89\xfe", 1002, "too long"),
        (b"\x82\xff\x80\0\0\0\0\0\0\0", 1002, "out of range"),
    ];
    for (bytes, code, word) in rows {
        let stream = [&masked(0x82, b"good")[..], bytes].concat();
        for piece_size in [1, 2, stream.len()] {
            let (payload, _, end) = decode_as(Role::Server, &stream, piece_size);
            assert_eq!(payload, b"good", "{bytes:02x?}");
            let Some(End::Broken { code: found, text }) = end else { panic!("{bytes:02x?}: {end:?}") };
            assert!(found == code && text.contains(word), "{bytes:02x?}: {found} {text}");
        }
    }
}

/// Nothing waits for the rest of a frame, and nothing is reserved for it.
#[test]
fn what_has_come_of_a_frame_is_passed_on_at_once() {
    for announced in [200 << 20, u64::MAX >> 1] {
        let mut decoder = Decoder::new(Role::Client);
        let mut bytes = [&[0x82, 127][..], &announced.to_be_bytes(), b"begin"].concat();
        assert_eq!(decoder.decode(&mut bytes).len, 5);
        assert_eq!(&bytes[..5], b"begin");
        let mut more = *b"more";
        assert_eq!(decoder.decode(&mut more).len, 4);
        assert!(decoder.head.capacity() + decoder.control.capacity() < 100);
    }
}

#[test]
fn what_no_server_may_send_is_refused_behind_the_payload_before_it() {
    let rows: [(&[u8], u16, &str); 12] = [
        (b"\x81\x02hi", 1003, "text"),
        (b"\x82\x82\0\0\0\0hi", 1002, "masked"),
        (b"\xc2\x02hi", 1002, "reserved"),
        (b"\x92\x02hi", 1002, "reserved"),
        (b"\x83\x00", 1002, "unknown kind"),
        (b"\x8b\x00", 1002, "unknown kind"),
        (b"\x80\x00", 1002, "has not begun"),
        (b"\x02\x00\x82\x00", 1002, "within another"),
        (b"\x09\x00", 1002, "in pieces"),
        (b"\x89\x7e", 1002, "too long"),
        (b"\x88\x01x", 1002, "half a code"),
        (b"\x82\x7f\x80\0\0\0\0\0\0\0", 1002, "out of range"),
    ];
    for (bytes, code, word) in rows {
        let stream = [b"\x82\x04good", bytes].concat();
        for piece_size in [1, 2, stream.len()] {
            let (payload, _, end) = decode(&stream, piece_size);
            assert_eq!(payload, b"good", "{bytes:02x?}");
            let Some(End::Broken { code: found, text }) = end else { panic!("{bytes:02x?}: {end:?}") };
            assert!(found == code && text.contains(word), "{bytes:02x?}: {found} {text}");
        }
    }
}

#[test]
fn a_close_says_why_and_is_answered_with_a_code_that_may_be_sent() {
    for (payload, code, reason, answer, is_normal) in [
        (&b""[..], 1005, "", 1000, true),
        (b"\x03\xe8", 1000, "", 1000, true),
        (b"\x03\xf0policy", 1008, "policy", 1008, false),
        (b"\x0f\xa0\xff", 4000, "\u{fffd}", 4000, false),
        (b"\x03\xee", 1006, "", 1002, false),
        (b"\0\0", 0, "", 1002, false),
    ] {
        let (_, _, end) = decode(&frame(0x88, payload), 1);
        assert_eq!(end, Some(End::Closed { code, reason: reason.into() }));
        let end = end.expect("just seen");
        assert_eq!((end.answer_code(), end.is_normal()), (answer, is_normal), "{code}");
    }
}

#[test]
fn frames_of_a_client_are_masked_and_no_longer_than_their_bound() {
    let bytes: Vec<u8> = (0..100_000u32).map(|number| (number % 251) as u8).collect();
    let mut masks = Masks::new(Role::Client);
    let mut seen = Vec::new();
    for size in [0, 1, 5, 125, 126, 1000, 65_535, 65_536, 65_537, 100_000] {
        let mut out = b"before".to_vec();
        let (one, other) = bytes[..size].split_at(size / 3);
        let len = put_frame(BINARY, &[IoSlice::new(one), IoSlice::new(other)], &mut masks, &mut out);
        assert_eq!(len, size.min(FRAME_MAX));
        let out = out.strip_prefix(b"before").expect("it is appended");
        assert!(out[0] == 0x82 && out[1] & 0x80 != 0);
        let mask_at = match out[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let (mask, payload) = out[mask_at..].split_at(4);
        let plain: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        assert!(plain == bytes[..len], "{size}");
        seen.push(mask.to_vec());
    }
    let mut plain = Vec::new();
    put_frame(BINARY, &[IoSlice::new(b"hi")], &mut Masks::new(Role::Server), &mut plain);
    assert_eq!(plain, b"\x82\x02hi", "a server masks nothing");
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 5, "no two frames have the same mask but by chance");
}
