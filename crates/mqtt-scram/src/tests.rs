//! The standard's example, and everything that may be wrong about the other side.

use crate::{Client, Keys, METHOD, ScramError, Server};

const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const CHALLENGE: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const ANSWER: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                      p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn keys() -> Keys {
    let salt = crate::message::decode(SALT).expect("it is Base64");
    Keys::derive("pencil", salt, 4096).expect("it is a password")
}

fn client() -> Client {
    Client::new("user", "pencil").expect("they are legal")
}

fn challenged(challenge: &str) -> Result<Vec<u8>, ScramError> {
    client().begin(CLIENT_NONCE).expect("a nonce").0.answer(challenge.as_bytes())
}

/// The example of RFC 7677, section 3.
#[test]
fn the_example_of_the_standard_comes_out_to_the_letter() {
    assert_eq!(METHOD, "SCRAM-SHA-256");
    let (mut here, first) = client().begin(CLIENT_NONCE).expect("a nonce");
    assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let (mut there, user, challenge) =
        Server::begin(&first, SERVER_NONCE, |_| Some(keys())).expect("it is well-formed");
    assert_eq!((user.as_str(), challenge.as_slice()), ("user", CHALLENGE.as_bytes()));
    let answer = here.answer(&challenge).expect("it is well-formed");
    assert_eq!(String::from_utf8_lossy(&answer), ANSWER);
    let last = there.finish(&answer).expect("the password is right");
    assert_eq!(String::from_utf8_lossy(&last), LAST);
    here.verify(&last).expect("the server knows the user");
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let verify = |last: &[u8]| {
        let mut here = client().begin(CLIENT_NONCE).expect("a nonce").0;
        here.answer(CHALLENGE.as_bytes()).expect("it is well-formed");
        here.verify(last)
    };
    verify(LAST.as_bytes()).expect("the server knows the user");
    // The last character before the padding holds bits that stand for nothing; Base64 refuses them.
    for index in 0..LAST.len() {
        let mut changed = LAST.as_bytes().to_vec();
        changed[index] ^= 1;
        assert!(verify(&changed).is_err(), "{}", String::from_utf8_lossy(&changed));
    }
    for index in 0..ANSWER.len() {
        let mut changed = ANSWER.as_bytes().to_vec();
        changed[index] ^= 1;
        let first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
        let (mut there, ..) = Server::begin(first, SERVER_NONCE, |_| Some(keys())).expect("well-formed");
        assert!(there.finish(&changed).is_err(), "{}", String::from_utf8_lossy(&changed));
    }
}

#[test]
fn a_wrong_password_and_a_server_without_keys_are_both_found_out() {
    let (mut here, first) = Client::new("user", "pen").expect("legal").begin(CLIENT_NONCE).expect("a nonce");
    let (mut there, _, challenge) =
        Server::begin(&first, SERVER_NONCE, |_| Some(keys())).expect("well-formed");
    let answer = here.answer(&challenge).expect("it is well-formed");
    assert_eq!(there.finish(&answer), Err(ScramError::ClientProof));

    // One that has stolen the stored key alone lets the client in and cannot sign.
    let mut thief = keys();
    thief.server_key = [0; 32];
    let (mut here, first) = client().begin(CLIENT_NONCE).expect("a nonce");
    let (mut there, _, challenge) =
        Server::begin(&first, SERVER_NONCE, |_| Some(thief)).expect("well-formed");
    let last = there.finish(&here.answer(&challenge).expect("well-formed")).expect("the proof is right");
    assert_eq!(here.verify(&last), Err(ScramError::ServerSignature));
}

#[test]
fn iterations_have_bounds() {
    let with = |count: &str| challenged(&CHALLENGE.replace("4096", count));
    assert_eq!(with("4095"), Err(ScramError::Iterations { asked: 4095, max: 200_000 }));
    assert_eq!(with("1"), Err(ScramError::Iterations { asked: 1, max: 200_000 }));
    assert_eq!(with("200001"), Err(ScramError::Iterations { asked: 200_001, max: 200_000 }));
    assert!(matches!(with("4294967296"), Err(ScramError::Malformed(_))));
    assert!(matches!(with("-5"), Err(ScramError::Malformed(_))));
    with("4097").expect("within the bounds");
    let strict = client().iterations_max(1);
    let mut here = strict.begin(CLIENT_NONCE).expect("a nonce").0;
    here.answer(CHALLENGE.as_bytes()).expect("the least is always taken");
}

