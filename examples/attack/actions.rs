//! What happens to the program: one random action at a time.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    os::unix::{ffi::OsStringExt, fs::symlink},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use walkdir::WalkDir;

use crate::{peers::annoy, world::World};

impl World {
    /// Does something; returns what, in a few words.
    pub(crate) fn act(&mut self, rng: &mut ChaCha8Rng) -> String {
        match rng.random_range(0..118) {
            100..=109 => self.group(rng),
            110..=114 => self.send(rng),
            115..=117 => self.pull(rng),
            0..=29 => self.arrive(rng),
            30..=36 => self.rename(rng),
            37..=44 => self.swap(rng),
            45..=50 => self.replace(rng),
            51..=55 => self.copy(rng),
            56..=60 => self.delete(rng),
            61..=66 => self.plant(rng),
            67..=73 => self.kill(rng),
            74..=76 => self.restart(),
            77..=79 => self.freeze(rng),
            80..=89 => self.operate(rng),
            90..=93 => self.fill(rng),
            94..=96 => self.lock_ledger(rng),
            _ => {
                annoy(self.watcher.node, rng.random());
                annoy(self.watcher.metrics, rng.random());
                "hostile peers".to_owned()
            }
        }
    }

    fn any_file(&self, rng: &mut ChaCha8Rng) -> Option<PathBuf> {
        let files = self.files();
        (!files.is_empty()).then(|| files[rng.random_range(0..files.len())].clone())
    }

    /// Another file with the extension of `file`.
    fn file_like(&self, file: &Path, rng: &mut ChaCha8Rng) -> Option<PathBuf> {
        let is_like = |other: &PathBuf| other != file && other.extension() == file.extension();
        let files: Vec<PathBuf> = self.files().into_iter().filter(is_like).collect();
        (!files.is_empty()).then(|| files[rng.random_range(0..files.len())].clone())
    }

