//! The command line itself: help, version, completions, man pages and the errors of wrong arguments.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::support::{missing, octrls};

const COMMANDS: [&str; 19] = [
    "audit",
    "completions",
    "config",
    "demo",
    "doctor",
    "export",
    "forget",
    "ls",
    "model",
    "phantom",
    "quarantine",
    "receive",
    "recentre",
    "redo",
    "segment",
    "send",
    "top",
    "watch",
    "worker",
];

fn stdout(arguments: &[&str]) -> String {
    let output = octrls().args(arguments).assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("UTF-8")
}

#[test]
fn the_version_is_printed_with_the_name() {
    let expected = format!("octrls {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((stdout(&["-V"]), stdout(&["--version"])), (expected.clone(), expected));
}

#[test]
fn every_command_has_help_and_hidden_ones_are_not_listed() {
    let help = stdout(&["--help"]);
    for command in COMMANDS {
        assert!(help.lines().any(|line| line.split_whitespace().next() == Some(command)), "{command}");
        assert!(stdout(&[command, "--help"]).contains(&format!("Usage: octrls {command}")), "{command}");
    }
    assert!(!help.contains("\n  man "), "{help}");
}

#[test]
fn the_help_of_watch_has_groups_and_examples() {
    let help = stdout(&["watch", "--help"]);
    for part in ["Folders and results:", "Scans:", "Screen:", "Service:", "DICOM network:", "Model:", "Examples:"] {
        assert!(help.lines().any(|line| line == part), "{part}\n{help}");
    }
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    octrls().args(["completions", "cobol"]).assert().code(2);
}

#[test]
fn bash_parses_its_completions() {
    let script = stdout(&["completions", "bash"]);
    let bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut bash) = bash else {
        missing("bash_parses_its_completions", "bash");
        return;
    };
    bash.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("a script");
    let output = bash.wait_with_output().expect("an end");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().expect("tempdir");
    octrls().arg("man").arg(folder.path()).assert().success();
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(page("octrls.1").contains(".TH octrls 1"));
    for command in COMMANDS {
        assert!(page(&format!("octrls-{command}.1")).contains(".SH SYNOPSIS"), "{command}");
    }
    assert!(page("octrls-quarantine-retry.1").contains("quarantine"));
    assert!(!folder.path().join("octrls-man.1").exists());
    octrls().arg("man").arg(folder.path().join("missing")).assert().code(3);
}

#[test]
fn a_wrong_argument_is_named_once() {
    for (arguments, code, message) in [
        (&["watch", "no-such-folder", "--plain"][..], 3, "no-such-folder"),
        (&["segment", "no-such-file.png"], 3, "no-such-file.png"),
        (&["segment", "Cargo.toml", "--model", "no-such-model"], 3, "no-such-model"),
        (&["watch", "--config", "no-such-settings.toml"], 2, "no-such-settings.toml"),
        (&["ls", "--out", "no-such-results"], 3, "no-such-results"),
        (&["quarantine", "list", "--out", "no-such-results"], 3, "no-such-results"),
        (&["forget", "x.dcm", "--out", "no-such-results"], 3, "no-such-results"),
        (&["worker"], 2, "--queue"),
    ] {
        let output = octrls().args(arguments).assert().code(code).get_output().stderr.clone();
        let error = String::from_utf8(output).expect("UTF-8");
        let shown = error.lines().next().unwrap_or_default();
        let error = if error.contains("Usage:") { error.clone() } else { shown.to_owned() };
        assert!(error.contains(message) && error.matches("os error").count() <= 1, "{arguments:?}: {error}");
    }
}
