//! Properties keep their order, are legal where they stand, and are found lazily.

use super::section::{validate_any, validate_plain};
use super::*;
use crate::error::EncodeError;
use std::vec::Vec;

#[test]
fn a_buffer_takes_only_what_is_legal() {
    let mut properties = PropertyBuf::new();
    let publish = PropertyOwner::Publish;
    assert_eq!(properties.push(publish, Property::ContentType("text")), Ok(()));
    assert_eq!(
        properties.push(publish, Property::ContentType("again")),
        Err(EncodeError::PropertyRepeated(PropertyId::ContentType))
    );
    assert_eq!(
        properties.push(publish, Property::ServerKeepAlive(1)),
        Err(EncodeError::PropertyNotAllowed { id: PropertyId::ServerKeepAlive, owner: publish })
    );
    assert_eq!(
        properties.push(publish, Property::TopicAlias(0)),
        Err(EncodeError::PropertyValue(PropertyId::TopicAlias))
    );
    assert_eq!(
        properties.push(publish, Property::ResponseTopic("a/#")),
        Err(EncodeError::PropertyValue(PropertyId::ResponseTopic))
    );
    assert_eq!(properties.push(publish, Property::UserProperty("a", "1")), Ok(()));
    assert_eq!(properties.push(publish, Property::UserProperty("a", "2")), Ok(()));
    let view = properties.as_properties();
    assert_eq!(view.content_type(), Some("text"));
    assert_eq!(view.response_topic(), None);
    assert_eq!(view.user_properties().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
}

#[test]
fn a_list_stands_before_the_raw_section() {
    let mut raw = PropertyBuf::new();
    raw.push(PropertyOwner::Publish, Property::ContentType("text")).expect("legal");
    let list = [Property::TopicAlias(7)];
    let joined = JoinedProperties::new(&list, raw.as_properties());
    let both = joined.as_properties();
    assert_eq!(both.iter().collect::<Vec<_>>(), [Property::TopicAlias(7), Property::ContentType("text")]);
    assert_eq!(both.topic_alias(), Some(7));
    assert_eq!(both.checked_size(PropertyOwner::Publish), Ok(3 + 7));
    assert_eq!(
        both.checked_size(PropertyOwner::Connect),
        Err(EncodeError::PropertyNotAllowed { id: PropertyId::TopicAlias, owner: PropertyOwner::Connect })
    );
    let twice = [Property::ContentType("other")];
    assert_eq!(
        JoinedProperties::new(&twice, raw.as_properties())
            .as_properties()
            .checked_size(PropertyOwner::Publish),
        Err(EncodeError::PropertyRepeated(PropertyId::ContentType))
    );
}

/// The short way takes nothing that the long way would not take, and finds the same in it.
#[test]
fn both_ways_agree_on_every_byte() {
    let owners = [
        PropertyOwner::Publish,
        PropertyOwner::Will,
        PropertyOwner::Connect,
        PropertyOwner::Connack,
        PropertyOwner::Disconnect,
    ];
    let sections: [&[u8]; 5] = [
        b"\x01\x01\x02\0\0\0\x01\x03\0\x01t\x08\0\x03a/b\x09\0\x01\0\x26\0\x01a\0\x01b\x26\0\0\0\0",
        b"\x23\0\x07\x0b\x01\x0b\x80\x01",
        b"\x11\0\0\0\x01\x21\0\x01\x27\0\0\0\x09\x15\0\x01s\x16\0\x01d",
        b"\x1c\0\x01s\x1f\0\x02no\x24\x01\x25\0",
        b"\x18\0\0\0\0\x01\0",
    ];
    let mut taken = 0;
    for section in sections {
        let mut changed = section.to_vec();
        for index in 0..section.len() {
            for byte in 0..=u8::MAX {
                changed[index] = byte;
                for owner in owners {
                    let Some(seen) = validate_plain(&changed, owner) else { continue };
                    taken += 1;
                    for sender in [None, Some(Sender::Client), Some(Sender::Server)] {
                        assert_eq!(validate_any(&changed, owner, sender), Ok(seen), "{changed:02x?}");
                    }
                }
            }
            changed[index] = section[index];
        }
    }
    assert!(taken > 1000, "the short way is taken");
}
