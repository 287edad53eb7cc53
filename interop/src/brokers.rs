//! The brokers, one in a file.

mod mosquitto;
pub(crate) mod aedes;
pub(crate) mod amqtt;
mod ejabberd;
pub(crate) mod rabbitmq;

use crate::broker::Broker;

/// All of them, in the order in which they are checked.
pub(crate) const BROKERS: [Broker; 5] =
    [mosquitto::BROKER, aedes::BROKER, amqtt::BROKER, ejabberd::BROKER, rabbitmq::BROKER];
