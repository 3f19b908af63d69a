//! A file with a size limit and rotation.
//!
//! Written by hand: tracing-appender rotates by time only, and the crates that rotate by size leave a torn line behind
//! when the disk is full.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A file that is renamed before it exceeds its size limit. All bytes between two flushes go into the same file.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    /// The open file and its size.
    current: Option<(File, u64)>,
    line: Vec<u8>,
}

impl RotatingFile {
    /// A file at `path` of at most `max_bytes`. The `keep` older ones are `FILE.1` (the latest), `FILE.2` and so on.
    pub(super) const fn new(path: PathBuf, max_bytes: u64, keep: u32) -> Self {
        Self { path, max_bytes, keep, current: None, line: Vec::new() }
    }

    /// Opens the file, rotating if it lacks room for more `bytes`.
    fn with_room_for(&mut self, bytes: u64) -> io::Result<&mut (File, u64)> {
        let path = &self.path;
        let mut current = match self.current.take() {
            Some(current) => current,
            None => open_to_append(path)?,
        };
        if current.1 > 0 && current.1 + bytes > self.max_bytes {
            drop(current);
            rotate(path, self.keep)?;
            current = open_to_append(path)?;
        }
        Ok(self.current.insert(current))
    }

    fn write_whole_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let (file, bytes) = self.with_room_for(line.len() as u64)?;
        let written = file.write_all(&line);
        if written.is_ok() {
            *bytes += line.len() as u64;
        } else {
            // Remove a partial line: the next one would continue it.
            let _ = file.set_len(*bytes);
            self.current = None;
        }
        written
    }
}

fn open_to_append(path: &Path) -> io::Result<(File, u64)> {
    let file = File::options().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Renames each file to the next older name; the oldest is overwritten.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for age in (0..keep).rev() {
        match fs::rename(aged(path, age), aged(path, age + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The name of the log file of that age; 0 is the current file.
fn aged(path: &Path, age: u32) -> PathBuf {
    if age == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{age}"));
    name.into()
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_whole_line()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotating(path: &Path, max_bytes: u64, keep: u32) -> RotatingFile {
        RotatingFile::new(path.to_owned(), max_bytes, keep)
    }

    fn write(file: &mut RotatingFile, line: &str) -> io::Result<()> {
        // In two writes, as formatting does.
        file.write_all(&line.as_bytes()[..2])?;
        file.write_all(&line.as_bytes()[2..])?;
        file.flush()
    }

    fn read(path: &Path, age: u32) -> Option<String> {
        fs::read_to_string(aged(path, age)).ok()
    }

    #[test]
    fn files_rotate_and_no_line_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = rotating(&path, 8, 2);
        for line in ["aaa\n", "bbb\n", "ccc\n", "ddd\n", "eeeeeeeeee\n", "f f\n"] {
            write(&mut file, line).unwrap();
        }
        let kept = [0, 1, 2, 3].map(|age| read(&path, age));
        let expected = [Some("f f\n"), Some("eeeeeeeeee\n"), Some("ccc\nddd\n"), None];
        assert_eq!(kept, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn an_existing_file_is_continued_and_keep_may_be_zero() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "old\n").unwrap();
        let mut file = rotating(&path, 8, 0);
        write(&mut file, "new\n").unwrap();
        assert_eq!(read(&path, 0).as_deref(), Some("old\nnew\n"));
        write(&mut file, "end\n").unwrap();
        assert_eq!((read(&path, 0).as_deref(), read(&path, 1)), (Some("end\n"), None));
    }

    #[test]
    fn a_folder_that_comes_back_is_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        let mut file = rotating(&folder.join("log"), 100, 1);
        assert!(write(&mut file, "lost\n").is_err());
        fs::create_dir(&folder).unwrap();
        write(&mut file, "there\n").unwrap();
        assert_eq!(read(&folder.join("log"), 0).as_deref(), Some("there\n"));
    }
}
