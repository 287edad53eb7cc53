//! CONNACK that says no: what kind of trouble it is, and whether the client tries again.

use mqtt_client::ConnectErrorKind;
use mqtt_proto::{
    PacketKind, ReasonCode,
    Version::{V3_1_1, V5_0},
};
use mqtt_session::{Event, OfflineCause, Outcome, Reconnect, Rejected};

use crate::harness::{BOTH, Talk, clean};
use ConnectErrorKind::{BadCredentials, BadIdentifier, BadVersion, NotAuthorized, ServerUnavailable};

/// Code, kind of trouble, whether it is tried again.
const REFUSALS: [(u8, ConnectErrorKind, bool); 21] = [
    (0x80, ServerUnavailable, true),
    (0x81, ServerUnavailable, false),
    (0x82, ServerUnavailable, false),
    (0x83, ServerUnavailable, true),
    (0x84, BadVersion, false),
    (0x85, BadIdentifier, false),
    (0x86, BadCredentials, false),
    (0x87, NotAuthorized, false),
    (0x88, ServerUnavailable, true),
    (0x89, ServerUnavailable, true),
    (0x8a, NotAuthorized, false),
    (0x8c, BadCredentials, false),
    (0x90, ServerUnavailable, false),
    (0x95, ServerUnavailable, false),
    (0x97, ServerUnavailable, true),
    (0x99, ServerUnavailable, false),
    (0x9a, ServerUnavailable, false),
    (0x9b, ServerUnavailable, false),
    (0x9c, ServerUnavailable, true),
    (0x9d, ServerUnavailable, false),
    (0x9f, ServerUnavailable, true),
];

/// Return code, the reason code of the same meaning, kind of trouble, whether it is tried again.
const RETURN_CODES: [(u8, ReasonCode, ConnectErrorKind, bool); 5] = [
    (1, ReasonCode::UnsupportedProtocolVersion, BadVersion, false),
    (2, ReasonCode::ClientIdentifierNotValid, BadIdentifier, false),
    (3, ReasonCode::ServerUnavailable, ServerUnavailable, true),
    (4, ReasonCode::BadUserNameOrPassword, BadCredentials, false),
    (5, ReasonCode::NotAuthorized, NotAuthorized, false),
];

/// What a CONNACK of these bytes leads to: the refusal, and whether a further attempt is planned.
fn refuse(talk: &mut Talk, connack: &[u8]) -> (OfflineCause, bool) {
    talk.opened();
    talk.take_bytes();
    talk.server_sends(connack);
    talk.sends_nothing();
    match talk.next_event() {
        Some(Event::Offline { cause, retry_at }) => (cause, retry_at.is_some()),
        other => panic!("{other:?}"),
    }
}

fn persistent(version: mqtt_proto::Version) -> Talk {
    let reconnect = Reconnect::default().retry_first(true);
    let mut talk = Talk::new(clean(version).reconnect(reconnect));
    talk.connect();
    talk
}

/// [5.0 MQTT-4.13.2-1]
#[test]
fn each_reason_code_has_its_class_and_only_passing_trouble_is_retried() {
    let legal =
        ReasonCode::ALL.iter().filter(|code| code.is_legal_in(PacketKind::Connack) && code.is_error());
    assert_eq!(legal.count(), REFUSALS.len());
    for (code, class, is_retried) in REFUSALS {
        let mut talk = persistent(V5_0);
        let (cause, retry) = refuse(&mut talk, &[0x20, 3, 0, code, 0]);
        let OfflineCause::Refused(reason) = cause else { panic!("{cause:?}") };
        assert_eq!((reason.byte(), cause.into(), retry), (code, class, is_retried), "0x{code:02x}");
        assert_eq!(cause.is_permanent(), !is_retried);
        assert_eq!(
            talk.take_events().len(),
            usize::from(!is_retried),
            "the ticket ends with the last attempt"
        );
    }
}

#[test]
fn each_return_code_has_its_class_and_only_passing_trouble_is_retried() {
    for (code, reason, class, is_retried) in RETURN_CODES {
        let mut talk = persistent(V3_1_1);
        let (cause, retry) = refuse(&mut talk, &[0x20, 2, 0, code]);
        assert_eq!(cause, OfflineCause::Refused(reason));
        assert_eq!((ConnectErrorKind::from(cause), retry), (class, is_retried), "{code}");
    }
}

#[test]
fn a_first_connection_that_is_refused_is_not_retried_unless_wanted() {
    for version in BOTH {
        let mut talk = Talk::new(clean(version));
        let ticket = talk.connect();
        talk.accept("CONNACK 0x88");
        let cause = OfflineCause::Refused(ReasonCode::ServerUnavailable);
        assert_eq!(talk.next_event(), Some(Event::Offline { cause, retry_at: None }));
        match talk.next_event() {
            Some(Event::Ended { ticket: ended, outcome }) => {
                assert_eq!(ended.get(), ticket);
                assert_eq!(outcome, Outcome::Rejected(Rejected::Offline(cause)));
            }
            other => panic!("{other:?}"),
        }
        talk.no_events();
        assert!(!talk.is_dialing());
        assert_eq!(talk.due_in(), None);
        assert_eq!(talk.connect(), 2, "and one may connect again");
    }
}

#[test]
fn a_reserved_return_code_is_a_fault_of_the_server() {
    let mut talk = Talk::new(clean(V3_1_1));
    talk.connect();
    talk.opened();
    talk.take_bytes();
    talk.server_sends(&[0x20, 2, 0, 6]);
    talk.sends_nothing();
    let offline = talk.take_events().remove(0);
    assert!(offline.contains("code 0x06 is not one of this packet's"), "{offline}");
}

#[test]
fn a_later_connection_that_is_refused_for_good_ends_everything() {
    for version in BOTH {
        let mut talk = Talk::online_with(clean(version), "CONNACK");
        talk.cut();
        talk.publish("a", mqtt_proto::QoS::AtLeastOnce, "x");
        talk.reconnect("CONNACK 0x86");
        talk.events([
            "offline: the connection was lost; retry",
            "offline: the server refused the connection: bad user name or password (0x86); stop",
            "ended 2 rejected Disconnected",
        ]);
        assert_eq!(talk.due_in(), None);
    }
}

/// A server that knows no 5.0 answers in the words of 3.1.1, which a client of 5.0 must understand to say why.
#[test]
fn a_refusal_in_the_words_of_3_1_1_is_understood_in_5_0() {
    for (code, reason, class, _) in RETURN_CODES {
        let mut talk = Talk::new(clean(V5_0));
        talk.connect();
        let (cause, _) = refuse(&mut talk, &[0x20, 2, 0, code]);
        assert_eq!((cause, ConnectErrorKind::from(cause)), (OfflineCause::Refused(reason), class));
    }
}
