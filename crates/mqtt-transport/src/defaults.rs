//! Default layers for URLs that need them.

use mqtt_client::{Options, OptionsError};

/// Adds TLS with the system's root certificates and a plain WebSocket to options whose servers need them.
///
/// Fails if this build has no such layer, or no provider of cryptography: then it says which feature is missing.
pub fn with_defaults(mut options: Options) -> Result<Options, OptionsError> {
    if options.needs_tls() {
        options = add_tls(options)?;
    }
    if options.needs_websocket() {
        options = add_websocket(options)?;
    }
    Ok(options)
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
fn add_tls(options: Options) -> Result<Options, OptionsError> {
    match crate::tls::Tls::with_platform_roots() {
        Ok(tls) => Ok(options.tls(tls)),
        Err(_) => Err(OptionsError::NeedsFeature {
            scheme: options.server.scheme.name(),
            feature: "root certificates: the system's cannot be read, so give `Tls` to the options",
        }),
    }
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
fn add_tls(options: Options) -> Result<Options, OptionsError> {
    let feature = "the feature `ring` or `aws-lc-rs`, or `Tls` in the options";
    Err(OptionsError::NeedsFeature { scheme: options.server.scheme.name(), feature })
}

#[cfg(feature = "websocket")]
fn add_websocket(options: Options) -> Result<Options, OptionsError> {
    Ok(options.websocket(crate::websocket::WebSocket::new()))
}

#[cfg(not(feature = "websocket"))]
fn add_websocket(options: Options) -> Result<Options, OptionsError> {
    Err(OptionsError::NeedsFeature {
        scheme: options.server.scheme.name(),
        feature: "the feature `websocket`",
    })
}
