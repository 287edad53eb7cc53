//! Frames of WebSocket: taken apart as their bytes come, and put together around what is written.
//!
//! MQTT needs no messages, only their bytes in order, so that a frame is never gathered: what it carries is handed on
//! as it arrives, and no length that is announced takes memory or has a limit. [5.0 MQTT-6.0.0-2]

use std::hash::{BuildHasher, RandomState};
use std::io::IoSlice;

/// Which side of the connection is ours. Frames of a client are masked, those of a server are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    /// What the other side is.
    pub(crate) fn peer(self) -> &'static str {
        match self {
            Role::Client => "server",
            Role::Server => "client",
        }
    }
}

/// Takes the frames of the other side apart.
#[derive(Debug)]
pub(crate) struct Decoder {
    role: Role,
    /// The beginning of a frame, until its length is there.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// What the control frame that is being read has carried so far.
    control: Vec<u8>,
    /// Whether the last frame of a message is still to come.
    is_in_message: bool,
    ping: Option<Vec<u8>>,
}

/// A frame whose payload is being read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: u8,
    /// Bytes that are still to come.
    left: u64,
    /// What the next bytes are masked with; nothing is changed by 0.
    mask: [u8; 4],
}

/// What some bytes gave.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Payload, which was moved to the front of the bytes.
    pub(crate) len: usize,
    /// Why nothing follows.
    pub(crate) end: Option<End>,
}

/// Why nothing follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side has closed the WebSocket.
    Closed {
        /// As RFC 6455, section 7.4, lists them.
        code: u16,
        /// At most 123 bytes.
        reason: String,
    },
    /// What came is no frame that the other side may send here.
    Broken {
        /// The code that it gets.
        code: u16,
        text: &'static str,
    },
}

pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PONG: u8 = 10;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const PING: u8 = 9;

/// A normal end, and no code at all, which counts as one.
pub(crate) const CODE_NORMAL: u16 = 1000;
const CODE_NONE: u16 = 1005;
const CODE_PROTOCOL: u16 = 1002;
const CODE_UNSUPPORTED: u16 = 1003;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// Payload of a control frame, in bytes at the most.
const CONTROL_MAX: u64 = 125;

const fn broken(text: &'static str) -> End {
    End::Broken { code: CODE_PROTOCOL, text }
}

impl Decoder {
    /// For the frames that come to that side.
    pub(crate) fn new(role: Role) -> Decoder {
        Decoder { role, head: Vec::new(), frame: None, control: Vec::new(), is_in_message: false, ping: None }
    }

    /// Takes the frames in `bytes` apart, up to the first that ends the stream; a frame that is not whole goes on with
    /// the next bytes.
    pub(crate) fn decode(&mut self, bytes: &mut [u8]) -> Decoded {
        let (mut at, mut len) = (0, 0);
        loop {
            let Some(frame) = &mut self.frame else {
                let Some(byte) = bytes.get(at) else { return Decoded { len, end: None } };
                self.head.push(*byte);
                at += 1;
                if let Err(end) = self.read_head() {
                    return Decoded { len, end: Some(end) };
                }
                continue;
            };
            let there = bytes.len() - at;
            let part = usize::try_from(frame.left).map_or(there, |left| left.min(there));
            apply_mask(&mut bytes[at..at + part], frame.mask);
            frame.mask.rotate_left(part % 4);
            if is_control(frame.opcode) {
                self.control.extend_from_slice(&bytes[at..at + part]);
            } else {
                bytes.copy_within(at..at + part, len);
                len += part;
            }
            at += part;
            frame.left -= part as u64;
            if frame.left > 0 {
                return Decoded { len, end: None };
            }
            if let Some(end) = self.end_frame() {
                return Decoded { len, end: Some(end) };
            }
        }
    }

    /// The payload of the last ping that was not answered yet; the others need no answer.
    pub(crate) fn take_ping(&mut self) -> Option<Vec<u8>> {
        self.ping.take()
    }

