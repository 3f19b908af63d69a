//! The invariant at the end of a round.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use octrls_core::shown::shown_path;
use octrls_engine::{QUARANTINE_FOLDER, STATE_FOLDER, result_folder};
use octrls_report::RESULT_FILE;
use walkdir::WalkDir;

use crate::{
    contents::{IDENTITIES, Kind},
    world::{World, digests},
};

/// A result on disk.
struct Found {
    /// Its folder below the results folder.
    place: PathBuf,
    /// The digest that it states.
    digest: String,
    /// What it says of itself, and is not so.
    faults: Vec<String>,
}

/// Everything that is not as it must be.
pub(crate) fn findings(world: &World) -> Vec<String> {
    let mut found = world.watcher.faults.clone();
    let results = results(world);
    for Found { place, faults, .. } in &results {
        found.extend(faults.iter().map(|fault| format!("{}: {fault}", shown_path(place))));
    }
    one_result_each(world, &results, &mut found);
    nothing_lost(world, &mut found);
    nothing_elsewhere(world, &mut found);
    nothing_left_over(world, &mut found);
    nobody_identified(world, &mut found);
    found
}

fn results(world: &World) -> Vec<Found> {
    let is_internal = |path: &Path| {
        let below = path.strip_prefix(&world.out).unwrap_or(path);
        below.starts_with(QUARANTINE_FOLDER) || below.starts_with(STATE_FOLDER)
    };
    let entries = WalkDir::new(&world.out).into_iter().filter_entry(|entry| !is_internal(entry.path()));
    let records = entries.filter_map(Result::ok).filter(|entry| entry.file_name() == RESULT_FILE);
    records.map(|entry| read(&world.out, entry.path().parent().unwrap_or(entry.path()))).collect()
}

fn read(out: &Path, folder: &Path) -> Found {
    let mut found = Found {
        place: folder.strip_prefix(out).unwrap_or(folder).to_owned(),
        digest: String::new(),
        faults: Vec::new(),
    };
    let text = fs::read_to_string(folder.join(RESULT_FILE)).unwrap_or_default();
    let Ok(record) = serde_json::from_str::<serde_json::Value>(&text) else {
        found.faults.push("result.json is torn".to_owned());
        return found;
    };
    record["scan"]["sha256"].as_str().unwrap_or_default().clone_into(&mut found.digest);
    for file in record["files"].as_array().into_iter().flatten().filter_map(|file| file.as_str()) {
        if !fs::metadata(folder.join(file)).is_ok_and(|file| file.len() > 0) {
            found.faults.push(format!("{file} is missing or empty"));
        }
    }
    found
}

/// Each good content on disk has one result, and a result under a scan's name is that of the scan.
fn one_result_each(world: &World, results: &[Found], found: &mut Vec<String>) {
    let mut by_digest: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for result in results {
        by_digest.entry(&result.digest).or_default().push(&result.place);
    }
    let mut on_disk = BTreeSet::new();
    for root in &world.roots {
        let is_single = |file: &Path| !file.starts_with(&world.out) && !world.is_grouped(file);
        for (file, digest) in digests(root).into_iter().filter(|(file, _)| is_single(file)) {
            let Some(name) = world.name_of(&file) else { continue };
            let place = result_folder(&name);
            if let Some(other) = results.iter().find(|result| result.place == place && result.digest != digest) {
                found.push(format!("{} has the result of other content {}", shown_path(&name), &other.digest[..8]));
            }
            let is_hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !is_hidden {
                on_disk.insert((digest, name));
            }
        }
    }
    let mut checked = BTreeSet::new();
    for (digest, name) in on_disk {
        if !checked.insert(digest.clone()) || world.contents.kind(&digest) != Some(Kind::Good) {
            continue;
        }
        let count = |digest: &String| by_digest.get(digest.as_str()).map_or(0, Vec::len);
        match count(&digest) {
            // A newer instance of another patient may stand for it.
            0 if world.contents.stand_ins(&digest).any(|other| count(other) == 1) => {}
            0 => found.push(format!("{} has no result", shown_path(&name))),
            1 => {}
            count => found.push(format!("{} has {count} results", shown_path(&name))),
        }
    }
    let of_groups = whole_results(world, &by_digest, found);
    for (digest, places) in by_digest.into_iter().filter(|(digest, _)| !of_groups.contains(*digest)) {
        match world.contents.kind(digest) {
            None => found.push(format!("{} is the result of something that is no scan", shown_path(places[0]))),
            Some(Kind::Bad) => found.push(format!("{} is the result of a broken file", shown_path(places[0]))),
            Some(Kind::Good) => {}
        }
    }
}

