//! Clients with a store: what is there after a crash, what a slow or full disk does, and files that are no good.

mod bytes;
mod client;
mod files;
mod torn;
