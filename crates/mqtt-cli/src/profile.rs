//! Settings from a file: sections of a TOML file in the folder for configuration.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use toml::{Table, Value};

use crate::failure::Failure;

/// The settings of a profile over those that hold for every command.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// The file, for errors.
    pub(crate) path: PathBuf,
    settings: Vec<(String, Vec<String>)>,
}

impl Profile {
    /// Reads the file of profiles; without a file and without a name there are no settings.
    pub(crate) fn read(name: Option<&str>) -> Result<Profile, Failure> {
        let Some(path) = path() else {
            return match name {
                None => Ok(Profile::default()),
                Some(_) => Err(usage("there is no folder for configuration; set MQTT_PROFILES".into())),
            };
        };
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && name.is_none() => {
                return Ok(Profile::default());
            }
            Err(error) => return Err(usage(format!("cannot read the profiles in {shown}: {error}"))),
        };
        let table: Table = text.parse().map_err(|error| usage(format!("{shown}: {error}")))?;
        let mut settings = Vec::new();
        if let Some(name) = name {
            match table.get(name) {
                Some(Value::Table(section)) => {
                    take(section, &mut settings).map_err(|why| usage(format!("{shown}: {why}")))?;
                }
                Some(_) | None => {
                    let names: Vec<&str> = table
                        .iter()
                        .filter(|(_, value)| value.is_table())
                        .map(|(name, _)| name.as_str())
                        .collect();
                    let known = match &*names {
                        [] => "it has none".to_owned(),
                        names => format!("it has {}", names.join(", ")),
                    };
                    return Err(usage(format!("there is no profile {name:?} in {shown}; {known}")));
                }
            }
        }
        take(&table, &mut settings).map_err(|why| usage(format!("{shown}: {why}")))?;
        Ok(Profile { path, settings })
    }

    /// The values of a setting; a flag that is on has one that is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&[String]> {
        self.settings.iter().find(|(other, _)| other == name).map(|(_, values)| &**values)
    }

    /// All names that are set.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().map(|(name, _)| name.as_str())
    }
}

fn usage(text: String) -> Failure {
    Failure::new(Failure::USAGE, text)
}

/// Adds what a table sets and nothing before has set.
fn take(table: &Table, settings: &mut Vec<(String, Vec<String>)>) -> Result<(), String> {
    for (name, value) in table {
        let values = match value {
            Value::Table(_) => continue,
            Value::Array(values) => {
                values.iter().map(|value| scalar(name, value)).collect::<Result<_, _>>()?
            }
            Value::Boolean(false) => Vec::new(),
            Value::Boolean(true) => vec![String::new()],
            value => vec![scalar(name, value)?],
        };
        if !settings.iter().any(|(other, _)| other == name) {
            settings.push((name.to_owned(), values));
        }
    }
    Ok(())
}

fn scalar(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(format!("{name} is neither text nor a number")),
    }
}

/// The file of profiles: as MQTT_PROFILES says, or in the folder of the platform.
fn path() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = set("MQTT_PROFILES") {
        return Some(path.into());
    }
    folder(set).map(|folder| folder.join("mqtt").join("profiles.toml"))
}

#[cfg(target_os = "macos")]
fn folder(set: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    set("HOME").map(|home| PathBuf::from(home).join("Library/Application Support"))
}

#[cfg(windows)]
fn folder(set: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    set("APPDATA").map(PathBuf::from)
}

#[cfg(not(any(target_os = "macos", windows)))]
fn folder(set: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config")))
}
