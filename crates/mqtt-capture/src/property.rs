//! Properties of commands in a log, legal or not: a command that is refused for them is replayed too.

use alloc::vec::Vec;

use mqtt_proto::{Properties, Property, PropertyId};

use crate::wire::{Fault, Read, Reader, put_bytes, put_u64, put_usize};

macro_rules! properties {
    (numbers: $($number:ident)*; texts: $($text:ident)*; binaries: $($binary:ident)*;) => {
        fn put(out: &mut Vec<u8>, property: Property<'_>) {
            out.push(property.id() as u8);
            match property {
                $(Property::$number(value) => put_u64(out, value.into()),)*
                $(Property::$text(value) => put_bytes(out, value.as_bytes()),)*
                $(Property::$binary(value) => put_bytes(out, value),)*
                Property::UserProperty(name, value) => {
                    put_bytes(out, name.as_bytes());
                    put_bytes(out, value.as_bytes());
                }
            }
        }

        fn read<'a>(reader: &mut Reader<'a>) -> Read<Property<'a>> {
            let id = PropertyId::from_id(reader.byte()?.into()).ok_or(Fault::Bad)?;
            Ok(match id {
                $(PropertyId::$number => Property::$number(reader.number()?),)*
                $(PropertyId::$text => Property::$text(reader.text()?),)*
                $(PropertyId::$binary => Property::$binary(reader.bytes()?),)*
                PropertyId::UserProperty => Property::UserProperty(reader.text()?, reader.text()?),
            })
        }
    };
}

properties! {
    numbers: PayloadFormatIndicator MessageExpiryInterval SubscriptionIdentifier SessionExpiryInterval ServerKeepAlive
        RequestProblemInformation WillDelayInterval RequestResponseInformation ReceiveMaximum TopicAliasMaximum
        TopicAlias MaximumQoS RetainAvailable MaximumPacketSize WildcardSubscriptionAvailable
        SubscriptionIdentifierAvailable SharedSubscriptionAvailable;
    texts: ContentType ResponseTopic AssignedClientIdentifier AuthenticationMethod ResponseInformation ServerReference
        ReasonString;
    binaries: CorrelationData AuthenticationData;
}

pub(crate) fn put_properties(out: &mut Vec<u8>, properties: &Properties<'_>) {
    put_usize(out, properties.iter().count());
    properties.iter().for_each(|property| put(out, property));
}

pub(crate) fn read_properties<'a>(reader: &mut Reader<'a>) -> Read<Vec<Property<'a>>> {
    // Nothing is reserved for a number that a broken log may say.
    let mut properties = Vec::new();
    for _ in 0..reader.u64()? {
        properties.push(read(reader)?);
    }
    Ok(properties)
}
