//! What both sides agree on before they speak.

/// Iterations that a server may not go below. (RFC 7677, section 4)
pub const ITERATIONS_MIN: u32 = 4096;
