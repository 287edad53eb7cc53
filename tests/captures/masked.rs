//! What is masked is nowhere in a log, and the log replays all the same.

use mqtt_capture::Redact;
use mqtt_proto::{TopicName, Version};
use mqtt_session::{Command, Config, Publish};
use tests::recording::replay_equal;

use crate::conversation::{PAYLOADS, Recorded, SECRETS, large, record};

fn has(log: &[u8], text: &str) -> bool {
    log.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn payloads_and_secrets_are_nowhere_in_a_log_unless_asked_for() {
    for version in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
        for piece in [1, 7, usize::MAX] {
            for (payloads, secrets) in [(true, true), (true, false), (false, true), (false, false)] {
                let log = record(version, Redact { payloads, secrets }, piece);
                replay_equal(&log, "a masked log");
                for text in PAYLOADS {
                    // What is cut off is masked as soon as anything is.
                    let is_masked = payloads || secrets && text == "payload-cut-off";
                    assert_eq!(has(&log, text), !is_masked, "{text} in {version} with pieces of {piece}");
                }
                for text in SECRETS {
                    let is_there = !secrets && (version == Version::V5_0 || !is_of_authentication(text));
                    assert_eq!(has(&log, text), is_there, "{text} in {version}");
                }
            }
        }
    }
}

/// Before 5.0 there is no authentication in steps.
fn is_of_authentication(text: &str) -> bool {
    ["first-word", "challenge", "proof-of-it"].contains(&text)
}

#[test]
fn a_large_payload_that_is_masked_takes_next_to_nothing() {
    let log = |redact| {
        let mut talk = Recorded::new(Config::new("c"), redact, usize::MAX);
        talk.submit(Command::Connect);
        talk.open();
        talk.submit(Command::Publish(Publish::new(TopicName::new("large").expect("a name"), large())));
        talk.pump();
        talk.finish()
    };
    let (masked, open) = (log(Redact::default()), log(Redact { payloads: false, secrets: false }));
    for log in [&masked, &open] {
        replay_equal(log, "a large payload");
    }
    assert!(masked.len() < 500 && open.len() > 100_000, "{} and {} bytes", masked.len(), open.len());
}

/// A malformed packet ends the connection for the same reason, masked or not.
#[test]
fn malformed_packets_are_masked_too() {
    let malformed: [&[u8]; 7] = [
        b"\x36\x0e\x00\x01apayload-in",
        b"\x30\x0f\x00\x01a\x01\x7fpayload-in",
        b"\x32\x10\x00\x01a\x00\x00\x00payload-in",
        b"\x30\x0d\xff\xffapayload-in",
        b"\x40\x00",
        b"\x30\xff\xff\xff\xffpayload-in",
        b"\x30\xff\xff\x7fpayload-in",
    ];
    for bytes in malformed {
        let mut talk = Recorded::new(Config::new("c"), Redact::default(), usize::MAX);
        talk.submit(Command::Connect);
        talk.open();
        talk.feed(bytes);
        let log = talk.finish();
        assert!(!has(&log, "payload-in"), "{bytes:?}");
        replay_equal(&log, &format!("{bytes:?}"));
    }
}
