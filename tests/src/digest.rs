//! A few letters for many bytes, by which runs on different machines are compared.

/// FNV-1a of 64 bits in hexadecimal: the same on every machine.
pub fn digest(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}
