//! The sockets of the broker: what is listened on, and why that may fail.

use std::io::{self, ErrorKind};
use std::path::Path;

use mqtt_smol::broker::{Config, Listen, Running, Server};
use mqtt_smol::transport::{TlsError, TlsServer};

use crate::args::BrokerArgs;
use crate::failure::Failure;

/// A broker that runs, and the URLs that it listens on.
pub(crate) fn open(args: &BrokerArgs, config: Config) -> Result<(Running, Vec<String>), Failure> {
    let tls = tls(args)?;
    let host = args.host.as_str();
    let cannot = |port, option| move |error| cannot_listen(host, port, option, &error);
    let mut server = Server::bind((host, args.port), config).map_err(cannot(args.port, "-p"))?;
    let mut urls = vec![server.handle().url()];
    let further = [
        (args.listen.tls_port, "--tls-port", tls.clone().map(Listen::Tls)),
        (args.listen.ws_port, "--ws-port", Some(Listen::WebSocket)),
        (args.listen.wss_port, "--wss-port", tls.map(Listen::WebSocketTls)),
    ];
    for (port, option, how) in further {
        if let (Some(port), Some(how)) = (port, how) {
            let address = server.listen((host, port), how.clone()).map_err(cannot(port, option))?;
            urls.push(how.url(address));
        }
    }
    Ok((server.start()?, urls))
}

fn cannot_listen(host: &str, port: u16, option: &str, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            format!("; another program has the port, so choose one with {option}, or 0 for any")
        }
        ErrorKind::PermissionDenied => {
            format!("; the port needs a privilege, so choose another one with {option}")
        }
        _ => String::new(),
    };
    Failure::new(Failure::OTHER, format_args!("cannot listen on {host}:{port}: {error}{hint}"))
}

/// TLS, if a port is for it. Nothing is made up for what is missing.
fn tls(args: &BrokerArgs) -> Result<Option<TlsServer>, Failure> {
    let listen = &args.listen;
    let usage = |text: &str| Failure::new(Failure::USAGE, text);
    let option = match (listen.tls_port, listen.wss_port) {
        (Some(_), _) => "--tls-port",
        (None, Some(_)) => "--wss-port",
        (None, None) if listen.cert.is_some() || listen.key.is_some() || listen.cafile.is_some() => {
            return Err(usage(
                "--cert, --key and --cafile are for --tls-port and --wss-port; give one of these",
            ));
        }
        (None, None) => return Ok(None),
    };
    let (Some(cert), Some(key)) = (&listen.cert, &listen.key) else {
        return Err(usage(&format!(
            "{option} needs --cert FILE and --key FILE: the certificate of this host and its private key, in PEM"
        )));
    };
    build(cert, key, listen.cafile.as_deref()).map(Some).map_err(|error| Failure::new(Failure::OTHER, error))
}

fn build(cert: &Path, key: &Path, cafile: Option<&Path>) -> Result<TlsServer, TlsError> {
    let mut builder = TlsServer::builder().certificate_files(cert, key)?;
    if let Some(cafile) = cafile {
        builder = builder.client_roots_file(cafile)?;
    }
    builder.build()
}
