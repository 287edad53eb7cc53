//! `mqtt completions` and `mqtt man`: made from the same definitions as the arguments themselves.

use std::fs;
use std::io::{self, Write, stdout};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::generate;
use clap_mangen::Man;

use crate::args::{Args, CompletionsArgs, ManArgs};
use crate::failure::Failure;

/// Prints a script that has the shell complete words.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Args::command(), "mqtt", &mut script);
    Ok(stdout().write_all(&script)?)
}

/// Prints a manual page, or writes all of them.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let mut command = in_full(Args::command());
    command.build();
    if let Some(folder) = &args.folder {
        return write_all(&command, "mqtt", folder).map_err(|error| {
            Failure::new(Failure::OTHER, format_args!("cannot write {}: {error}", folder.display()))
        });
    }
    let mut name = "mqtt".to_owned();
    for word in &args.command {
        let inner = command.find_subcommand(word).cloned();
        command = inner.ok_or_else(|| {
            Failure::new(Failure::USAGE, format_args!("mqtt has no command {word:?}; see mqtt --help"))
        })?;
        name = format!("{name}-{word}");
    }
    Ok(stdout().write_all(&page(&command, &name)?)?)
}

/// The command and all within it, with the options that the short page of help leaves out.
fn in_full(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| arg.hide_short_help(false));
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, in_full))
}

fn write_all(command: &Command, name: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{name}.1")), page(command, name)?)?;
    let commands = command.get_subcommands().filter(|inner| inner.get_name() != "help");
    commands
        .into_iter()
        .try_for_each(|inner| write_all(inner, &format!("{name}-{}", inner.get_name()), folder))
}

/// The page of one command, in the language of `man`.
fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone().display_name(name.to_owned())).title(name.to_uppercase()).render(&mut page)?;
    page.write_all(ENVIRONMENT_AND_CODES.as_bytes())?;
    Ok(page)
}

/// What is the same for every command.
const ENVIRONMENT_AND_CODES: &str = "\
.SH ENVIRONMENT
Each option of a connection can be set by a variable: MQTT_ and the name of the option in capital letters with
underscores, such as MQTT_HOST, MQTT_PASSWORD or MQTT_CAFILE. An argument wins over a variable, a variable over the
profile. An empty variable counts as unset. MQTT_PROFILES names the file of profiles, NO_COLOR turns colours off.
.SH EXIT STATUS
.TP
0
Done.
.TP
1
Anything that has no code of its own.
.TP
2
The arguments do not make sense.
.TP
3
The server cannot be reached.
.TP
4
The server refused.
.TP
5
Time ran out.
.TP
6
The server broke the protocol.
.TP
130
A signal asked to stop.
";
