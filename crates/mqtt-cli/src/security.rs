//! TLS as the arguments want it.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mqtt_smol::transport::rustls::KeyLog;
use mqtt_smol::transport::{PemProblem, Tls, TlsBuilder, TlsError};

use crate::args::TlsArgs;
use crate::failure::Failure;
use crate::password;
use crate::values;

/// The layer for servers that want TLS.
pub(crate) fn tls(args: &TlsArgs) -> Result<Tls, Failure> {
    let has_roots = args.cafile.is_some() || args.capath.is_some();
    let mut builder = Tls::builder();
    if let Some(path) = &args.cafile {
        builder = builder.roots_file(path)?;
    }
    if let Some(path) = &args.capath {
        builder = builder.roots_folder(path)?;
    }
    if args.tls || !has_roots && !args.insecure {
        builder = builder.platform_roots()?;
    }
    builder = match (args.insecure, has_roots || args.tls) {
        (false, _) => builder,
        (true, true) => builder.dangerously_any_name(),
        (true, false) => builder.dangerously_any_certificate(),
    };
    if let (Some(chain), Some(key)) = (&args.cert, &args.key) {
        builder = with_certificate(builder, chain, key, args)?;
    }
    for protocol in &args.alpn {
        builder = builder.alpn(protocol.as_str());
    }
    if let Some(version) = args.tls_version {
        builder = builder.version_min(version);
    }
    if let Some(name) = &args.servername {
        builder = builder.server_name(name);
    }
    if let Some(path) = &args.tls_keylog {
        builder = builder.key_log(Arc::new(KeyLogFile::open(path)?));
    }
    Ok(builder.build()?)
}

/// A key that is encrypted is opened by the password that was given, or else by one that is asked for.
fn with_certificate(
    builder: TlsBuilder,
    chain: &Path,
    key: &Path,
    args: &TlsArgs,
) -> Result<TlsBuilder, Failure> {
    let password = match &args.keypass {
        Some(password) => values::bytes(password.clone()),
        None => match Tls::builder().client_certificate_files(chain, key) {
            Err(TlsError::Pem { problem: PemProblem::Encrypted, .. }) => {
                password::ask(&format!("Password of {}", key.display()))?
            }
            Ok(_) | Err(_) => Vec::new(),
        },
    };
    Ok(builder.client_certificate_files_encrypted(chain, key, &password)?)
}

/// Secrets of connections, a line for each, in the format that Wireshark and others read.
#[derive(Debug)]
struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    fn open(path: &Path) -> Result<KeyLogFile, Failure> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // Whoever reads it can decrypt the connections.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            Failure::new(Failure::OTHER, format_args!("cannot write {}: {error}", path.display()))
        })?;
        Ok(KeyLogFile(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(random), hex(secret));
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            eprintln!("mqtt: the secrets cannot be written: {error}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
