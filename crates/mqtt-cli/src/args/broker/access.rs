//! Users and rules, from arguments and from files: one a line, with comments and empty lines between them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clap::builder::{OsStringValueParser, TypedValueParser};
use mqtt_smol::broker::{Action, Rule, User};

use crate::failure::Failure;

/// Who may come in, and what they may do.
#[derive(Debug, ClapArgs)]
pub(crate) struct AccessArgs {
    /// Let in only this user; may be repeated
    #[arg(long = "user", value_name = "NAME:PASSWORD", allow_hyphen_values = true,
        value_parser = OsStringValueParser::new().try_map(|text| parse_user(text.as_encoded_bytes())))]
    user: Vec<User>,

    /// Let in only users of this file, one NAME:PASSWORD a line
    ///
    /// A line that begins with # is a comment.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Let in clients without user name, too
    #[arg(long)]
    pub(crate) allow_anonymous: bool,

    /// Allow or deny, as in "deny write secret/# eve"
    ///
    /// It is allow or deny, then read, write or all, a filter, and perhaps a user. May be repeated: the first rule that
    /// matches decides, and without one all is allowed.
    #[arg(long = "rule", value_name = "RULE", allow_hyphen_values = true, value_parser = parse_rule)]
    rule: Vec<Rule>,

    /// Rules of a file, one a line, behind those of --rule
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

impl AccessArgs {
    /// All users; none lets everybody in.
    pub(crate) fn all_users(&self) -> Result<Vec<User>, Failure> {
        let mut all = self.user.clone();
        if let Some(path) = &self.users {
            all.extend(read_lines(path, parse_user)?);
            if all.is_empty() {
                // An empty list would let everybody in.
                let text = format!("there is no user in {}", path.display());
                return Err(Failure::new(Failure::USAGE, text));
            }
        }
        Ok(all)
    }

    /// All rules, in order.
    pub(crate) fn all_rules(&self) -> Result<Vec<Rule>, Failure> {
        let mut all = self.rule.clone();
        if let Some(path) = &self.rules {
            all.extend(read_lines(path, |line| {
                let line = str::from_utf8(line).map_err(|_| format!("it is not UTF-8; {RULE_FORM}"))?;
                parse_rule(line)
            })?);
        }
        Ok(all)
    }
}

/// `NAME:PASSWORD`; what follows the first colon is the password, whatever its bytes.
fn parse_user(line: &[u8]) -> Result<User, String> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("use NAME:PASSWORD")?;
    let name = str::from_utf8(&line[..colon]).map_err(|_| "the name is not UTF-8; use NAME:PASSWORD")?;
    if name.is_empty() {
        return Err("the name is empty; use NAME:PASSWORD".into());
    }
    Ok(User { name: name.into(), password: line[colon + 1..].to_vec() })
}

/// `allow|deny read|write|all FILTER [USER]`.
fn parse_rule(line: &str) -> Result<Rule, String> {
    let wrong = |what: String| format!("{what}; {RULE_FORM}");
    let words: Vec<&str> = line.split_whitespace().collect();
    let (effect, action, filter, user) = match words[..] {
        [effect, action, filter] => (effect, action, filter, None),
        [effect, action, filter, user] => (effect, action, filter, Some(user)),
        _ => return Err(wrong(format!("{} words are no rule", words.len()))),
    };
    let action = match action {
        "read" => Action::Read,
        "write" => Action::Write,
        "all" => Action::All,
        _ => return Err(wrong(format!("{action:?} is not read, write or all"))),
    };
    let made = match effect {
        "allow" => Rule::allow(action, filter),
        "deny" => Rule::deny(action, filter),
        _ => return Err(wrong(format!("{effect:?} is not allow or deny"))),
    };
    let rule = made.map_err(|error| wrong(format!("{filter:?} is no topic filter: {error}")))?;
    Ok(match user {
        Some(user) => rule.for_user(user),
        None => rule,
    })
}

const RULE_FORM: &str = "use allow|deny read|write|all FILTER [USER], as in: deny write secret/# eve";

/// What each line says; an error names the file and the line.
fn read_lines<T>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, String>) -> Result<Vec<T>, Failure> {
    let failed = |error: &dyn fmt::Display| {
        Failure::new(Failure::OTHER, format_args!("cannot read {}: {error}", path.display()))
    };
    let content = fs::read(path).map_err(|error| failed(&error))?;
    let mut all = Vec::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        all.push(parse(line).map_err(|error| {
            Failure::new(Failure::USAGE, format_args!("{}:{}: {error}", path.display(), index + 1))
        })?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
