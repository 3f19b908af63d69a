//! Generates the sample of a settings file.

use std::fmt::Write;

use clap::{Arg, Command};

use super::{is_list, is_switch, options};

/// Width of the help comments.
const WIDTH: usize = 100;

/// A settings file with every option of `command` and its help, grouped under the headings of `--help`. Options in
/// `set` are set; all others are commented out with their defaults. `after` lists the commands that apply a change.
pub(crate) fn sample(command: &Command, set: &[(&str, &str)], after: &[&str]) -> String {
    let mut out = format!(
        "# Settings of `octrls {} --config FILE`. The command line overrides this file; this file \
         overrides the defaults.\n\
         # Commented options show their default, or an example in <> if they have none. After a change:\n",
        command.get_name()
    );
    for line in after {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "#   {line}");
    }
    let mut args: Vec<&Arg> = options(command).collect();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in &args {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    args.sort_by_key(|arg| headings.iter().position(|heading| *heading == arg.get_help_heading()));
    let mut heading = None;
    for arg in args {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            let _ = writeln!(out, "\n# ==== {} ====", heading.unwrap_or("Other"));
        }
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

/// The default as TOML, or the name of the value if there is none.
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

/// A value as TOML: numbers bare, everything else quoted.
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