    /// Begins a frame once its head is whole; a wrong one is refused with its second byte.
    fn read_head(&mut self) -> Result<(), End> {
        let [first, second, rest @ ..] = &*self.head else { return Ok(()) };
        let (opcode, is_final) = (first & 0x0f, first & FINAL != 0);
        if first & RESERVED != 0 {
            return Err(broken("reserved bits of a frame are set"));
        }
        match (self.role, second & MASKED != 0) {
            (Role::Client, true) => return Err(broken("a frame of the server is masked")),
            (Role::Server, false) => return Err(broken("a frame of the client is not masked")),
            (Role::Client, false) | (Role::Server, true) => {}
        }
        let short_len = second & !MASKED;
        match opcode {
            CONTINUATION if !self.is_in_message => {
                return Err(broken("a message goes on that has not begun"));
            }
            BINARY if self.is_in_message => return Err(broken("a message begins within another one")),
            // [5.0 MQTT-6.0.0-1]
            TEXT => {
                return Err(End::Broken { code: CODE_UNSUPPORTED, text: "text came, and MQTT is binary" });
            }
            CONTINUATION | BINARY => {}
            CLOSE | PING | PONG if is_final && u64::from(short_len) <= CONTROL_MAX => {}
            CLOSE | PING | PONG => return Err(broken("a control frame is too long or in pieces")),
            _ => return Err(broken("a frame of an unknown kind")),
        }
        let (left, mask) = match (short_len, rest) {
            (126, [high, low, mask @ ..]) => (u16::from_be_bytes([*high, *low]).into(), mask),
            (126, _) => return Ok(()),
            (127, rest) => match rest.split_first_chunk() {
                Some((len, _)) if len[0] & 0x80 != 0 => {
                    return Err(broken("the length of a frame is out of range"));
                }
                Some((len, mask)) => (u64::from_be_bytes(*len), mask),
                None => return Ok(()),
            },
            (len, mask) => (u64::from(len), mask),
        };
        let mask = match (self.role, mask.first_chunk()) {
            (Role::Client, _) => [0; 4],
            (Role::Server, Some(mask)) => *mask,
            (Role::Server, None) => return Ok(()),
        };
        if !is_control(opcode) {
            self.is_in_message = !is_final;
        }
        self.head.clear();
        self.frame = Some(Frame { opcode, left, mask });
        Ok(())
    }

    /// All of a frame is there.
    fn end_frame(&mut self) -> Option<End> {
        let frame = self.frame.take()?;
        let payload = std::mem::take(&mut self.control);
        match frame.opcode {
            PING => self.ping = Some(payload),
            CLOSE => return Some(closed(&payload)),
            _ => {}
        }
        None
    }
}

fn is_control(opcode: u8) -> bool {
    opcode & 8 != 0
}

fn closed(payload: &[u8]) -> End {
    match payload {
        [] => End::Closed { code: CODE_NONE, reason: String::new() },
        [high, low, reason @ ..] => End::Closed {
            code: u16::from_be_bytes([*high, *low]),
            reason: String::from_utf8_lossy(reason).into_owned(),
        },
        [_] => broken("half a code in a close"),
    }
}

impl End {
    /// Whether it is an end that was asked for or needs no reason.
    pub(crate) fn is_normal(&self) -> bool {
        matches!(self, End::Closed { code: CODE_NORMAL | CODE_NONE, .. })
    }

    /// The code of the close that answers it. Some codes are never sent, whoever sent them first.
    pub(crate) fn answer_code(&self) -> u16 {
        match self {
            End::Closed { code: CODE_NONE, .. } => CODE_NORMAL,
            End::Closed { code: code @ (1000..=1003 | 1007..=1014 | 3000..=4999), .. } => *code,
            End::Closed { .. } => CODE_PROTOCOL,
            End::Broken { code, .. } => *code,
        }
    }
}

/// Masks that nobody foresees who does not know the key, as RFC 6455, section 5.3, wants them: a keyed hash of a
/// counter, whose key the system has drawn. A server has none.
#[derive(Debug)]
pub(crate) struct Masks {
    key: Option<RandomState>,
    count: u64,
}

impl Masks {
    pub(crate) fn new(role: Role) -> Masks {
        let key = match role {
            Role::Client => Some(RandomState::new()),
            Role::Server => None,
        };
        Masks { key, count: 0 }
    }

    fn next(&mut self) -> Option<[u8; 4]> {
        self.count += 1;
        let [a, b, c, d, ..] = self.key.as_ref()?.hash_one(self.count).to_ne_bytes();
        Some([a, b, c, d])
    }
}

/// Appends one frame around the first bytes of the chunks, [`FRAME_MAX`] at the most, and says how many those are.
pub(crate) fn put_frame(opcode: u8, chunks: &[IoSlice<'_>], masks: &mut Masks, out: &mut Vec<u8>) -> usize {
    let len = chunks.iter().map(|chunk| chunk.len()).sum::<usize>().min(FRAME_MAX);
    let mask = masks.next();
    let masked = if mask.is_some() { MASKED } else { 0 };
    out.reserve(HEAD_MAX + len);
    out.push(FINAL | opcode);
    match len {
        0..126 => out.push(masked | len as u8),
        126..65_536 => {
            out.push(masked | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
    let start = out.len();
    for chunk in chunks {
        let room = start + len - out.len();
        out.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    if let Some(mask) = mask {
        apply_mask(&mut out[start..], mask);
    }
    len
}

/// In pieces of a size that is known, so that a machine takes each at once.
fn apply_mask(bytes: &mut [u8], mask: [u8; 4]) {
    if mask == [0; 4] {
        return;
    }
    const WIDTH: usize = 32;
    let wide: [u8; WIDTH] = std::array::from_fn(|index| mask[index % 4]);
    for piece in bytes.chunks_mut(WIDTH) {
        piece.iter_mut().zip(wide).for_each(|(byte, key)| *byte ^= key);
    }
}

/// Payload of one frame, in bytes at the most.
pub(crate) const FRAME_MAX: usize = 64 * 1024;

/// Two bytes, a length of eight, and the mask.
const HEAD_MAX: usize = 14;

#[cfg(test)]
mod tests;
