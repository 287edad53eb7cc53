//! The embedded broker on real sockets, against clients that do not read, do not close, or never finish what they began.

mod raw;
mod bounds;
mod endings;
