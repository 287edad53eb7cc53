//! Enhanced authentication: dialogues before CONNACK and later, who has the word, and what must not be said in them.

use mqtt_proto::{EncodeError, PacketKind, QoS, Version, Version::V5_0};
use mqtt_session::{AuthAnswer, Command, Config, Credentials, SessionRefusal, Waits};

use crate::harness::{Talk, clean, persistent, secs};

fn config() -> Config {
    persistent(V5_0).authentication_method(Some("X".into()))
}

fn data(text: &str) -> AuthAnswer {
    AuthAnswer::Data(text.into())
}

/// A session whose CONNECT is out, with `hello` in it.
fn said_hello() -> Talk {
    let mut talk = Talk::new(config());
    talk.connect();
    talk.events(["step 1 begin"]);
    talk.answer(data("hello")).expect("it was asked");
    talk.opened();
    talk.sends([&connect("hello")]);
    talk
}

fn connect(first: &str) -> String {
    format!(
        "CONNECT 5.0 'c' keep60 ReceiveMaximum(1024) SessionExpiryInterval(4294967295) \
         AuthenticationMethod(\"X\") data={first}"
    )
}

fn auth(reason: &str, text: &str) -> String {
    format!("AUTH {reason} AuthenticationMethod(\"X\") data={text}")
}

/// A session that is online after a dialogue.
fn online() -> Talk {
    let mut talk = said_hello();
    talk.server_says("CONNACK method=X");
    talk.events(["step 2 verdict \"\""]);
    talk.answer(AuthAnswer::Accept).expect("it was asked");
    talk.events(["online", "ended 1 done 0x00"]);
    talk
}

/// [5.0 MQTT-4.12.0-3] [5.0 MQTT-4.12.0-5]
#[test]
fn a_dialogue_goes_to_and_fro_before_the_connection_is_accepted() {
    let mut talk = said_hello();
    talk.server_says("AUTH 0x18 method=X data=who");
    talk.events(["step 2 challenge \"who\""]);
    talk.sends_nothing();
    talk.answer(data("me")).expect("it was asked");
    talk.sends([&auth("0x18", "me")]);
    talk.server_says("AUTH 0x18 method=X data=sure?");
    talk.events(["step 3 challenge \"sure?\""]);
    talk.answer(data("sure")).expect("it was asked");
    talk.sends([&auth("0x18", "sure")]);
    talk.server_says("CONNACK method=X data=fine");
    talk.events(["step 4 verdict \"fine\""]);
    talk.answer(AuthAnswer::Accept).expect("it was asked");
    talk.events(["online", "ended 1 done 0x00"]);
}

/// [5.0 MQTT-3.1.2-30]
#[test]
fn only_the_dialogue_is_spoken_before_connack() {
    let mut talk = said_hello();
    talk.publish("a", QoS::AtLeastOnce, "early");
    talk.subscribe("a", QoS::AtLeastOnce);
    talk.sends_nothing();
    talk.server_says("AUTH 0x18 method=X data=who");
    talk.sends_nothing();
    talk.wait(secs(3));
    talk.sends_nothing();
    talk.events(["step 2 challenge \"who\""]);
    talk.answer(data("me")).expect("it was asked");
    talk.sends([&auth("0x18", "me")]);
}

#[test]
fn empty_data_are_none() {
    let mut talk = said_hello();
    talk.server_says("AUTH 0x18 method=X");
    talk.events(["step 2 challenge \"\""]);
    talk.answer(data("")).expect("it was asked");
    talk.sends(["AUTH 0x18 AuthenticationMethod(\"X\")"]);
}

#[test]
fn nothing_goes_on_before_the_application_has_accepted_the_server() {
    let mut talk = said_hello();
    talk.publish("a", QoS::AtMostOnce, "secret");
    talk.server_says("CONNACK method=X data=proof");
    talk.server_says("PUBLISH b qos0 \"first\"");
    talk.events(["step 2 verdict \"proof\""]);
    talk.sends_nothing();
    assert!(!talk.session().status().to_string().contains("accepted the connection"));
    talk.answer(AuthAnswer::Accept).expect("it was asked");
    talk.sends(["PUBLISH a qos0 \"secret\""]);
    talk.events(["online", "ended 1 done 0x00", "message b qos0 \"first\"", "ended 2 done 0x00"]);
}

