//! Enhanced authentication: dialogues before CONNACK and later, and what must not be said in them.

use alloc::boxed::Box;
use alloc::sync::Arc;

use mqtt_proto::{Auth, Connect, Packet, Properties, Property, ReasonCode};

use super::harness::{World, v5};
use crate::authentication::{Authenticator, Dialogue, Step};
use crate::config::Config;

/// A method `X` that asks for twice the number that the client named, until it names a wrong one.
#[derive(Debug)]
struct Doubling;

#[derive(Debug)]
struct Doubled(Option<u8>);

impl Authenticator for Doubling {
    fn begin(&self, method: &str, _client_id: &str) -> Option<Box<dyn Dialogue>> {
        (method == "X").then(|| Box::new(Doubled(None)) as Box<dyn Dialogue>)
    }
}

impl Dialogue for Doubled {
    fn answer(&mut self, data: &[u8]) -> Step {
        match (self.0, data) {
            (None, [number]) => {
                self.0 = Some(number * 2);
                Step::Continue(alloc::vec![*number])
            }
            (Some(wanted), [number]) if *number == wanted => Step::Accept(alloc::vec![0]),
            _ => Step::Refuse(ReasonCode::NotAuthorized),
        }
    }
}

fn world() -> World {
    World::with(Config { authenticator: Some(Arc::new(Doubling)), ..Config::default() })
}

fn properties<'a>(method: &'a str, data: &'a [u8]) -> [Property<'a>; 2] {
    [Property::AuthenticationMethod(method), Property::AuthenticationData(data)]
}

fn auth(w: &mut World, id: crate::ids::ConnectionId, reason: ReasonCode, method: &str, data: &[u8]) {
    let list = properties(method, data);
    w.send(id, Packet::Auth(Auth { reason, properties: Properties::new(&list) }));
}

/// A connection whose CONNECT has begun a dialogue.
fn begun(w: &mut World) -> crate::ids::ConnectionId {
    let id = w.open();
    let list = properties("X", &[7]);
    w.send(id, Packet::from(&Connect { properties: Properties::new(&list), ..v5("a") }));
    let seen = w.take(id);
    assert!(seen.len() == 1 && seen[0].contains("ContinueAuthentication"), "{seen:?}");
    id
}

fn online(w: &mut World) -> crate::ids::ConnectionId {
    let id = begun(w);
    auth(w, id, ReasonCode::ContinueAuthentication, "X", &[14]);
    let seen = w.take(id);
    assert!(seen.len() == 1 && seen[0].starts_with("connack Success"), "{seen:?}");
    assert!(seen[0].contains("AuthenticationMethod(\"X\")"), "{seen:?}");
    id
}

/// [5.0 MQTT-4.12.0-2] [5.0 MQTT-4.12.0-5]
#[test]
fn a_client_is_accepted_when_the_dialogue_says_so() {
    let mut w = world();
    let id = online(&mut w);
    w.send(id, Packet::Pingreq);
    w.see(id, &["pingresp"]);
}

/// [5.0 MQTT-4.12.0-1] [5.0 MQTT-4.12.0-4]
#[test]
fn failures_and_foreign_methods_are_refused() {
    let mut w = world();
    let id = begun(&mut w);
    auth(&mut w, id, ReasonCode::ContinueAuthentication, "X", &[15]);
    w.see(id, &["connack NotAuthorized", "closed"]);
    let id = begun(&mut w);
    auth(&mut w, id, ReasonCode::ContinueAuthentication, "Y", &[14]);
    w.see(id, &["connack ProtocolError", "closed"]);
    let id = w.open();
    let list = properties("Y", &[7]);
    w.send(id, Packet::from(&Connect { properties: Properties::new(&list), ..v5("a") }));
    w.see(id, &["connack BadAuthenticationMethod", "closed"]);
}

#[test]
fn nothing_but_auth_and_disconnect_comes_before_connack() {
    let mut w = world();
    let id = begun(&mut w);
    w.send(id, Packet::Pingreq);
    w.see(id, &["connack ProtocolError", "closed"]);
    let id = begun(&mut w);
    w.disconnect(id, ReasonCode::Success);
    let id = begun(&mut w);
    auth(&mut w, id, ReasonCode::ReAuthenticate, "X", &[14]);
    w.see(id, &["connack ProtocolError", "closed"]);
}

/// [5.0 MQTT-4.12.1-2]
#[test]
fn a_client_that_is_online_may_prove_again_who_it_is() {
    let mut w = world();
    let id = online(&mut w);
    auth(&mut w, id, ReasonCode::ReAuthenticate, "X", &[5]);
    let seen = w.take(id);
    assert!(seen.len() == 1 && seen[0].contains("ContinueAuthentication"), "{seen:?}");
    auth(&mut w, id, ReasonCode::ContinueAuthentication, "X", &[10]);
    let seen = w.take(id);
    assert!(seen.len() == 1 && seen[0].contains("Success"), "{seen:?}");
    auth(&mut w, id, ReasonCode::ReAuthenticate, "X", &[5]);
    w.take(id);
    auth(&mut w, id, ReasonCode::ContinueAuthentication, "X", &[11]);
    w.see(id, &["disconnect NotAuthorized", "closed"]);
}

/// [5.0 MQTT-4.12.0-6]
#[test]
fn auth_without_a_method_in_connect_is_a_fault() {
    let mut w = world();
    let id = w.joined(v5("a"));
    auth(&mut w, id, ReasonCode::ReAuthenticate, "X", &[5]);
    w.see(id, &["disconnect ProtocolError", "closed"]);
}
