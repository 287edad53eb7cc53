//! The adapter in memory beside those with sockets: a world on a thread of its own, whose virtual time goes on for as
//! long as the scenario plays.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use mqtt_memory::{Event, Point, World};
use mqtt_proto::{Context, decode};
use mqtt_smol::{Client, Options};

use crate::scenario::Wire;

/// A client of a world, and a hand on its network.
pub(crate) struct Memory {
    cuts: Sender<()>,
    world: thread::JoinHandle<Vec<String>>,
}

impl Wire for Sender<()> {
    fn cut(&self) {
        self.send(()).expect("the world goes on");
    }
}

impl Memory {
    /// A world without faults, and a client in it that is not yet connected.
    pub(crate) fn start(options: Options) -> (Memory, Client) {
        let (cuts, cut) = channel();
        let (handover, client) = channel();
        let world = thread::spawn(move || {
            let name = options.config.client_id.clone();
            let world = World::calm(1);
            handover.send(world.client(options)).expect("the test waits for it");
            run(&world, &name, &cut);
            said(&world)
        });
        let client = client.recv().expect("the world has a client");
        (Memory { cuts, world }, client)
    }

    pub(crate) fn wire(&self) -> &dyn Wire {
        &self.cuts
    }

    /// What the client has said, once all its handles are gone.
    pub(crate) fn said(self) -> Vec<String> {
        drop(self.cuts);
        self.world.join().expect("nothing panics in the world")
    }
}

/// Lets time pass until nobody is left who could cut, breaking links on request.
fn run(world: &World, name: &str, cut: &Receiver<()>) {
    loop {
        match cut.try_recv() {
            Ok(()) => _ = world.cut(name),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
        world.run_for(Duration::from_millis(1));
        thread::yield_now();
    }
}

fn said(world: &World) -> Vec<String> {
    let mut said = Vec::new();
    world.for_each_record(|record| {
        if let Event::Packet { point: Point::ClientOut, version, frame, .. } = &record.event {
            let context = Context { version: *version, sender: Some(mqtt_proto::Sender::Client) };
            said.push(
                decode(frame, context).map_or_else(|error| error.to_string(), |packet| packet.to_string()),
            );
        }
    });
    said
}
