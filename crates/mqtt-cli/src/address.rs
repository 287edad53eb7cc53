//! The server that the arguments name, and the topic that may stand behind it in a URL.

use mqtt_smol::transport::{HttpConnect, Socks5, WebSocket};
use mqtt_smol::{Options, Scheme, Server};

use crate::args::{ServerArgs, TlsArgs};
use crate::failure::Failure;

/// Options for the server, with the credentials of its URL.
pub(crate) fn options(server: &ServerArgs, tls: &TlsArgs) -> Result<Options, Failure> {
    let mut options = match url(server) {
        Some(url) => Options::from_url(split_topic(url).0)?,
        None => parts(server, tls),
    };
    if let Some(path) = &server.ws_path {
        if !options.server.scheme.is_websocket() {
            return Err(Failure::new(
                Failure::USAGE,
                "--ws-path is for WebSocket; use a ws or wss URL, or --ws",
            ));
        }
        options.server.path = if path.starts_with('/') { path.clone() } else { format!("/{path}") };
    }
    if !server.ws_header.is_empty() {
        let websocket = server
            .ws_header
            .iter()
            .try_fold(WebSocket::new(), |websocket, header| websocket.header(&header.name, &header.value));
        options = options.websocket(
            websocket.map_err(|error| Failure::new(Failure::USAGE, format_args!("--ws-header: {error}")))?,
        );
    }
    match &server.proxy {
        Some(proxy) => through_proxy(options, proxy),
        None => Ok(options),
    }
}

/// The topic behind the server in its URL.
pub(crate) fn topic(server: &ServerArgs) -> Option<&str> {
    url(server).and_then(|url| split_topic(url).1)
}

fn url(server: &ServerArgs) -> Option<&str> {
    server.url.as_deref().or(server.url_option.as_deref())
}

/// The server of options that name host and port.
fn parts(server: &ServerArgs, tls: &TlsArgs) -> Options {
    if let Some(path) = &server.unix {
        let mut options = Options::new("");
        options.server = Server::unix(path);
        return options;
    }
    let is_secure = tls.is_wanted() || server.port == Scheme::Mqtts.default_port();
    let scheme = match (server.ws, is_secure) {
        (false, false) => Scheme::Mqtt,
        (false, true) => Scheme::Mqtts,
        (true, false) => Scheme::Ws,
        (true, true) => Scheme::Wss,
    };
    let mut options = Options::new("");
    options.server = Server::new(scheme, server.host.as_deref().unwrap_or("localhost"));
    match server.port {
        Some(port) => options.port(port),
        None => options,
    }
}

/// A URL of mqtt or mqtts without what stands behind its server, and that, which is a topic or a filter as it stands.
fn split_topic(url: &str) -> (&str, Option<&str>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url, None) };
    let has_topic = Scheme::from_name(&scheme.to_ascii_lowercase())
        .is_some_and(|scheme| matches!(scheme, Scheme::Mqtt | Scheme::Mqtts));
    match rest.find('/').filter(|_| has_topic) {
        Some(slash) => {
            let (server, topic) = url.split_at(url.len() - rest.len() + slash);
            (server, Some(&topic[1..]).filter(|topic| !topic.is_empty()))
        }
        None => (url, None),
    }
}

/// Proxies by their usual URLs: `socks5`, `socks5h` and `http`; the proxy looks the server's name up.
fn through_proxy(options: Options, url: &str) -> Result<Options, Failure> {
    let wrong = |why: &str| {
        Failure::new(
            Failure::USAGE,
            format_args!("--proxy: {why}; use socks5h://HOST:PORT or http://HOST:PORT"),
        )
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it is no URL"))?;
    let port = match scheme {
        "socks5" | "socks5h" => 1080,
        "http" => 8080,
        _ => return Err(wrong("its scheme is unknown")),
    };
    // Host, port and credentials are written as in the URL of a server.
    let address = format!("mqtt://{}", rest.trim_end_matches('/'));
    let parsed = Options::from_url(&address).map_err(|error| wrong(&error.to_string()))?;
    let authority = rest.rsplit_once('@').map_or(rest, |(_, host)| host).trim_end_matches('/');
    let has_port =
        authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = if has_port { parsed.server.port } else { port };
    let credentials = parsed.config.credentials.clone().map(|credentials| {
        let password =
            String::from_utf8_lossy(credentials.password.as_deref().unwrap_or_default()).into_owned();
        (credentials.user_name.clone().unwrap_or_default(), password)
    });
    let host = parsed.server.host.as_str();
    Ok(match (scheme, credentials) {
        ("http", Some((user, password))) => {
            options.proxy(host, port, HttpConnect::with_credentials(user, password))
        }
        ("http", None) => options.proxy(host, port, HttpConnect::new()),
        (_, Some((user, password))) => options.proxy(host, port, Socks5::with_credentials(user, password)),
        (_, None) => options.proxy(host, port, Socks5::new()),
    })
}