#[test]
fn the_server_has_to_continue_the_nonce() {
    for nonce in [CLIENT_NONCE, "other%hvYDpWUa2RaTCAfuxFIlj", ""] {
        let challenge = format!("r={nonce},s={SALT},i=4096");
        assert_eq!(challenged(&challenge), Err(ScramError::Nonce), "{nonce}");
    }
    for nonce in ["", "a,b", "a b", "\u{e4}"] {
        assert_eq!(client().begin(nonce).map(|_| ()), Err(ScramError::Nonce), "{nonce}");
    }
}

#[test]
fn what_is_no_message_is_said_to_be_none() {
    let challenges =
        ["", "r=", "s=abc", "m=ext,r=x", "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096", "r=rOprNGfwEbeRWgbNEkqOx"];
    for challenge in challenges {
        assert!(
            matches!(challenged(challenge), Err(ScramError::Malformed(_) | ScramError::Nonce)),
            "{challenge}"
        );
    }
    let mut here = client().begin(CLIENT_NONCE).expect("a nonce").0;
    assert!(matches!(here.answer(b"\xff"), Err(ScramError::Malformed(_))));
    for first in ["", "y,,n=user,r=x", "n,,r=x", "n,,n=us=er,r=x", "n,,n=user", "p=tls-unique,,n=user,r=x"] {
        let begun = Server::begin(first.as_bytes(), SERVER_NONCE, |_| Some(keys())).map(|_| ());
        assert!(matches!(begun, Err(ScramError::Malformed(_))), "{first}: {begun:?}");
    }
}

#[test]
fn a_refusal_is_told_in_the_servers_word() {
    let mut here = client().begin(CLIENT_NONCE).expect("a nonce").0;
    here.answer(CHALLENGE.as_bytes()).expect("it is well-formed");
    assert_eq!(here.verify(b"e=invalid-proof"), Err(ScramError::Refused("invalid-proof".into())));
}

#[test]
fn each_side_speaks_once() {
    let mut here = client().begin(CLIENT_NONCE).expect("a nonce").0;
    assert_eq!(here.verify(LAST.as_bytes()), Err(ScramError::OutOfTurn));
    assert_eq!(here.answer(CHALLENGE.as_bytes()), Err(ScramError::OutOfTurn));
    let mut here = client().begin(CLIENT_NONCE).expect("a nonce").0;
    here.answer(CHALLENGE.as_bytes()).expect("it is its turn");
    assert_eq!(here.answer(CHALLENGE.as_bytes()), Err(ScramError::OutOfTurn));
}

#[test]
fn names_and_passwords_are_prepared_alike_on_both_sides() {
    // A soft hyphen vanishes, a Roman numeral becomes letters, and commas are written in another way.
    for (user, password) in [("us,er=", "p\u{ad}encil"), ("\u{2168}", "pencil"), ("u", "\u{1d6}\u{2168}")] {
        let keys = Keys::derive(password, "salt", 4096).expect("it is a password");
        let (mut here, first) = Client::new(user, password).expect("legal").begin("x").expect("a nonce");
        let (mut there, name, challenge) = Server::begin(&first, "y", |_| Some(keys)).expect("well-formed");
        assert_eq!(name, stringprep::saslprep(user).expect("legal"));
        let last = there.finish(&here.answer(&challenge).expect("well-formed")).expect("the proof is right");
        here.verify(&last).expect("the server knows the user");
    }
    for (user, password) in [("", "x"), ("x", ""), ("x\u{7}", "x"), ("x", "\u{0}")] {
        assert_eq!(Client::new(user, password).map(|_| ()), Err(ScramError::Prohibited));
    }
}

#[test]
fn nothing_secret_is_shown() {
    let client = client();
    let (exchange, _) = client.begin(CLIENT_NONCE).expect("a nonce");
    let shown = format!("{client:?} {exchange:?} {:?}", keys());
    assert!(!shown.contains("pencil") && !shown.contains("user"), "{shown}");
}
