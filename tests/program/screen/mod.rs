//! The dashboard on a pseudo terminal.

mod citizen;
mod correct;
mod finished_scans;
mod review;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::octrls;

/// Size of a usual large terminal.
const LARGE: (u16, u16) = (120, 40);

/// A folder of scans, and one of their results.
struct Folders {
    folder: TempDir,
}

impl Folders {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn root(&self) -> String {
        self.path("in").display().to_string()
    }

    fn out(&self) -> String {
        self.path("out").display().to_string()
    }

    /// Processes what is in the folder, and ends.
    fn process_once(&self) {
        let mut command = octrls();
        command.args(["watch", &self.root(), "--out", &self.out(), "--once", "--plain", "--stable", "0.2"]);
        command.args(["--model", "edge", "--jobs", "1", "--no-socket"]);
        command.output().expect("watch");
    }

    /// Arguments of a watcher with a dashboard.
    fn watch(&self) -> Vec<String> {
        let arguments = ["watch", &self.root(), "--out", &self.out(), "--stable", "0.2", "--model", "edge"];
        arguments.into_iter().chain(["--jobs", "1", "--image", "text"]).map(str::to_owned).collect()
    }
}

/// A volume of `pages` B-scans, as TIFF with a sidecar.
fn write_volume(path: &Path, pages: u64) {
    use octrls_core::phantom::{Phantom, PhantomOptions};
    use tiff::encoder::{TiffEncoder, colortype::Gray8};

    let mut tiff = TiffEncoder::new(std::fs::File::create(path).unwrap()).unwrap();
    for page in 0..pages {
        let options = PhantomOptions { width: 128, anatomy_seed: Some(5), ..PhantomOptions::default() };
        let bscan = Phantom::generate(&options, page).bscan;
        let pixels: Vec<u8> = bscan.intensity.iter().map(|v| (255.0 * v) as u8).collect();
        tiff.write_image::<Gray8>(bscan.width as u32, bscan.height as u32, &pixels).unwrap();
    }
}
