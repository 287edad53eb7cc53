//! The codec against the standard: tables for every packet, laws that hold for all bytes, and other codecs.
//!
//! Tables hold (version, bytes, packet) and are read in both directions. Malformed rows name the kind of fault,
//! the byte and the statement. What tables cannot reach, generated packets and damaged bytes do.

#[expect(unreachable_pub, reason = "the fuzz targets include the file as a public module")]
mod checks;
mod corpus;
mod connack;
mod connect;
mod connect_bad;
mod differential;
mod disconnect;
mod display;
mod header;
mod laws;
mod limits;
mod model;
mod owners;
mod acknowledge;
mod properties;
mod publish;
mod reasons;
mod serialize;
mod strategies;
mod strict;
mod strings;
mod suback;
mod subscribe;
mod table;
mod topics;
