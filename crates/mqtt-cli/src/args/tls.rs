//! The options of TLS.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::OsStringValueParser;
use mqtt_smol::transport::TlsVersion;
use std::ffi::OsString;

use crate::values;

/// What is trusted and shown over TLS. Any of these options, and port 8883, ask for TLS where no URL does.
#[derive(Debug, ClapArgs)]
pub(crate) struct TlsArgs {
    /// Use TLS and trust the system's root certificates
    #[arg(long, alias = "tls-use-os-certs", hide_short_help = true)]
    pub(crate) tls: bool,

    /// Trust the certificates of a PEM file, not the system's
    #[arg(long, value_name = "PATH")]
    pub(crate) cafile: Option<PathBuf>,

    /// Trust the certificates of all PEM files in a folder
    #[arg(long, value_name = "FOLDER", hide_short_help = true)]
    pub(crate) capath: Option<PathBuf>,

    /// Certificate of this client, with its chain, in PEM
    #[arg(long, value_name = "PATH", requires = "key", hide_short_help = true)]
    pub(crate) cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "PATH", requires = "cert", hide_short_help = true)]
    pub(crate) key: Option<PathBuf>,

    /// Password of an encrypted key; MQTT_KEYPASS is safer [default: asked for on the terminal]
    #[arg(long, value_name = "PASSWORD", requires = "key", hide_short_help = true, allow_hyphen_values = true, value_parser = OsStringValueParser::new())]
    pub(crate) keypass: Option<OsString>,

    /// Application protocol to offer, such as mqtt; may be repeated
    #[arg(long, alias = "tls-alpn", value_name = "PROTOCOL", hide_short_help = true)]
    pub(crate) alpn: Vec<String>,

    /// Lowest version of TLS: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", hide_short_help = true, value_parser = values::tls_version)]
    pub(crate) tls_version: Option<TlsVersion>,

    /// Name that the server's certificate must have [default: the host]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub(crate) servername: Option<String>,

    /// Do not verify the server's name, and without --cafile and --capath nothing of its certificate
    #[arg(long, hide_short_help = true)]
    pub(crate) insecure: bool,

    /// Append the secrets of each connection to a file, for Wireshark
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(crate) tls_keylog: Option<PathBuf>,
}

impl TlsArgs {
    /// Whether TLS is asked for.
    pub(crate) fn is_wanted(&self) -> bool {
        let TlsArgs {
            tls,
            cafile,
            capath,
            cert,
            key,
            keypass: _,
            alpn,
            tls_version,
            servername,
            insecure,
            tls_keylog,
        } = self;
        let has_file = [cafile, capath, cert, key, tls_keylog].iter().any(|path| path.is_some());
        *tls || has_file || !alpn.is_empty() || tls_version.is_some() || servername.is_some() || *insecure
    }
}
