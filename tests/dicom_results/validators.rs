//! Validators of others: dciodvfy and dcentvfy of dicom3tools, dsrdump of dcmtk.

use std::{path::Path, process::Command};

/// What dciodvfy reports of an object, errors and warnings.
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

fn run(program: &str, arguments: &[&Path]) -> Option<String> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    Some(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

fn dciodvfy(file: &Path) -> Option<Findings> {
    let said = run("dciodvfy", &[file])?;
    let lines = |kind: &str| said.lines().filter(|l| l.starts_with(kind)).map(str::to_owned).collect();
    Some(Findings { errors: lines("Error"), warnings: lines("Warning") })
}

pub(super) fn check(folder: &Path) {
    for name in ["masks.dcm", "measures.dcm", "report.dcm"] {
        let Some(found) = dciodvfy(&folder.join(name)) else { return };
        assert!(found.errors.is_empty(), "{name}: {:#?}", found.errors);
        // Our own vocabulary is not known to it.
        let strange: Vec<&String> = found.warnings.iter().filter(|w| !w.contains("99OCTRLS")).collect();
        assert!(strange.is_empty(), "{name}: {strange:#?}");
    }
}
