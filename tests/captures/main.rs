//! Captures of sessions: those of the folder replay equal, and so does whatever is recorded here; what is masked is
//! nowhere in a log, and a difference or a damage is found where it is.

mod conversation;

mod folder;
mod masked;
mod pieces;
mod difference;
mod damage;
mod sinks;
mod bytes;
