//! A configuration comes back as it went in, but for what is masked.

use alloc::format;
use alloc::vec;
use core::num::NonZeroU16;
use core::time::Duration;

use mqtt_proto::{Property, PropertyBuf, PropertyOwner, QoS, Version};
use mqtt_session::{Credentials, Lost, QueuePolicy, ServerOrder, Will};

use super::*;

fn unusual() -> Config {
    let mut properties = PropertyBuf::new();
    for property in [Property::WillDelayInterval(7), Property::UserProperty("name", "value")] {
        properties.push(PropertyOwner::Will, property).expect("it is legal for a will");
    }
    let mut will = Will::new("no/#/topic", vec![b'x'; 100_000]);
    (will.qos, will.properties) = (QoS::ExactlyOnce, properties);
    let mut config = Config::new("door");
    config.version = Version::V3_1_1;
    config.session_expiry_secs = Some(u32::MAX);
    config.credentials = Some(Credentials { user_name: Some("user".into()), password: Some(vec![0, 255]) });
    config.authentication_method = Some("method".into());
    config.will = Some(will);
    config.network_timeout = Duration::MAX;
    config.in_flight_max = NonZeroU16::new(300);
    config.acknowledgement_timeout = None;
    config.queue_bytes_max = usize::MAX;
    config.queue_policy = QueuePolicy::RefuseOffline;
    config.servers.order = ServerOrder::Shuffled;
    config.reconnect.after_max = Duration::from_nanos(1);
    config.session_loss.never_sent = Lost::End;
    config
}

#[test]
fn a_configuration_comes_back_but_for_what_is_masked() {
    for (config, is_masked) in [(Config::new("c"), true), (unusual(), false), (unusual(), true)] {
        let redact = Redact { payloads: is_masked, secrets: is_masked };
        let (log, is_whole) = header(&config, "id", u64::MAX, redact);
        let (header, read, rest) = read_header(&log).expect("it was written");
        assert!(is_whole && (header.client_id, header.seed, rest.len()) == ("id", u64::MAX, 0));
        let mut expected = config.clone();
        if let (Some(will), true) = (&mut expected.will, is_masked) {
            assert!(log.len() < 400, "{} bytes", log.len());
            will.payload = vec![b'*'; will.payload.len()].into();
            let masked = Credentials { user_name: Some("****".into()), password: Some(b"**".into()) };
            expected.credentials = Some(masked);
        }
        // `Debug` shows everything but credentials.
        assert_eq!(format!("{read:?}"), format!("{expected:?}"));
        assert!(read.credentials == expected.credentials);
    }
}
