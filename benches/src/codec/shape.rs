//! How every codec is used to decode: one driver, three shapes, and what is read of each packet.
//!
//! A codec says how it takes the next packet off its input and what it finds in one; all else is the same code for all
//! of them. Each packet is handed on by reference through an opaque barrier, and read only then.

use std::hint::black_box;

use crate::contest::{Contestant, Run};

/// A codec that decodes.
pub(crate) trait Codec: 'static {
    /// Who.
    const NAME: &'static str;
    /// What holds the bytes that came in.
    type Buffer: Buffer;
    /// A packet.
    type Packet<'b>;
    /// What its decoder returns.
    type Decoded<'b>: Decoded<Self::Packet<'b>>;

    /// Takes the next packet off the input, if a whole one is there.
    fn decode<'b>(input: &mut Input<'b, Self>) -> Self::Decoded<'b>;

    /// The sum of all that a user reads: see [`crate::codec`].
    fn read(packet: &Self::Packet<'_>) -> u64;
}

pub(crate) type Input<'b, C> = <<C as Codec>::Buffer as Buffer>::Input<'b>;

/// What holds the bytes that came in.
pub(crate) trait Buffer {
    /// What packets are taken off.
    type Input<'b>
    where
        Self: 'b;

    /// An empty buffer with room for that many bytes.
    fn with_capacity(capacity: usize) -> Self;
    /// Appends bytes.
    fn push(&mut self, bytes: &[u8]);
    /// The bytes that are there.
    fn input(&mut self) -> Self::Input<'_>;
    /// How many bytes have not been taken.
    fn left(input: &Self::Input<'_>) -> usize;
    /// Drops all bytes but the last `left`.
    fn keep(&mut self, left: usize);
}

/// Bytes that packets borrow from.
pub(crate) struct Slice(Vec<u8>);

impl Buffer for Slice {
    type Input<'b> = &'b [u8];

    fn with_capacity(capacity: usize) -> Slice {
        Slice(Vec::with_capacity(capacity))
    }

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn input(&mut self) -> &[u8] {
        &self.0
    }

    fn left(input: &&[u8]) -> usize {
        input.len()
    }

    fn keep(&mut self, left: usize) {
        let taken = self.0.len() - left;
        self.0.copy_within(taken.., 0);
        self.0.truncate(left);
    }
}

impl Buffer for bytes::BytesMut {
    type Input<'b> = &'b mut bytes::BytesMut;

    fn with_capacity(capacity: usize) -> bytes::BytesMut {
        bytes::BytesMut::with_capacity(capacity)
    }

    fn push(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn input(&mut self) -> &mut bytes::BytesMut {
        self
    }

    fn left(input: &&mut bytes::BytesMut) -> usize {
        input.len()
    }

    fn keep(&mut self, _left: usize) {}
}

/// What a decoder returns: a packet, or none for one of several reasons.
pub(crate) trait Decoded<P> {
    /// The packet where it lies.
    fn packet(&self) -> Option<&P>;
    /// The packet, moved out.
    fn into_packet(self) -> Option<P>;
}

impl<P> Decoded<P> for Option<P> {
    #[inline(always)]
    fn packet(&self) -> Option<&P> {
        self.as_ref()
    }

    #[inline(always)]
    fn into_packet(self) -> Option<P> {
        self
    }
}

impl<P, E> Decoded<P> for Result<P, E> {
    #[inline(always)]
    fn packet(&self) -> Option<&P> {
        self.as_ref().ok()
    }

    #[inline(always)]
    fn into_packet(self) -> Option<P> {
        self.ok()
    }
}

impl<P, E> Decoded<P> for Result<Option<P>, E> {
    #[inline(always)]
    fn packet(&self) -> Option<&P> {
        self.as_ref().ok()?.as_ref()
    }

    #[inline(always)]
    fn into_packet(self) -> Option<P> {
        self.ok()?
    }
}

/// Where a packet is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// In the loop that decoded it, and what the decoder returned is only borrowed.
    InPlace,
    /// Behind an inlined function that returns `Option<Packet>`.
    Inlined,
    /// Behind such a function that is called, as in a read loop with a crate of its own.
    Called,
}

impl Shape {
    /// All shapes, in the order of the tables.
    pub const ALL: [Shape; 3] = [Shape::InPlace, Shape::Inlined, Shape::Called];