/// What a server that proves nothing gets is a DISCONNECT and no message. [5.0 MQTT-4.12.1-2]
#[test]
fn a_server_that_is_not_trusted_gets_nothing() {
    let mut talk = said_hello();
    talk.publish("a", QoS::AtLeastOnce, "secret");
    talk.server_says("CONNACK method=X data=forged");
    talk.take_events();
    talk.answer(AuthAnswer::Abort).expect("it was asked");
    talk.sends(["DISCONNECT 0x80"]);
    talk.events([
        "offline: the client broke the authentication off; stop",
        "ended 1 rejected Offline(AuthenticationAborted)",
        "ended 2 rejected Disconnected",
    ]);
    assert!(!talk.is_dialing());
}

#[test]
fn a_dialogue_can_be_broken_off_at_each_step() {
    let mut talk = Talk::new(config());
    talk.connect();
    talk.take_events();
    talk.answer(AuthAnswer::Abort).expect("it was asked");
    assert!(talk.take_events()[0].starts_with("offline: the client broke"));

    let mut talk = said_hello();
    talk.server_says("AUTH 0x18 method=X");
    talk.take_events();
    talk.answer(AuthAnswer::Abort).expect("it was asked");
    talk.sends(["DISCONNECT 0x80"]);
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let mut talk = said_hello();
    let begin = talk.step().expect("it has asked");
    assert_eq!(talk.answer(data("again")), Err(SessionRefusal::AuthenticationStep));
    talk.server_says("AUTH 0x18 method=X");
    talk.take_events();
    assert_eq!(talk.answer_step(begin, data("late")), Err(SessionRefusal::AuthenticationStep));
    assert_eq!(talk.answer(AuthAnswer::Accept), Err(SessionRefusal::AuthenticationStep));
    talk.cut();
    assert_eq!(talk.answer(data("late")), Err(SessionRefusal::AuthenticationStep));
    talk.sends_nothing();
}

#[test]
fn an_answer_that_is_too_large_can_be_given_again() {
    let mut talk = Talk::new(config());
    talk.connect();
    talk.take_events();
    let large = AuthAnswer::Data(vec![0; 70_000]);
    assert!(matches!(talk.answer(large.clone()), Err(SessionRefusal::Config(_))));
    talk.opened();
    talk.sends_nothing();
    talk.answer(data("hello")).expect("it was asked");
    talk.sends([&connect("hello")]);
    talk.server_says("AUTH 0x18 method=X");
    talk.take_events();
    assert!(matches!(talk.answer(large), Err(SessionRefusal::Encode(_))));
    talk.answer(data("me")).expect("it was asked");
    talk.sends([&auth("0x18", "me")]);
}

#[test]
fn credentials_and_the_first_word_are_both_waited_for() {
    for credentials_first in [true, false] {
        let mut talk = Talk::new(config().asks_credentials(true));
        talk.connect();
        talk.opened();
        talk.events(["step 1 begin", "CredentialsWanted { attempt: 1 }"]);
        let credentials = || Some(Credentials { user_name: Some("u".into()), password: None });
        if credentials_first {
            talk.set_credentials(credentials()).expect("they have an encoding");
            talk.sends_nothing();
            talk.answer(data("hello")).expect("it was asked");
        } else {
            talk.answer(data("hello")).expect("it was asked");
            talk.sends_nothing();
            talk.set_credentials(credentials()).expect("they have an encoding");
        }
        talk.sends([&format!("{} user u", connect("hello"))]);
    }
}

#[test]
fn each_attempt_begins_anew() {
    let mut talk = said_hello();
    talk.server_says("AUTH 0x18 method=X data=who");
    talk.events(["step 2 challenge \"who\""]);
    talk.answer(AuthAnswer::Data("old".into())).expect("it was asked");
    let mut talk = online();
    talk.cut();
    talk.wait_for_dial();
    assert_eq!(talk.take_events().last().map(String::as_str), Some("step 3 begin"));
    talk.opened();
    talk.sends_nothing();
    talk.answer(data("back")).expect("it was asked");
    talk.sends([&connect("back")]);
}

