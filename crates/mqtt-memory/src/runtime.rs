//! The network of a world as the runtime of its clients.

use std::future::Future;
use std::io;
use std::rc::Rc;

use mqtt_client::adapter::Route;
use mqtt_transport::{Connection, Runtime};

use crate::executor::Timer;
use crate::link::{End, Watch};
use crate::network::Network;

/// The network as one client sees it, who has that name here.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) network: Rc<Network>,
    pub(crate) name: Rc<str>,
}

impl Runtime for Memory {
    type Socket = Watch;
    type Link = End;
    type Timer = Timer;

    /// Whatever the route says, it leads to the broker of the world.
    fn dial(&self, _: Route) -> impl Future<Output = io::Result<Connection<Watch, End>>> {
        let dial = Rc::clone(&self.network).dial(Rc::clone(&self.name));
        async { dial.await.map(|link| Connection { socket: link.watch(), link }) }
    }

    fn timer(&self) -> Timer {
        Timer::new(&self.network.executor)
    }
}
