//! Messages that are under way: as many as make good use of the network, and no more than memory should hold.

use std::collections::VecDeque;

use mqtt_smol::{Client, PublishToken};

use super::message::Outgoing;
use crate::failure::Failure;

/// Messages whose outcome is awaited, oldest first.
pub(crate) struct Flight<'a> {
    client: &'a Client,
    under_way: VecDeque<(PublishToken, usize)>,
    bytes: usize,
}

/// Messages whose outcome is awaited at once.
const MESSAGES_MAX: usize = 1000;

/// Their payloads in bytes; one message may be larger, alone.
const BYTES_MAX: usize = 64 * 1024 * 1024;

impl<'a> Flight<'a> {
    pub(crate) fn new(client: &'a Client) -> Flight<'a> {
        Flight { client, under_way: VecDeque::new(), bytes: 0 }
    }

    /// Publishes a message once there is room for it.
    pub(crate) async fn launch(&mut self, message: Outgoing) -> Result<(), Failure> {
        let size = message.payload.len() + message.topic.len();
        while self.under_way.len() >= MESSAGES_MAX || self.bytes > 0 && self.bytes + size > BYTES_MAX {
            self.await_first().await?;
        }
        self.under_way.push_back((self.client.publish(message.publish())?, size));
        self.bytes += size;
        Ok(())
    }

    /// Awaits the outcome of all.
    pub(crate) async fn land(mut self) -> Result<(), Failure> {
        while !self.under_way.is_empty() {
            self.await_first().await?;
        }
        Ok(())
    }

    async fn await_first(&mut self) -> Result<(), Failure> {
        if let Some((token, size)) = self.under_way.pop_front() {
            self.bytes -= size;
            token.await?;
        }
        Ok(())
    }
}