/// Each scan of several files has one result, of all of its files as they are; returns the digests of these scans.
fn whole_results(world: &World, by_digest: &BTreeMap<&str, Vec<&Path>>, found: &mut Vec<String>) -> BTreeSet<String> {
    let ledger = rusqlite::Connection::open(world.out.join(STATE_FOLDER).join("ledger.sqlite"));
    let is_written = |key: &str| {
        let count = "SELECT count(*) FROM scans WHERE content = ?1 AND state = 'written'";
        ledger.as_ref().is_ok_and(|ledger| ledger.query_row(count, [key], |row| row.get(0)) == Ok(1))
    };
    let mut digests = BTreeSet::new();
    for group in &world.groups {
        found.extend(group.faults());
        let expected = group.expected();
        let name = world.name_of(&expected.file).unwrap_or_default();
        match by_digest.get(expected.digest.as_str()).map_or(&[][..], Vec::as_slice) {
            [place] if *place == result_folder(&name) => {}
            places => found.push(format!("{} has its results in {places:?}", shown_path(&name))),
        }
        if !is_written(&expected.key) {
            found.push(format!("{} has results of other files than these", shown_path(&name)));
        }
        digests.insert(expected.digest);
    }
    digests
}

/// Each file that arrived is where it was put or in quarantine, unless the attack itself destroyed it.
fn nothing_lost(world: &World, found: &mut Vec<String>) {
    let mut there: BTreeSet<String> = BTreeSet::new();
    for root in &world.roots {
        there.extend(digests(root).into_iter().map(|(_, digest)| digest));
    }
    let quarantine = digests(&world.out.join(QUARANTINE_FOLDER));
    for (place, digest) in &quarantine {
        if world.contents.kind(digest) == Some(Kind::Good) {
            found.push(format!("a good scan is in quarantine: {}", shown_path(place)));
        }
    }
    there.extend(quarantine.into_iter().map(|(_, digest)| digest));
    for (digest, kind) in world.contents.known() {
        if !there.contains(digest) && !world.contents.is_destroyed(digest) {
            found.push(format!("a {kind:?} file is lost: {}", &digest[..8]));
        }
    }
}

/// Nothing was written, moved or removed outside the folders, and no link was followed.
fn nothing_elsewhere(world: &World, found: &mut Vec<String>) {
    let elsewhere = digests(&world.elsewhere());
    if elsewhere.len() != 1 || fs::read(world.elsewhere().join("precious.png")).ok().as_deref() != Some(b"precious") {
        found.push(format!("something happened elsewhere: {elsewhere:?}"));
    }
    let expected: BTreeSet<&str> = ["in", "ward-b", "out", "elsewhere", "lines", "lines.log"].into();
    for entry in fs::read_dir(world.folder.path()).into_iter().flatten().filter_map(Result::ok) {
        if !entry.file_name().to_str().is_some_and(|name| expected.contains(name)) {
            found.push(format!("a new entry beside the folders: {}", shown_path(&entry.path())));
        }
    }
}

/// No unfinished file or folder is left.
fn nothing_left_over(world: &World, found: &mut Vec<String>) {
    let staging = world.out.join(STATE_FOLDER).join("staging");
    let left = fs::read_dir(staging).into_iter().flatten().count();
    if left > 0 {
        found.push(format!("{left} unfinished folders in staging"));
    }
    for folder in world.roots.iter().chain([&world.out]) {
        for entry in WalkDir::new(folder).into_iter().filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy();
            if name.starts_with(".octrls-") && name != ".octrls-receive.lock" {
                found.push(format!("an unfinished file: {}", shown_path(entry.path())));
            }
        }
    }
}

/// Lines, log, ledger, notes and file names do not identify a patient, and nothing said acts on a terminal.
fn nobody_identified(world: &World, found: &mut Vec<String>) {
    let mut texts = vec![("lines and log".to_owned(), world.watcher.said().into_bytes())];
    let state = WalkDir::new(world.out.join(STATE_FOLDER)).into_iter().filter_map(Result::ok);
    let notes = WalkDir::new(world.out.join(QUARANTINE_FOLDER)).into_iter().filter_map(Result::ok);
    let notes = notes.filter(|entry| entry.file_name().to_string_lossy().ends_with(".reason.json"));
    for entry in state.chain(notes).filter(|entry| entry.file_type().is_file()) {
        texts.push((shown_path(entry.path()), fs::read(entry.path()).unwrap_or_default()));
    }
    for (place, text) in &texts {
        for identity in IDENTITIES {
            if text.windows(identity.len()).any(|window| window == identity.as_bytes()) {
                found.push(format!("{place} has {identity:?}"));
            }
        }
    }
    let said = world.watcher.said();
    if said.contains(|c| c != '\n' && octrls_core::shown::is_unsafe(c) && !is_json_escape(c)) {
        found.push("lines or log have control characters".to_owned());
    }
    if said.contains("panicked") || said.contains("E-PANIC") {
        found.push("a panic".to_owned());
    }
}

/// JSON keeps names as they are, except for control characters, which its strings escape.
fn is_json_escape(c: char) -> bool {
    !c.is_control()
}
