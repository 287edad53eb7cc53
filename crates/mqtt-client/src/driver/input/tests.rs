//! What stays of the memory, in the shapes of traffic that it is for.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{FIRST_PIECE, InputBuf, KEPT_MAX, PIECE, RETIRED_MAX};

/// Reads that much and takes it off as one message.
fn message(input: &mut InputBuf, len: usize) -> Bytes {
    let bytes = vec![b'x'; len];
    let mut read = &bytes[..];
    while !read.is_empty() {
        let piece = input.take(&mut read);
        input.extend(piece);
    }
    let message = input.bytes().split_to(len).freeze();
    input.give_large_back();
    message
}

#[test]
fn a_connection_that_reads_little_has_a_small_piece() {
    let mut input = InputBuf::default();
    for _read in 0..100 {
        drop(message(&mut input, 5));
        input.give_pieces_back(5);
        assert_eq!((input.piece_len, input.retired.capacity()), (FIRST_PIECE, 0));
    }
}

#[test]
fn memory_that_load_needed_goes_back_after_it() {
    let mut input = InputBuf::default();
    let kept: Vec<_> = (0..1_000).map(|_| message(&mut input, 100)).collect();
    assert_eq!((input.piece_len, input.retired.len()), (PIECE, RETIRED_MAX));
    input.give_pieces_back(100);
    assert_eq!((input.piece_len, input.retired.capacity()), (0, 0));
    drop(kept);
    drop(message(&mut input, 2 * KEPT_MAX));
    assert_eq!(input.piece_len, 0, "the memory of a large message goes at once");
}

/// As many pieces go round as messages wait, also where one message is kept for good.
#[test]
fn pieces_come_back_although_one_message_is_kept() {
    let mut input = InputBuf::default();
    let mut waiting = VecDeque::new();
    let mut kept = Vec::new();
    for number in 0..20_000 {
        waiting.push_back(message(&mut input, 100));
        if waiting.len() > 100 {
            let taken = waiting.pop_front();
            kept.extend(taken.filter(|_| number % 5_000 == 0));
        }
        assert!(number < 1_000 || input.retired.len() < RETIRED_MAX / 2, "message {number}");
    }
    assert_eq!(kept.len(), 3);
}

#[test]
fn a_packet_in_pieces_stays_in_one() {
    let mut input = InputBuf::default();
    let packet: Vec<u8> = (0..50_000_u32).map(|number| number as u8).collect();
    for chunk in packet.chunks(700) {
        let mut read = chunk;
        while !read.is_empty() {
            let piece = input.take(&mut read);
            input.extend(piece);
        }
    }
    assert_eq!(input.bytes()[..], packet);
}
