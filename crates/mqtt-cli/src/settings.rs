//! Settings that the command line leaves out: from variables, then from the profile.
//!
//! A variable is `MQTT_` and the name of the option, such as `MQTT_CAFILE`; one that is empty counts as unset. What is
//! found becomes words of the command line, so that it goes through the same checks.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command};

use crate::args::ConnectionArgs;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::properties::join;

/// A word that nobody has typed.
pub(crate) struct Setting {
    pub(crate) word: OsString,
    /// The option that it sets, as it is typed.
    pub(crate) option: String,
    /// Where it comes from, for people.
    pub(crate) origin: String,
}

/// The words for all settings that the command line leaves out and that a variable or the profile has.
pub(crate) fn left_out(matches: &ArgMatches) -> Result<Vec<Setting>, Failure> {
    let named = matches.get_one::<String>("profile").cloned();
    let from_variable = || Source::Variables.text("profile");
    let profile = Profile::read(named.or_else(from_variable).as_deref())?;
    let command = ConnectionArgs::augment_args(Command::new("settings"));
    let mut known: Vec<&Arg> = command.get_arguments().filter(|arg| arg.get_long().is_some()).collect();
    // A URL decides about more than itself.
    known.sort_by_key(|arg| arg.get_id() != "url_option");
    if let Some(name) = profile.names().find(|name| !known.iter().any(|arg| arg.get_long() == Some(name))) {
        let why = format!("{}: there is no setting {name:?}", profile.path.display());
        return Err(Failure::new(Failure::USAGE, why));
    }
    let mut settled = Settled::default();
    for id in command.get_arguments().map(|arg| arg.get_id().as_str()) {
        if matches.value_source(id) == Some(ValueSource::CommandLine) {
            let is_url = matches!(id, "url" | "url_option");
            let url = if is_url { matches.get_one::<String>(id) } else { None };
            settled.settle(id, url.map(String::as_str));
        }
    }
    settled.ids.insert("profile".into());
    let mut words = Vec::new();
    for source in [Source::Variables, Source::Profile(&profile)] {
        for arg in &known {
            let id = arg.get_id().as_str();
            let found = if settled.ids.contains(id) { None } else { source.get(arg) };
            if let Some(values) = found {
                settled.settle(id, values.first().map(|value| value.to_string_lossy()).as_deref());
                let option = format!("--{}", arg.get_long().unwrap_or_default());
                words.extend(values.iter().map(|value| Setting {
                    word: word(arg, value),
                    option: option.clone(),
                    origin: source.origin(arg),
                }));
            }
        }
    }
    Ok(words)
}

/// What needs no further source, by the names of arguments.
#[derive(Default)]
struct Settled {
    ids: BTreeSet<String>,
}

impl Settled {
    /// An argument is given, and with it all that it excludes: an address is a URL, a socket, or host and port.
    fn settle(&mut self, id: &str, url: Option<&str>) {
        const PASSWORDS: &[&str] = &["password", "password_file", "ask_password"];
        let excluded: &[&str] = match id {
            "url" | "url_option" => &["url_option", "host", "port", "unix"],
            "host" | "port" => &["url_option", "unix"],
            "unix" => &["url_option", "host", "port"],
            id if PASSWORDS.contains(&id) => PASSWORDS,
            "client_id" => &["id_prefix"],
            "id_prefix" => &["client_id"],
            "debug" => &["quiet"],
            "quiet" => &["debug"],
            _ => &[],
        };
        self.ids.insert(id.into());
        self.ids.extend(excluded.iter().map(|id| String::from(*id)));
        let is_url = matches!(id, "url" | "url_option");
        if let Some(user) = url.filter(|_| is_url).and_then(user_info) {
            self.ids.insert("user_name".into());
            if user.contains(':') {
                self.ids.extend(PASSWORDS.iter().map(|id| String::from(*id)));
            }
        }
    }
}

/// User name and password of a URL.
fn user_info(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    authority.rsplit_once('@').map(|(user, _)| user)
}

/// Where settings come from.
enum Source<'a> {
    Variables,
    Profile(&'a Profile),
}

impl Source<'_> {
    /// The values of a setting; of a flag that is on one that is empty, of one that is off none.
    fn get(&self, arg: &Arg) -> Option<Vec<OsString>> {
        let name = arg.get_long()?;
        match self {
            Source::Profile(profile) => Some(profile.get(name)?.iter().map(OsString::from).collect()),
            Source::Variables => {
                let value = env::var_os(variable_name(name)).filter(|value| !value.is_empty())?;
                if !matches!(arg.get_action(), ArgAction::SetTrue) {
                    return Some(vec![value]);
                }
                let is_off =
                    ["0", "false", "no", "off"].into_iter().any(|off| value.eq_ignore_ascii_case(off));
                Some(if is_off { Vec::new() } else { vec![OsString::new()] })
            }
        }
    }

    fn origin(&self, arg: &Arg) -> String {
        match self {
            Source::Variables => {
                format!("the variable {}", variable_name(arg.get_long().unwrap_or_default()))
            }
            Source::Profile(profile) => format!("the profile in {}", profile.path.display()),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        env::var(variable_name(name)).ok().filter(|value| !value.is_empty())
    }
}

/// `MQTT_` and the name of the option, in capital letters with underscores.
fn variable_name(long: &str) -> String {
    format!("MQTT_{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// The word that sets an option.
fn word(arg: &Arg, value: &OsStr) -> OsString {
    let mut word = OsString::from("--");
    word.push(arg.get_long().unwrap_or_default());
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        word.push("=");
        word.push(if arg.get_id() == "properties" { joined(value) } else { value.into() });
    }
    word
}

/// Outside of a command line the words of a property stand in one text.
fn joined(value: &OsStr) -> OsString {
    let text = value.to_string_lossy();
    let is_user = text.split(' ').nth(1) == Some("user-property");
    let words: Vec<OsString> = text.splitn(if is_user { 4 } else { 3 }, ' ').map(OsString::from).collect();
    join(&words)
}
