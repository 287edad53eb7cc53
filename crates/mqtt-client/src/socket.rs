//! Options of sockets: plain values that every adapter applies.

use std::net::IpAddr;
use std::time::Duration;

mqtt_session::options! {
/// Options of sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Whether small packets go out at once (`TCP_NODELAY`). Default: true; the client gathers writes itself.
    pub nodelay: bool = true,
    /// How long a silent connection is left alone before the system asks the other side, in whole seconds from 1 to
    /// 32,767; what is outside counts as the nearest of them. Default: never.
    pub keep_alive: Option<Duration> = None,
    /// Size of the system's send buffer in bytes. Default: the system's choice.
    pub send_buffer_size: Option<usize> = None,
    /// Size of the system's receive buffer in bytes. Default: the system's choice.
    pub receive_buffer_size: Option<usize> = None,
    /// Address from which connections are made. Default: the system's choice.
    pub bind: Option<IpAddr> = None,
}
}
