//! A URL as options: its server and its credentials.

use fluent_uri::UriRef;
use fluent_uri::component::Host;
use fluent_uri::pct_enc::{EStr, Encoder};
use mqtt_session::Credentials;

use crate::error::OptionsError;
use crate::server::{Scheme, Server};

/// The server and the credentials of a URL.
pub(super) fn parse_url(url: &str) -> Result<(Server, Option<Credentials>), OptionsError> {
    let not_a_url = || OptionsError::NotAUrl { url: url.into() };
    let uri = UriRef::parse(url).map_err(|_| not_a_url())?;
    let name = uri.scheme().map(|scheme| scheme.as_str().to_ascii_lowercase()).ok_or_else(not_a_url)?;
    let scheme = match Scheme::from_name(&name) {
        Some(scheme) => scheme,
        // "localhost:1883" parses as a URL whose scheme is "localhost".
        None if uri.authority().is_some() => return Err(OptionsError::Scheme { scheme: name }),
        None => return Err(not_a_url()),
    };
    let authority = uri.authority().ok_or_else(not_a_url)?;
    let host = match authority.host_parsed() {
        Host::RegName(name) => percent_decoded(name)?,
        _ => authority.host().trim_start_matches('[').trim_end_matches(']').into(),
    };
    let mut server = Server::new(scheme, host);
    server.port = match authority.port().map(EStr::as_str) {
        None | Some("") => server.port,
        Some(port) => {
            let number = port.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| OptionsError::Port { port: port.into() })?
        }
    };
    let path = uri.path();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    match scheme {
        Scheme::Unix if server.host.is_empty() && query.is_empty() && path.as_str().len() > 1 => {
            server.path = percent_decoded(path)?;
        }
        Scheme::Unix => return Err(not_a_url()),
        _ if server.host.is_empty() => return Err(OptionsError::NoHost),
        Scheme::Ws | Scheme::Wss => {
            // `/` is a path of its own; only a URL without one leaves the default.
            let path = if path.as_str().is_empty() { server.path.as_str() } else { path.as_str() };
            server.path = format!("{path}{query}");
        }
        Scheme::Mqtt | Scheme::Mqtts => {
            let path = format!("{path}{query}");
            if !matches!(path.as_str(), "" | "/") {
                return Err(OptionsError::Path { path });
            }
        }
    }
    let credentials = match authority.userinfo() {
        None => None,
        Some(user_info) => {
            let (user_name, password) = match user_info.split_once(':') {
                Some((user_name, password)) => (user_name, Some(password.decode().to_bytes().into_owned())),
                None => (user_info, None),
            };
            Some(Credentials { user_name: Some(percent_decoded(user_name)?), password })
        }
    };
    Ok((server, credentials))
}

fn percent_decoded<E: Encoder>(text: &EStr<E>) -> Result<String, OptionsError> {
    text.decode().to_string().map(Into::into).map_err(|_| OptionsError::NotText)
}