#[test]
fn a_dialogue_ends_with_the_network_timeout() {
    let mut talk = Talk::new(config());
    talk.connect();
    talk.opened();
    talk.take_events();
    talk.wait(secs(6));
    assert!(talk.take_events()[0].starts_with("offline: the server sent no CONNACK"));

    let mut talk = said_hello();
    talk.server_says("CONNACK method=X");
    talk.take_events();
    talk.wait(secs(6));
    assert!(talk.take_events()[0].starts_with("offline: the server sent no CONNACK"));
}

/// [5.0 MQTT-4.12.0-5]
#[test]
fn another_method_is_a_fault_of_the_server() {
    for packet in ["AUTH 0x18 method=Y", "CONNACK method=Y", "CONNACK"] {
        let mut talk = said_hello();
        talk.server_says(packet);
        talk.sends(["DISCONNECT 0x82"]);
        let events = talk.take_events();
        assert!(events[0].contains("another authentication method"), "{packet}: {events:?}");
    }
}

/// [5.0 MQTT-4.12.0-6] [5.0 MQTT-4.12.0-7]
#[test]
fn without_a_method_nobody_says_auth() {
    let mut talk = Talk::new(clean(V5_0));
    talk.connect();
    talk.opened();
    assert!(!talk.take_sent()[0].contains("Authentication"));
    talk.server_says("AUTH 0x18 method=X");
    assert!(talk.take_events()[0].contains("AUTH may not come now"));
    let mut talk = Talk::new(clean(V5_0));
    talk.connect();
    talk.opened();
    talk.take_sent();
    talk.server_says("CONNACK method=X");
    assert!(talk.take_events()[0].contains("another authentication method"));

    let mut talk = Talk::online(V5_0);
    assert_eq!(talk.submit(Command::Reauthenticate), Err(SessionRefusal::NoAuthenticationMethod));
    talk.server_says("AUTH 0x18 method=X");
    talk.sends(["DISCONNECT 0x82"]);
}

#[test]
fn before_5_0_there_is_no_method() {
    for version in [Version::V3_1, Version::V3_1_1] {
        let mut talk = Talk::new(config().version(version));
        let refused = talk.submit(Command::Connect);
        let needs_5 = EncodeError::NeedsVersion5(PacketKind::Auth);
        assert_eq!(refused, Err(SessionRefusal::Config(needs_5)));
    }
}

#[test]
fn the_server_speaks_only_in_its_turn() {
    for packets in [["AUTH 0x18 method=X", "AUTH 0x18 method=X"], ["AUTH 0x18 method=X", "CONNACK method=X"]]
    {
        let mut talk = said_hello();
        for packet in packets {
            talk.server_says(packet);
        }
        talk.sends(["DISCONNECT 0x82"]);
    }
    let mut talk = said_hello();
    talk.server_says("AUTH method=X");
    talk.sends(["DISCONNECT 0x82"]);
}

#[test]
fn a_refusal_ends_the_dialogue() {
    let mut talk = said_hello();
    talk.server_says("AUTH 0x18 method=X");
    talk.take_events();
    talk.answer(data("wrong")).expect("it was asked");
    talk.take_sent();
    talk.server_says("CONNACK 0x87");
    talk.events([
        "offline: the server refused the connection: not authorized (0x87); stop",
        "ended 1 rejected Offline(Refused(NotAuthorized))",
    ]);
}

