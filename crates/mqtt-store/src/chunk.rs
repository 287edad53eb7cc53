//! How records lie in rows: in chunks, each the value of one row.
//!
//! | row | key | value |
//! |---|---|---|
//! | format | `f` | version of this layout, 1 byte |
//! | chunk | `c`, length of the client identifier 2, client identifier, number of the first record 8 | see below |
//! | needless records | the key of a chunk, `d` | one bit for each number from that of the chunk on, lowest first |
//!
//! A chunk: `mqttrec1`, CRC-32 of what follows 4, length of the client identifier 2, client identifier, number of the first
//! record 8, then of each record: its number less that of the first 4, length 4, bytes. All numbers are big-endian. So a
//! chunk is known as one wherever it lies, and can be found in a file that cannot be opened any more.

/// Version of the layout.
pub(crate) const FORMAT: u8 = 1;

/// Key of the row that has the version.
pub(crate) const FORMAT_KEY: &[u8] = b"f";

const MAGIC: &[u8; 8] = b"mqttrec1";

/// In front of the client identifier.
const HEAD_LEN: usize = MAGIC.len() + 4 + 2;

/// What the keys of all rows of a client begin with.
pub(crate) fn client_prefix(client: &str) -> Vec<u8> {
    let len = u16::try_from(client.len()).expect("an identifier of CONNECT has 65,535 bytes at the most");
    let mut prefix = vec![b'c'];
    prefix.extend(len.to_be_bytes());
    prefix.extend(client.as_bytes());
    prefix
}

/// Key of the chunk whose first record has that number.
pub(crate) fn chunk_key(prefix: &[u8], first: u64) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend(first.to_be_bytes());
    key
}

/// Key of the row that says what is needless in a chunk.
pub(crate) fn dead_key(prefix: &[u8], first: u64) -> Vec<u8> {
    let mut key = chunk_key(prefix, first);
    key.push(b'd');
    key
}

/// What a key of a client's row names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    Chunk(u64),
    Dead(u64),
}

impl Row {
    pub(crate) fn of(key: &[u8], prefix_len: usize) -> Option<Row> {
        let (first, kind) = key.get(prefix_len..)?.split_first_chunk::<8>()?;
        let first = u64::from_be_bytes(*first);
        match kind {
            [] => Some(Row::Chunk(first)),
            b"d" => Some(Row::Dead(first)),
            _ => None,
        }
    }
}

/// A chunk that is being made.
#[derive(Debug)]
pub(crate) struct ChunkBuf {
    first: u64,
    bytes: Vec<u8>,
    records_from: usize,
}

impl ChunkBuf {
    pub(crate) fn new(client: &str, first: u64) -> ChunkBuf {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0; 4]);
        bytes.extend(&client_prefix(client)[1..]);
        bytes.extend(first.to_be_bytes());
        let records_from = bytes.len();
        ChunkBuf { first, bytes, records_from }
    }

    pub(crate) fn push(&mut self, number: u64, record: &[u8]) {
        let offset = u32::try_from(number - self.first).expect("a chunk has fewer numbers");
        let len = u32::try_from(record.len()).expect("a packet is smaller");
        self.bytes.extend(offset.to_be_bytes());
        self.bytes.extend(len.to_be_bytes());
        self.bytes.extend_from_slice(record);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == self.records_from
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        let sum = crc32fast::hash(&self.bytes[MAGIC.len() + 4..]);
        self.bytes[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&sum.to_be_bytes());
        self.bytes
    }
}

/// A chunk that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) client: &'a str,
    pub(crate) first: u64,
    records: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// None if these bytes are not what was written.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Chunk<'a>> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        if magic != MAGIC || u32::from_be_bytes(*sum) != crc32fast::hash(rest) {
            return None;
        }
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (client, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (first, records) = rest.split_first_chunk::<8>()?;
        let client = std::str::from_utf8(client).ok()?;
        Some(Chunk { client, first: u64::from_be_bytes(*first), records })
    }

    /// Number and bytes of each record.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let (first, mut rest) = (self.first, self.records);
        std::iter::from_fn(move || {
            let (offset, behind) = rest.split_first_chunk::<4>()?;
            let (len, behind) = behind.split_first_chunk::<4>()?;
            let (record, behind) = behind.split_at_checked(u32::from_be_bytes(*len) as usize)?;
            rest = behind;
            Some((first + u64::from(u32::from_be_bytes(*offset)), record))
        })
    }

    /// The chunk that begins with these bytes, and how many are its own; for files that cannot be opened any more.
    ///
    /// Its end is not written down: it is where the checksum fits, behind one of its records.
    pub(crate) fn find_at(bytes: &'a [u8]) -> Option<(Chunk<'a>, usize)> {
        let sum = u32::from_be_bytes(*bytes.get(MAGIC.len()..)?.first_chunk::<4>()?);
        let client_len = u16::from_be_bytes(*bytes.get(MAGIC.len() + 4..)?.first_chunk::<2>()?);
        let mut end = HEAD_LEN + usize::from(client_len) + 8;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(bytes.get(MAGIC.len() + 4..end)?);
        loop {
            let len = u32::from_be_bytes(*bytes.get(end + 4..)?.first_chunk::<4>()?) as usize;
            let next = end.checked_add(8)?.checked_add(len)?;
            hasher.update(bytes.get(end..next)?);
            end = next;
            if hasher.clone().finalize() == sum {
                return Some((Chunk::parse(&bytes[..end])?, end));
            }
        }
    }

    /// Where chunks may begin in a file.
    pub(crate) fn candidates(bytes: &[u8]) -> impl Iterator<Item = usize> {
        bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| window == MAGIC).map(|(at, _)| at)
    }
}
