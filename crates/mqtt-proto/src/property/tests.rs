//! Properties keep their order, are legal where they stand, and are found lazily.

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