/// [5.0 MQTT-4.12.1-1]
#[test]
fn a_client_authenticates_once_more_while_messages_flow() {
    let mut talk = online();
    let ticket = talk.submit(Command::Reauthenticate).expect("it is online");
    assert_eq!(talk.submit(Command::Reauthenticate), Err(SessionRefusal::AuthenticationUnderWay));
    talk.events(["step 3 begin"]);
    assert_eq!(talk.explain(ticket).waits, Waits::Authentication);
    talk.publish("a", QoS::AtMostOnce, "1");
    talk.sends(["PUBLISH a qos0 \"1\""]);
    talk.answer(data("again")).expect("it was asked");
    talk.sends([&auth("0x19", "again")]);
    talk.server_says("AUTH 0x18 method=X data=who");
    talk.server_says("PUBLISH b qos0 \"2\"");
    talk.events(["ended 3 done 0x00", "step 4 challenge \"who\"", "message b qos0 \"2\""]);
    talk.answer(data("me")).expect("it was asked");
    talk.sends([&auth("0x18", "me")]);
    talk.server_says("AUTH method=X data=fine");
    talk.events(["step 5 verdict \"fine\""]);
    talk.answer(AuthAnswer::Accept).expect("it was asked");
    talk.events([&format!("ended {ticket} done 0x00")]);
    assert_eq!(talk.explain(ticket).waits, Waits::Ended);
    talk.submit(Command::Reauthenticate).expect("the last one has ended");
}

/// [5.0 MQTT-4.12.1-2]
#[test]
fn a_server_that_fails_to_prove_itself_once_more_is_left() {
    let mut talk = online();
    talk.submit(Command::Reauthenticate).expect("it is online");
    talk.take_events();
    talk.answer(data("again")).expect("it was asked");
    talk.take_sent();
    talk.server_says("AUTH method=X data=forged");
    talk.take_events();
    talk.answer(AuthAnswer::Abort).expect("it was asked");
    talk.sends(["DISCONNECT 0x80"]);
    talk.events([
        "ended 2 rejected Offline(AuthenticationAborted)",
        "offline: the client broke the authentication off; stop",
    ]);
}

#[test]
fn a_connection_that_ends_ends_its_authentication() {
    let mut talk = online();
    let ticket = talk.submit(Command::Reauthenticate).expect("it is online");
    talk.take_events();
    talk.answer(data("again")).expect("it was asked");
    talk.server_says("DISCONNECT 0x87");
    let events = talk.take_events();
    assert!(events.contains(&format!("ended {ticket} rejected Offline(ServerDisconnected(NotAuthorized))")));
    assert_eq!(talk.submit(Command::Reauthenticate), Err(SessionRefusal::Disconnected));
}

#[test]
fn an_authentication_that_takes_too_long_costs_the_connection() {
    let mut talk = online();
    let ticket = talk.submit(Command::Reauthenticate).expect("it is online");
    talk.take_events();
    talk.answer(data("again")).expect("it was asked");
    talk.take_sent();
    talk.wait(secs(6));
    talk.sends(["DISCONNECT 0x80"]);
    talk.events([
        &format!("ended {ticket} rejected Offline(AuthenticationTimedOut)"),
        "offline: the authentication took too long; retry",
    ]);
}

/// The client says nothing in AUTH that it could leave out. [5.0 MQTT-3.15.2-2] [5.0 MQTT-3.15.2-3]
#[test]
fn an_auth_larger_than_the_server_takes_is_refused() {
    let mut talk = said_hello();
    talk.server_says("CONNACK method=X packet_max=30");
    talk.take_events();
    talk.answer(AuthAnswer::Accept).expect("it was asked");
    talk.submit(Command::Reauthenticate).expect("it is online");
    talk.take_events();
    let refused = talk.answer(AuthAnswer::Data(vec![7; 40]));
    assert!(matches!(refused, Err(SessionRefusal::PacketTooLarge { size_max: 30, .. })), "{refused:?}");
    talk.answer(data("short")).expect("it was asked");
    talk.sends([&auth("0x19", "short")]);
}

#[test]
fn what_is_said_is_not_shown() {
    let answer = format!("{:?}", data("secret"));
    assert_eq!(answer, "Data(6 bytes)");
    let mut talk = said_hello();
    assert!(!format!("{:?}", talk.session()).contains("hello"));
    talk.server_says("AUTH 0x18 method=X data=secret");
    let event = talk.next_event().expect("it asks");
    assert!(
        !format!("{event:?}").contains("secret") && format!("{event:?}").contains("6 bytes"),
        "{event:?}"
    );
}
