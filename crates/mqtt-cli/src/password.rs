//! Where a password comes from that does not stand among the arguments.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// The first line of a file, without its end.
pub(crate) fn from_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed =
        |why: String| Failure::new(Failure::USAGE, format_args!("--password-file {}: {why}", path.display()));
    let content = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let password = line.strip_suffix(b"\r").unwrap_or(line);
    if password.is_empty() { Err(failed("its first line is empty".into())) } else { Ok(password.to_vec()) }
}

/// Asks on the terminal, without showing what is typed.
pub(crate) fn ask(what: &str) -> Result<Vec<u8>, Failure> {
    let answer = rpassword::prompt_password(format!("{what}: "));
    answer.map(String::into_bytes).map_err(|error| {
        Failure::new(
            Failure::USAGE,
            format_args!("{what} cannot be asked for, there is no terminal: {error}"),
        )
    })
}
