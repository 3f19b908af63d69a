//! The sample of a settings file.

use std::fmt::Write;

use clap::{Arg, Command};

use super::{is_list, is_switch, options};

/// Longest line of an explanation.
const WIDTH: usize = 100;

/// A settings file with every option of `command`: what it does, and its default, as a comment. Those of `set` are set. `after`
/// are the commands that take a change over.
pub(crate) fn sample(command: &Command, set: &[(&str, &str)], after: &[&str]) -> String {
    let mut out = format!(
        "# Settings of `octrls {} --config FILE`. The command line beats this file, and this file beats the defaults.\n\
         # What stands behind `#` is the default, or an example in <> where there is none. After a change:\n",
        command.get_name()
    );
    for line in after {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "#   {line}");
    }
    for arg in options(command) {
        let key = arg.get_id().as_str();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        out.push('\n');
        for line in wrapped(&help) {
            let _ = writeln!(out, "# {line}");
        }
        let possible = arg.get_possible_values();
        if !possible.is_empty() && !is_switch(arg) {
            let names: Vec<&str> = possible.iter().map(clap::builder::PossibleValue::get_name).collect();
            let _ = writeln!(out, "# One of: {}", names.join(", "));
        }
        let _ = match set.iter().find(|(name, _)| *name == key) {
            Some((_, value)) if is_list(arg) => writeln!(out, "{key} = [{}]", literal(value)),
            Some((_, value)) => writeln!(out, "{key} = {}", literal(value)),
            None => writeln!(out, "#{key} = {}", default(arg)),
        };
    }
    out
}

/// The default as TOML; where there is none, the name of the value.
fn default(arg: &Arg) -> String {
    if is_switch(arg) {
        return "false".to_owned();
    }
    let value = arg.get_default_values().first().map(|value| literal(&value.to_string_lossy()));
    let value = value.unwrap_or_else(|| {
        let names = arg.get_value_names().unwrap_or_default();
        literal(&format!("<{}>", names.first().map_or("VALUE", |name| name.as_str())))
    });
    if is_list(arg) { format!("[{value}]") } else { value }
}

/// A value as TOML: a number as it is, anything else in quotes.
fn literal(value: &str) -> String {
    let number = value.parse::<f64>().is_ok_and(f64::is_finite) && value.starts_with(|c: char| c.is_ascii_digit());
    if number { value.to_owned() } else { toml::Value::String(value.to_owned()).to_string() }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.len());
        if line > 0 && line + 1 + word.len() > WIDTH {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
