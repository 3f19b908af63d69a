//! Settings files: TOML whose keys are the options of a command.
//!
//! The command's arguments are the only list of options, so a new option is at once a key and part of the [`sample`]. A
//! key is an option's name with `_` for `-`; its value goes through the command line's parser. The command line
//! overrides the file, and the file overrides the defaults.

mod error;
mod sample;

use std::{collections::BTreeMap, ffi::OsString, ops::Range};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};
pub(crate) use error::ConfigError;
pub(crate) use sample::sample;
use toml::de::{DeTable, DeValue};

/// The option that names the settings file; it is not a key.
const CONFIG: &str = "config";

/// The keys of a settings file, with values and lines.
#[derive(Debug, Default)]
pub(crate) struct Settings(BTreeMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    /// From 1.
    line: usize,
    values: Vec<String>,
}

/// The value of every option after file and command line, by key.
pub(crate) type Values = BTreeMap<String, Vec<OsString>>;

impl Settings {
    /// Parses the text of a file with options of `command`.
    ///
    /// # Errors
    /// [`ConfigError`] when the text is not TOML, a key is not an option of the command, or a value has the wrong type.
    pub(crate) fn parse(text: &str, command: &Command) -> Result<Self, ConfigError> {
        let line = |span: Range<usize>| 1 + text[..span.start.min(text.len())].matches('\n').count();
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            line: error.span().map_or(1, line),
            message: error.message().to_owned(),
        })?;
        let mut entries = BTreeMap::new();
        for (name, value) in table.get_ref() {
            let (key, line) = (name.get_ref().to_string(), line(name.span()));
            let Some(arg) = options(command).find(|arg| arg.get_id().as_str() == key) else {
                let nearest = nearest(&key, command);
                return Err(ConfigError::Key { line, key, nearest });
            };
            let values = values(arg, value.get_ref()).map_err(|expected| {
                let key = key.clone();
                ConfigError::Value { line, key, message: format!("expected {expected}") }
            })?;
            entries.insert(key, Entry { line, values });
        }
        Ok(Self(entries))
    }

    /// Adds the options of the file to the program's `arguments`. `parsed` holds the matches of the command line alone
    /// for the subcommand `command`, which is the first argument.
    fn merged(&self, arguments: &[OsString], command: &Command, parsed: &ArgMatches) -> Vec<OsString> {
        let is_given = |arg: &Arg| parsed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        let is_overridden = |arg: &Arg| {
            let clashes = |a: &Arg, b: &Arg| command.get_arg_conflicts_with(a).iter().any(|c| c.get_id() == b.get_id());
            is_given(arg)
                || options(command).any(|other| is_given(other) && (clashes(arg, other) || clashes(other, arg)))
        };
        let (mut named, mut positional) = (Vec::new(), Vec::new());
        for arg in options(command).filter(|arg| !is_overridden(arg)) {
            let Some(entry) = self.0.get(arg.get_id().as_str()) else { continue };
            // A default in the file must not require the options that the argument requires.
            if arg.get_default_values().iter().eq(&entry.values) {
                continue;
            }
            for value in &entry.values {
                match arg.get_long() {
                    Some(long) if is_switch(arg) => named.push(format!("--{long}").into()),
                    Some(long) => named.push(format!("--{long}={value}").into()),
                    None => positional.push(value.into()),
                }
            }
        }
        let split = arguments.len().min(2);
        let mut all = arguments[..split].to_vec();
        all.append(&mut named);
        all.extend_from_slice(&arguments[split..]);
        if !positional.is_empty() {
            all.push("--".into());
            all.append(&mut positional);
        }
        all
    }

    /// Finds the key and line that an error of clap is about.
    fn locate(&self, error: &clap::Error) -> ConfigError {
        let message = short_message(error);
        let named = error.get(ContextKind::InvalidArg).map(|value| match value {
            ContextValue::String(name) => vec![name.clone()],
            ContextValue::Strings(names) => names.clone(),
            _ => Vec::new(),
        });
        for name in named.unwrap_or_default() {
            let option = name.split([' ', '=', '[']).next().unwrap_or_default();
            let key = option.trim_start_matches('-').replace('-', "_");
            if let Some(entry) = self.0.get(&key) {
                return ConfigError::Value { line: entry.line, key, message };
            }
        }
        ConfigError::Together(message)
    }
}

