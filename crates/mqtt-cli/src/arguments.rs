//! From the words of the command line to [`Args`].

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::args::Args;
use crate::failure::Failure;
use crate::properties::join;
use crate::settings::{self, Setting};

/// Parses the words of the command line, the first of which is the name of the command.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Args, Failure> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    if words.get(1).is_some_and(|word| word == "help") {
        // What many other commands take for the same.
        words.remove(1);
        words.push("--help".into());
    }
    check_lone_h(&words)?;
    check_absent(&words)?;
    join_properties(&mut words);
    let command = Args::command();
    // What is wrong with the words is said below, when all of them are there.
    let found = command.clone().ignore_errors(true).try_get_matches_from(&words);
    let mut settings = Vec::new();
    if let Some((place, matches)) = found.ok().and_then(|matches| innermost(&words, matches))
        && connects(&matches)
    {
        settings = settings::left_out(&matches)?;
        let is_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let is_quiet = is_typed("quiet") || settings.iter().any(|setting| setting.option == "--quiet");
        if is_typed("password") && !is_quiet {
            eprintln!(
                "mqtt: others on this machine can see a password in -P; use --password-file or MQTT_PASSWORD"
            );
        }
        words.splice(place..place, settings.iter().map(|setting| setting.word.clone()));
    }
    let parsed = command.try_get_matches_from(&words).and_then(|matches| Args::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let text = error.to_string();
        let failure = Failure::from(error);
        // Nobody has typed it, and so nobody would look for it.
        for Setting { option, origin, .. } in settings {
            if text.contains(&format!("'{option} ")) || text.contains(&format!("'{option}'")) {
                eprintln!("mqtt: {option} comes from {origin}");
            }
        }
        failure
    })
}

/// The arguments of the command that is called, and where its own words begin.
fn innermost(words: &[OsString], mut matches: ArgMatches) -> Option<(usize, ArgMatches)> {
    let mut place = 1;
    while let Some((name, inner)) = matches.remove_subcommand() {
        place += words.get(place..)?.iter().position(|word| *word == *name)? + 1;
        matches = inner;
    }
    Some((place, matches))
}

/// Whether it is a command that connects, and so has a profile.
fn connects(matches: &ArgMatches) -> bool {
    matches.try_contains_id("profile").is_ok()
}

/// Joins the words that belong to one `-D`, three or, for a User Property, four, so that they are one value.
fn join_properties(words: &mut Vec<OsString>) {
    let mut place = 1;
    while place < words.len() && words[place] != "--" {
        let is_option = words[place] == "-D" || words[place] == "--property";
        if is_option && !takes_value(&words[place - 1]) {
            let is_user = words.get(place + 2).is_some_and(|name| name == "user-property");
            let end = (place + if is_user { 5 } else { 4 }).min(words.len());
            let parts: Vec<OsString> = words.drain(place + 1..end).collect();
            words.insert(place + 1, join(&parts));
            place += 1;
        }
        place += 1;
    }
}

/// Whether a word is an option behind which anything may stand.
fn takes_value(word: &OsStr) -> bool {
    let options = ["-t", "--topic", "-m", "--message", "-u", "-P", "-i", "-F", "--will-payload"];
    options.into_iter().any(|option| word == option)
}

/// Options of other tools that are deliberately absent, and what to do instead.
const ABSENT: [(&str, &str); 7] = [
    ("-S", "servers are not looked up by SRV records; name the server by -h"),
    ("--psk", "TLS with shared keys is not available; use certificates: --cafile, --cert and --key"),
    ("--psk-identity", "TLS with shared keys is not available; use certificates: --cafile, --cert and --key"),
    ("--ciphers", "ciphers are chosen by the TLS library, which has only safe ones; see --tls-version"),
    ("--tls-engine", "engines of OpenSSL are not available; give the key as a PEM file: --key"),
    ("--tls-engine-kpass-sha1", "engines of OpenSSL are not available; see --keypass"),
    ("--keyform", "keys are PEM files; engines of OpenSSL are not available"),
];

/// Refuses options that are deliberately absent.
fn check_absent(words: &[OsString]) -> Result<(), Failure> {
    let mut before = OsStr::new("");
    for word in words.iter().take_while(|word| *word != "--") {
        let is_value = takes_value(std::mem::replace(&mut before, word));
        let text = if is_value { "".into() } else { word.to_string_lossy() };
        let name = text.split_once('=').map_or(&*text, |(name, _)| name);
        if let Some((_, why)) = ABSENT.iter().find(|(absent, _)| *absent == name) {
            return Err(Failure::new(Failure::USAGE, format_args!("{name}: {why}")));
        }
    }
    Ok(())
}

/// `-h` alone is meant as a call for help, which has another name here.
fn check_lone_h(words: &[OsString]) -> Result<(), Failure> {
    let Some((last, before)) = words.split_last() else { return Ok(()) };
    let is_alone = before.iter().skip(1).all(|word| !word.to_string_lossy().starts_with('-'));
    if last != "-h" || !is_alone || before.is_empty() {
        return Ok(());
    }
    let called: Vec<_> = before.iter().skip(1).map(|word| word.to_string_lossy()).collect();
    let command = ["mqtt".into()].into_iter().chain(called).collect::<Vec<_>>().join(" ");
    Err(Failure::new(Failure::USAGE, format_args!("-h names the host; for help use {command} --help")))
}