    /// A new name in one of the roots: plain most of the time, else one that is hard to handle.
    fn name(&self, rng: &mut ChaCha8Rng, extension: &str) -> PathBuf {
        let number: u32 = rng.random_range(0..1_000_000);
        let stem: Vec<u8> = match rng.random_range(0..20) {
            0 => format!("a\nb\u{1b}[31m{number}").into_bytes(),
            1 => format!("{number}\u{202e}gnp").into_bytes(),
            2 => [&b"caf\xe9-"[..], number.to_string().as_bytes()].concat(),
            3 => format!("{number:0>width$}", width = 255 - 1 - extension.len()).into_bytes(),
            4 => format!("{}.2", number % 3).into_bytes(),
            5 => format!("{}", number % 3).into_bytes(),
            6 => format!("{number}.png.reason.json").into_bytes(),
            _ => format!("scan-{number}").into_bytes(),
        };
        let mut name = OsString::from_vec(stem);
        name.push(".");
        name.push(extension);
        let folders = ["", "", "", "ward 3", "quarantine", "quarantine (scans)", "deep/er/still", "octrls"];
        let root = &self.roots[rng.random_range(0..self.roots.len())];
        let folder = root.join(folders[rng.random_range(0..folders.len())]);
        let _ = fs::create_dir_all(&folder);
        let path = folder.join(name);
        // Writing through a link or into a pipe would be our own fault.
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let _ = fs::remove_file(&path);
        }
        path
    }

    /// A file arrives: at once, by rename, slowly, or with a pause in the middle.
    fn arrive(&mut self, rng: &mut ChaCha8Rng) -> String {
        let content = self.contents.create(rng);
        let path = self.name(rng, content.extension);
        self.contents.destroys(&path);
        let how = rng.random_range(0..4);
        let written = match how {
            0 => fs::write(&path, &content.bytes),
            1 => {
                let part = path.with_file_name(format!("{}.part", rng.random_range(0..1_000_000)));
                fs::write(&part, &content.bytes).and_then(|()| fs::rename(part, &path))
            }
            _ => {
                let pause = if how == 2 { 30 } else { 700 };
                write_slowly(&path, &content.bytes, Duration::from_millis(pause))
            }
        };
        if written.is_err() {
            // The name is too long or taken by a folder.
            let _ =
                fs::write(self.roots[0].join(format!("{}.{}", self.contents.len(), content.extension)), content.bytes);
        }
        format!("arrive {how} {:?} {}", content.kind, shown(&path))
    }

    fn rename(&mut self, rng: &mut ChaCha8Rng) -> String {
        let Some(from) = self.any_file(rng) else { return "nothing to rename".to_owned() };
        let extension = from.extension().unwrap_or_default().to_string_lossy().into_owned();
        let to = self.name(rng, &extension);
        self.contents.destroys(&to);
        let _ = fs::rename(&from, &to);
        format!("rename {} to {}", shown(&from), shown(&to))
    }

    /// Two files swap their names.
    fn swap(&mut self, rng: &mut ChaCha8Rng) -> String {
        let Some(a) = self.any_file(rng) else { return "nothing to swap".to_owned() };
        let Some(b) = self.file_like(&a, rng) else { return "no pair".to_owned() };
        let between = self.roots[0].join(".swap");
        let swapped =
            fs::rename(&a, &between).and_then(|()| fs::rename(&b, &a)).and_then(|()| fs::rename(&between, &b));
        if swapped.is_err() && between.exists() && fs::rename(&between, &b).is_err() {
            self.contents.destroys(&between);
        }
        format!("swap {} and {}", shown(&a), shown(&b))
    }

    /// A file takes the name of another: the latest becomes the previous, or new content the old name.
    fn replace(&mut self, rng: &mut ChaCha8Rng) -> String {
        let Some(old) = self.any_file(rng) else { return "nothing to replace".to_owned() };
        self.contents.destroys(&old);
        if rng.random_bool(0.5)
            && let Some(other) = self.file_like(&old, rng)
        {
            let _ = fs::rename(&other, &old);
            return format!("rename {} over {}", shown(&other), shown(&old));
        }
        let content = self.contents.create(rng);
        if old.extension().is_none_or(|extension| extension != content.extension) {
            let path = self.name(rng, content.extension);
            self.contents.destroys(&path);
            let _ = fs::write(path, content.bytes);
            return "arrive instead".to_owned();
        }
        let _ = fs::write(&old, content.bytes);
        format!("rewrite {}", shown(&old))
    }

    fn copy(&mut self, rng: &mut ChaCha8Rng) -> String {
        let Some(from) = self.any_file(rng) else { return "nothing to copy".to_owned() };
        let extension = from.extension().unwrap_or_default().to_string_lossy().into_owned();
        let to = self.name(rng, &extension);
        self.contents.destroys(&to);
        let _ = if rng.random_bool(0.5) {
            fs::copy(&from, &to).map(drop)
        } else {
            let _ = fs::remove_file(&to);
            fs::hard_link(&from, &to)
        };
        format!("copy {} to {}", shown(&from), shown(&to))
    }

    fn delete(&mut self, rng: &mut ChaCha8Rng) -> String {
        let Some(path) = self.any_file(rng) else { return "nothing to delete".to_owned() };
        self.contents.destroys(&path);
        let _ = fs::remove_file(&path);
        format!("delete {}", shown(&path))
    }

    /// Something that is no scan and must not be followed, opened or moved.
    fn plant(&mut self, rng: &mut ChaCha8Rng) -> String {
        let path = self.name(rng, "png");
        let outside = self.elsewhere();
        let what = match rng.random_range(0..4) {
            0 => symlink(outside.join("precious.png"), &path).map(|()| "link to a file"),
            1 => symlink(&outside, &path).map(|()| "link to a folder"),
            2 => {
                let made = std::process::Command::new("mkfifo").arg(&path).status();
                made.map(|_| "pipe")
            }
            _ => fs::create_dir(&path).map(|()| "folder with the name of a scan"),
        };
        format!("plant {} {}", what.unwrap_or("nothing"), shown(&path))
    }

    fn kill(&mut self, rng: &mut ChaCha8Rng) -> String {
        self.watcher.kill();
        thread::sleep(Duration::from_millis(rng.random_range(0..300)));
        self.watcher.start();
        "kill -9".to_owned()
    }

    fn restart(&mut self) -> String {
        self.free_space();
        self.watcher.stop();
        self.watcher.start();
        "restart".to_owned()
    }

    fn freeze(&self, rng: &mut ChaCha8Rng) -> String {
        self.watcher.signal("STOP");
        thread::sleep(Duration::from_millis(rng.random_range(0..1500)));
        self.watcher.signal("CONT");
        "freeze".to_owned()
    }

    fn operate(&mut self, rng: &mut ChaCha8Rng) -> String {
        // The ledger may not exist yet, or be busy; the command then says so.
        let command: &[&str] = match rng.random_range(0..8) {
            0 => &["ls"],
            1 => &["ls", "--format", "csv"],
            2 => &["quarantine", "list"],
            3 => &["quarantine", "retry", "--all"],
            4 => &["redo", "--all"],
            5 => &["redo", "--failed"],
            _ => {
                let Some(path) = self.any_file(rng) else { return "nothing to redo".to_owned() };
                if let Some(text) = path.to_str() {
                    self.watcher.operate(&["redo", text]);
                    if rng.random_bool(0.3) {
                        self.watcher.operate(&["forget", text]);
                    }
                }
                return format!("redo {}", shown(&path));
            }
        };
        self.watcher.operate(command);
        command.join(" ")
    }

    fn fill(&self, rng: &mut ChaCha8Rng) -> String {
        let Some(disk) = &self.disk else { return "no disk to fill".to_owned() };
        disk.fill();
        thread::sleep(Duration::from_millis(rng.random_range(200..4000)));
        if rng.random_bool(0.8) {
            disk.clear();
        }
        "full disk".to_owned()
    }

    /// The disk of the results is pulled, and comes back.
    fn pull(&mut self, rng: &mut ChaCha8Rng) -> String {
        let Some(disk) = &self.disk else { return "no disk to pull".to_owned() };
        // A watcher that starts without the disk cannot know that it is missing.
        if !self.watcher.has_started() || !disk.pull() {
            return "cannot pull the disk".to_owned();
        }
        thread::sleep(Duration::from_millis(rng.random_range(0..4000)));
        let below = WalkDir::new(disk.path()).min_depth(1).into_iter().filter_map(Result::ok);
        let faults = below.map(|entry| format!("{} was written where the disk is mounted", shown(entry.path())));
        self.watcher.faults.extend(faults);
        disk.push();
        "pull the disk".to_owned()
    }

    fn free_space(&self) {
        if let Some(disk) = &self.disk {
            disk.clear();
        }
    }

    /// Another process holds the ledger.
    fn lock_ledger(&self, rng: &mut ChaCha8Rng) -> String {
        let ledger = self.out.join(".octrls/ledger.sqlite");
        if !ledger.is_file() {
            return "no ledger to lock".to_owned();
        }
        if let Ok(db) = rusqlite::Connection::open(ledger) {
            let _ = db.execute_batch("BEGIN IMMEDIATE");
            thread::sleep(Duration::from_millis(rng.random_range(0..3000)));
            let _ = db.execute_batch("COMMIT");
        }
        "lock the ledger".to_owned()
    }
}

fn write_slowly(path: &Path, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    for part in bytes.chunks(bytes.len() / 2 + 1) {
        file.write_all(part)?;
        thread::sleep(pause);
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    let parts: Vec<_> = path.components().rev().take(2).map(|part| part.as_os_str().to_owned()).collect();
    let parts: PathBuf = parts.into_iter().rev().collect();
    let text: String = octrls_core::shown::shown_path(&parts).chars().take(60).collect();
    text
}