/// Parses the `arguments` of the program `top`, the first of which is the subcommand `name`, together with the text of
/// a settings file.
///
/// # Errors
/// [`ConfigError`] when the file is invalid or conflicts with the command line.
pub(crate) fn merge(
    top: &Command,
    name: &str,
    arguments: &[OsString],
    text: &str,
) -> Result<(ArgMatches, Values), ConfigError> {
    let mut top = top.clone();
    top.build();
    let parsed = top.clone().try_get_matches_from(arguments).map_err(|e| ConfigError::Together(short_message(&e)))?;
    let (Some(command), Some(parsed)) = (top.find_subcommand(name), parsed.subcommand_matches(name)) else {
        return Err(ConfigError::Together(format!("no arguments of {name}")));
    };
    let settings = Settings::parse(text, command)?;
    let all = settings.merged(arguments, command, parsed);
    let matches = top.clone().try_get_matches_from(all).map_err(|error| settings.locate(&error))?;
    let values = matches.subcommand_matches(name).map(|found| values_of(command, found)).unwrap_or_default();
    Ok((matches, values))
}

fn values_of(command: &Command, matches: &ArgMatches) -> Values {
    let raw = |arg: &Arg| matches.get_raw(arg.get_id().as_str()).into_iter().flatten().map(OsString::from).collect();
    options(command).map(|arg| (arg.get_id().to_string(), raw(arg))).collect()
}

/// The options that a file can set.
fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    let in_file = |arg: &&Arg| {
        let is_built_in = matches!(arg.get_action(), ArgAction::Help | ArgAction::Version);
        !is_built_in && !matches!(arg.get_id().as_str(), CONFIG | "help" | "version")
    };
    command.get_arguments().filter(in_file)
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// The values as on the command line; fails with what was expected.
fn values(arg: &Arg, value: &DeValue) -> Result<Vec<String>, &'static str> {
    match (value, is_switch(arg), is_list(arg)) {
        (DeValue::Boolean(on), true, _) => Ok(on.then(|| "true".to_owned()).into_iter().collect()),
        (_, true, _) => Err("true or false"),
        (DeValue::Array(several), _, true) => several.iter().map(|value| scalar(value.get_ref())).collect(),
        (_, _, true) => Err("a list, as in [\"A\", \"B\"]"),
        (value, ..) => scalar(value).map(|value| vec![value]),
    }
}

fn scalar(value: &DeValue) -> Result<String, &'static str> {
    const EXPECTED: &str = "a text or a number";
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).map(|n| n.to_string()).map_err(|_| EXPECTED)
        }
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        _ => Err(EXPECTED),
    }
}

/// The option that is most similar to `key`.
fn nearest(key: &str, command: &Command) -> Option<String> {
    /// Least Jaro-Winkler similarity for a suggestion, as clap has it.
    const SIMILAR: f64 = 0.8;
    let normalized = key.replace('-', "_").to_lowercase();
    let similar = |arg: &Arg| (strsim::jaro_winkler(arg.get_id().as_str(), &normalized), arg.get_id().to_string());
    let best = options(command).map(similar).max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(similarity, _)| *similarity > SIMILAR).map(|(_, id)| id)
}

/// The message of a clap error without its usage text.
fn short_message(error: &clap::Error) -> String {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => format!("'{value}': "),
        _ => String::new(),
    };
    let possible = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => Some(values.join(", ")),
        _ => None,
    };
    match (error.kind(), std::error::Error::source(error), possible) {
        (ErrorKind::ValueValidation, Some(source), _) => format!("{value}{source}"),
        (ErrorKind::InvalidValue, _, Some(possible)) => format!("{value}not one of {possible}"),
        _ => {
            let text = error.to_string();
            let lines = text.lines().take_while(|line| !line.starts_with("Usage") && !line.starts_with("For more"));
            let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
            lines.join(" ").trim_start_matches("error: ").to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