    /// As the tables name it.
    pub const fn name(self) -> &'static str {
        match self {
            Shape::InPlace => "in place",
            Shape::Inlined => "inlined",
            Shape::Called => "called",
        }
    }
}

#[inline(always)]
fn next_inlined<'b, C: Codec>(input: &mut Input<'b, C>) -> Option<C::Packet<'b>> {
    C::decode(input).into_packet()
}

#[inline(never)]
fn next_called<'b, C: Codec>(input: &mut Input<'b, C>) -> Option<C::Packet<'b>> {
    C::decode(input).into_packet()
}

#[inline(always)]
fn look<C: Codec>(packet: &C::Packet<'_>) -> u64 {
    C::read(black_box(packet))
}

/// Takes all whole packets off the buffer and reads them.
fn turn<C: Codec>(shape: Shape) -> fn(&mut C::Buffer) -> u64 {
    match shape {
        Shape::InPlace => turn_in_place::<C>,
        Shape::Inlined => turn_inlined::<C>,
        Shape::Called => turn_called::<C>,
    }
}

#[inline(never)]
fn turn_in_place<C: Codec>(buffer: &mut C::Buffer) -> u64 {
    let mut input = buffer.input();
    let mut sum = 0;
    loop {
        let decoded = C::decode(&mut input);
        let Some(packet) = decoded.packet() else { break };
        sum += look::<C>(packet);
    }
    let left = C::Buffer::left(&input);
    drop(input);
    buffer.keep(left);
    sum
}

#[inline(never)]
fn turn_inlined<C: Codec>(buffer: &mut C::Buffer) -> u64 {
    let mut input = buffer.input();
    let mut sum = 0;
    while let Some(packet) = next_inlined::<C>(&mut input) {
        sum += look::<C>(&packet);
    }
    let left = C::Buffer::left(&input);
    drop(input);
    buffer.keep(left);
    sum
}

#[inline(never)]
fn turn_called<C: Codec>(buffer: &mut C::Buffer) -> u64 {
    let mut input = buffer.input();
    let mut sum = 0;
    while let Some(packet) = next_called::<C>(&mut input) {
        sum += look::<C>(&packet);
    }
    let left = C::Buffer::left(&input);
    drop(input);
    buffer.keep(left);
    sum
}

/// The stream as one read, or as reads of `chunk_size` bytes; filling a buffer with a whole stream is not counted.
pub(crate) fn decoding<C: Codec>(
    stream: &[u8],
    packets: usize,
    chunk_size: Option<usize>,
    shape: Shape,
) -> Contestant {
    let stream = stream.to_vec();
    let turn = turn::<C>(shape);
    let run = move || {
        let mut buffer;
        let run = match chunk_size {
            None => {
                buffer = C::Buffer::with_capacity(stream.len());
                buffer.push(&stream);
                Run::timed(|| turn(black_box(&mut buffer)))
            }
            Some(chunk_size) => {
                buffer = C::Buffer::with_capacity(8 * chunk_size);
                let mut read = |chunk| {
                    buffer.push(chunk);
                    turn(black_box(&mut buffer))
                };
                Run::timed(|| stream.chunks(chunk_size).map(&mut read).sum())
            }
        };
        assert_eq!(C::Buffer::left(&buffer.input()), 0, "{} reads all", C::NAME);
        run
    };
    Contestant { name: C::NAME, packets, run: Box::new(run) }
}

/// Size of the first packet, for codecs that do not say how much they took; none unless it is whole.
#[inline(always)]
pub(crate) fn whole_len(bytes: &[u8]) -> Option<usize> {
    let mut remaining = 0;
    for (index, byte) in bytes.get(1..)?.iter().take(4).enumerate() {
        remaining |= usize::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            let len = 2 + index + remaining;
            return (len <= bytes.len()).then_some(len);
        }
    }
    None
}
