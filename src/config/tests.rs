use clap::{Parser, value_parser};
use octrls_core::ErrorCode;

use super::*;

#[derive(Parser)]
struct Top {
    #[command(subcommand)]
    command: Sub,
}

#[derive(clap::Subcommand)]
enum Sub {
    Work(Work),
}

#[derive(clap::Args)]
struct Work {
    /// Where
    #[arg(required_unless_present = "config")]
    place: Option<String>,
    /// The file
    #[arg(long)]
    config: Option<String>,
    /// How often
    #[arg(long, default_value = "3", value_parser = value_parser!(u32).range(1..=9))]
    times: u32,
    /// One way
    #[arg(long, conflicts_with = "other")]
    one: bool,
    /// The other way
    #[arg(long)]
    other: bool,
    /// Whom
    #[arg(long, value_name = "NAME")]
    allow_name: Vec<String>,
    /// Needs another
    #[arg(long, requires = "deep")]
    much: Option<f64>,
    /// The other
    #[arg(long)]
    deep: Option<String>,
}

fn work(line: &str, text: &str) -> Result<Work, ConfigError> {
    let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    let (matches, _) = merge(&<Top as clap::CommandFactory>::command(), "work", &arguments, text)?;
    let Sub::Work(work) = <Top as clap::FromArgMatches>::from_arg_matches(&matches).unwrap().command;
    Ok(work)
}

#[test]
fn the_command_line_beats_the_file_and_the_file_beats_the_default() {
    let text = "place = '/srv'\ntimes = 5\nallow_name = ['a', 'b']\nmuch = 0.5\ndeep = 'x'";
    let merged = work("octrls work --config f", text).unwrap();
    assert_eq!((merged.place.as_deref(), merged.times, merged.much), (Some("/srv"), 5, Some(0.5)));
    assert_eq!(merged.allow_name, ["a", "b"]);
    let merged = work("octrls work /other --times 7 --allow-name c --config f", text).unwrap();
    assert_eq!((merged.place.as_deref(), merged.times), (Some("/other"), 7));
    assert_eq!(merged.allow_name, ["c"]);
    assert_eq!(work("octrls work --config f", "place = 'x'").unwrap().times, 3);
}

#[test]
fn options_that_conflict_with_the_command_line_are_ignored() {
    let text = "place = 'x'\nother = true";
    let merged = work("octrls work --config f --one", text).unwrap();
    assert_eq!((merged.one, merged.other), (true, false));
    assert!(work("octrls work --config f", text).unwrap().other);
    assert!(!work("octrls work --config f", "place = 'x'\nother = false").unwrap().other);
}

#[test]
fn errors_name_their_line() {
    let check = |text: &str, code: ErrorCode, message: &str| {
        let error = work("octrls work --config f", text).err().unwrap();
        assert_eq!((error.code(), error.to_string().as_str()), (code, message), "{text}");
    };
    check("place = 'x'\n\ntime = 3", ErrorCode::ConfigKey, "line 3: unknown option 'time'; did you mean 'times'?");
    check("allow-name = []", ErrorCode::ConfigKey, "line 1: unknown option 'allow-name'; did you mean 'allow_name'?");
    check("config = 'x'", ErrorCode::ConfigKey, "line 1: unknown option 'config'");
    check("[times]\na = 1", ErrorCode::ConfigValue, "line 1: times: expected a text or a number");
    check("place = 'x'\none = 1", ErrorCode::ConfigValue, "line 2: one: expected true or false");
    check(
        "place = 'x'\nallow_name = 'a'",
        ErrorCode::ConfigValue,
        "line 2: allow_name: expected a list, as in [\"A\", \"B\"]",
    );
    check("place = 'x'\ntimes = 10", ErrorCode::ConfigValue, "line 2: times: '10': 10 is not in 1..=9");
    check(
        "place = 'x'\ntimes = 'many'",
        ErrorCode::ConfigValue,
        "line 2: times: 'many': invalid digit found in string",
    );
    check("place = = 'x'", ErrorCode::ConfigSyntax, "line 1: extra `=`, expected nothing");
}

#[test]
fn conflicting_options_are_refused() {
    for text in ["place = 'x'\nmuch = 1.0", "place = 'x'\none = true\nother = true"] {
        assert!(work("octrls work --config f", text).is_err(), "{text}");
    }
}

#[test]
fn numbers_may_have_any_toml_notation() {
    assert_eq!(work("octrls work --config f", "place = 'x'\ntimes = 0x5").unwrap().times, 5);
    assert_eq!(work("octrls work --config f", "place = 'x'\ndeep = 1_000").unwrap().deep.as_deref(), Some("1000"));
}
