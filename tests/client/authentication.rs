//! Enhanced authentication with SCRAM-SHA-256 against the embedded broker, and with servers that cheat.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mqtt_scram::{Keys, METHOD, Server};
use mqtt_smol::broker::{self, Authenticator, Dialogue, Step};
use mqtt_smol::{ConnectErrorKind, Options, QoS, ReasonCode, Scram};

use crate::harness::{clean, connect, run, try_connect};

/// A server that knows one user, `door-7` with the password `secret`.
#[derive(Debug, Default)]
struct OneUser {
    /// Whether it has only stolen what lets clients in.
    is_thief: bool,
    dialogues: AtomicUsize,
}

#[derive(Debug)]
struct Scripted {
    is_thief: bool,
    nonce: String,
    server: Option<Server>,
}

impl Authenticator for OneUser {
    fn begin(&self, method: &str, _client_id: &str) -> Option<Box<dyn Dialogue>> {
        let number = self.dialogues.fetch_add(1, Ordering::Relaxed);
        let nonce = format!("server-{number}");
        (method == METHOD).then(|| Box::new(Scripted { is_thief: self.is_thief, nonce, server: None }) as _)
    }
}

impl Dialogue for Scripted {
    fn answer(&mut self, data: &[u8]) -> Step {
        let refused = Step::Refuse(ReasonCode::NotAuthorized);
        let Some(server) = &mut self.server else {
            let keys_of = |user: &str| {
                let mut keys = Keys::derive("secret", "salt", 4096).ok().filter(|_| user == "door-7")?;
                if self.is_thief {
                    keys.server_key = [0; 32];
                }
                Some(keys)
            };
            let Ok((server, _, challenge)) = Server::begin(data, &self.nonce, keys_of) else {
                return refused;
            };
            self.server = Some(server);
            return Step::Continue(challenge);
        };
        server.finish(data).map_or(refused, Step::Accept)
    }
}

fn start(server: Arc<OneUser>) -> broker::Running {
    let config = broker::Config::default().authenticator(Some(server));
    broker::start_with("127.0.0.1:0", config).expect("there is a free port")
}

fn options(broker: &broker::Handle, user: &str, password: &str) -> Options {
    clean(broker, "door-7").authenticator(Scram::new(user, password).expect("they are legal"))
}

#[test]
fn a_client_gets_in_by_its_proof_at_every_connection_and_again_in_between() {
    run(async {
        let server = Arc::new(OneUser::default());
        let broker = start(Arc::clone(&server));
        let client = connect(options(&broker, "door-7", "secret")).await;
        client.reauthenticate().expect("it is online").await.expect("the proof is still good");
        let published = client.publish(mqtt_smol::Publish::new("a", "x").qos(QoS::AtLeastOnce));
        published.expect("accepted").await.expect("acknowledged");
        assert_eq!(server.dialogues.load(Ordering::Relaxed), 2);
        client.disconnect().expect("it is online").await;
        client.connect().expect("it is disconnected").await.expect("the proof is still good");
        assert_eq!(server.dialogues.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn a_wrong_password_or_user_is_refused_for_good() {
    run(async {
        let broker = start(Arc::default());
        for (user, password) in [("door-7", "wrong"), ("door-8", "secret")] {
            let error = try_connect(options(&broker, user, password)).await.expect_err("it is refused");
            assert_eq!(error.kind(), ConnectErrorKind::NotAuthorized, "{error}");
        }
    });
}

#[test]
fn a_server_that_cannot_prove_itself_is_left_and_named() {
    run(async {
        let broker = start(Arc::new(OneUser { is_thief: true, ..OneUser::default() }));
        let error = try_connect(options(&broker, "door-7", "secret")).await.expect_err("it is left");
        assert_eq!(error.kind(), ConnectErrorKind::ServerFault);
        let text = error.to_string();
        assert!(text.contains("broke the authentication off") && text.contains("cannot prove"), "{text}");
    });
}

#[test]
fn without_an_authenticator_there_is_none_to_authenticate_again() {
    run(async {
        let broker = start(Arc::default());
        let client = connect(clean(&broker, "a")).await;
        let error = client.reauthenticate().expect_err("there is no method");
        assert!(error.to_string().contains("no authentication method"), "{error}");
    });
}
