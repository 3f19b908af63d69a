//! The verdict on a scan, from its results on disk.

use std::{
    fs::File,
    io::BufReader,
    path::{Component, Path},
};

use octrls_core::measure::Verdict;
use serde::Deserialize;

use super::staging::RESULT_FILE;

/// The parts of `result.json` that tell the verdict; everything else is skipped.
#[derive(Deserialize)]
struct Record {
    verdict: Option<Verdict>,
    #[serde(default)]
    series: Vec<Series>,
}

/// A series of a file that has several.
#[derive(Deserialize)]
struct Series {
    folder: Option<String>,
}

/// The verdict on the scan with results in `folder`; of a file with several series, on all of them together. `None` if
/// the results cannot be read.
#[must_use]
pub fn verdict_of(folder: &Path) -> Option<Verdict> {
    let record = read(folder)?;
    if record.verdict.is_some() {
        return record.verdict;
    }
    let below = |series: Series| {
        let name = series.folder?;
        let is_plain = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        read(&folder.join(name)).filter(|_| is_plain)?.verdict
    };
    let verdicts: Vec<Verdict> = record.series.into_iter().filter_map(below).collect();
    (!verdicts.is_empty()).then(|| Verdict::combine(verdicts))
}

fn read(folder: &Path) -> Option<Record> {
    serde_json::from_reader(BufReader::new(File::open(folder.join(RESULT_FILE)).ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_verdict_of_one_and_of_several_series() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::create_dir_all(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join(RESULT_FILE), text).unwrap();
        };
        write("one", r#"{"schema": "octrls.result/2", "verdict": "not_a_retina", "bscans": [{"verdict": "good"}]}"#);
        write(
            "several",
            r#"{"schema": "octrls.series/1", "series": [{"folder": "a"}, {"folder": null}, {"folder": "b"}]}"#,
        );
        write("several/a", r#"{"verdict": "good"}"#);
        write("several/b", r#"{"verdict": "doubtful"}"#);
        write("broken", "{");
        write("escape", r#"{"series": [{"folder": "../one"}]}"#);
        let verdict = |name: &str| verdict_of(&dir.path().join(name));
        assert_eq!(verdict("one"), Some(Verdict::NotARetina));
        assert_eq!(verdict("several"), Some(Verdict::Doubtful));
        assert_eq!([verdict("broken"), verdict("escape"), verdict("missing")], [None; 3]);
    }
}
