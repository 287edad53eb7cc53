//! Conversations with a broker.

mod harness;

mod connect;
mod sessions;
mod wills;
mod incoming;
mod outgoing;
mod subscriptions;
mod shared;
mod retained;
mod limits;
mod input;
mod random;
mod sys;
mod authentication;
mod events;
