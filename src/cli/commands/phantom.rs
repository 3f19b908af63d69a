//! `octrls phantom`: writes synthetic scans with exact labels.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use tiff::encoder::{TiffEncoder, colortype::Gray8};

use octrls_core::{
    layer::{BOUNDARIES, Boundary},
    phantom::{Phantom, PhantomOptions, PhantomScan},
    scan::{BScan, Eye},
};

use crate::cli::files::create_folder;

/// Distance between the B-scans of a volume, in micrometres.
const BSCAN_SPACING_UM: f64 = 240.0;

#[derive(Args)]
pub(crate) struct PhantomArguments {
    /// Output folder
    #[arg(value_name = "DIR")]
    out: PathBuf,
    /// Number of scans
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// B-scans per scan; more than one make a volume around the fovea
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1000))]
    bscans: u32,
    /// Seed of the first scan; each further scan adds 1
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Vary scanner, anatomy and quality from scan to scan
    #[arg(long)]
    varied: bool,
}

pub(super) fn run(arguments: &PhantomArguments) -> anyhow::Result<ExitCode> {
    create_folder(&arguments.out)?;
    for seed in (arguments.seed..).take(arguments.count as usize) {
        let options = if arguments.varied { PhantomOptions::random(seed) } else { PhantomOptions::default() };
        let stem = format!("phantom-{seed:06}");
        let labels = arguments.out.join(format!("{stem}.boundaries.csv"));
        let scan = SyntheticScan { options, seed, bscans: arguments.bscans };
        println!("{}", scan.write(&arguments.out.join(stem), Some(&labels))?);
    }
    Ok(ExitCode::SUCCESS)
}

/// A synthetic scan: one B-scan, or a volume around the fovea whose first B-scan is the superior one.
pub(super) struct SyntheticScan {
    pub(super) options: PhantomOptions,
    pub(super) seed: u64,
    pub(super) bscans: u32,
}

impl SyntheticScan {
    /// Writes the scan, its sidecar (spacings, eye), and the exact boundaries to `labels`; returns the scan's file
    /// name.
    ///
    /// A single B-scan becomes a PNG, a volume a TIFF with a page per B-scan. The image is renamed into place last, so
    /// that a watcher never sees it incomplete or without its sidecar.
    pub(super) fn write(&self, stem: &Path, labels: Option<&Path>) -> anyhow::Result<String> {
        let path = stem.with_added_extension(if self.bscans > 1 { "tif" } else { "png" });
        let (partial, sidecar) = (path.with_added_extension("part"), path.with_added_extension("toml"));
        let failed = |path: &Path| format!("E-OUT-IO: cannot write {}", path.display());
        let mut labels = labels.map(|path| Labels::create(path, self.bscans > 1)).transpose()?;
        fs::write(&sidecar, self.sidecar()?).with_context(|| failed(&sidecar))?;
        if self.bscans > 1 { self.write_tiff(&partial, &mut labels) } else { self.write_png(&partial, &mut labels) }
            .with_context(|| failed(&path))?;
        fs::rename(&partial, &path).with_context(|| failed(&path))?;
        Ok(path.file_name().unwrap_or_default().to_string_lossy().into_owned())
    }

    fn bscans(&self) -> impl Iterator<Item = PhantomScan> {
        let middle = 0.5 * f64::from(self.bscans - 1);
        let eye = self.options.anatomy_seed.unwrap_or(self.seed);
        (0..self.bscans).map(move |i| {
            if self.bscans == 1 {
                return Phantom::generate(&self.options, self.seed);
            }
            let fovea_offset_um = (middle - f64::from(i)) * BSCAN_SPACING_UM;
            let options = PhantomOptions { anatomy_seed: Some(eye), fovea_offset_um, ..self.options };
            // Each B-scan needs its own speckle.
            Phantom::generate(&options, self.seed ^ (u64::from(i) << 32))
        })
    }

    fn sidecar(&self) -> anyhow::Result<String> {
        let PhantomOptions { axial_um, lateral_um, nasal_right, .. } = self.options;
        let eye = serde_json::to_string(&if nasal_right { Eye::Right } else { Eye::Left })?;
        let rows = format!("between_um = {BSCAN_SPACING_UM}\nfirst_bscan = \"superior\"\n");
        let rows = if self.bscans > 1 { rows.as_str() } else { "" };
        Ok(format!("axial_um = {axial_um}\nlateral_um = {lateral_um}\neye = {eye}\n{rows}"))
    }

    fn write_png(&self, path: &Path, labels: &mut Option<Labels>) -> anyhow::Result<()> {
        for phantom in self.bscans() {
            let BScan { width, height, .. } = phantom.bscan;
            let (format, colour) = (image::ImageFormat::Png, image::ExtendedColorType::L8);
            let pixels = grey(&phantom.bscan);
            image::save_buffer_with_format(path, &pixels, width as u32, height as u32, colour, format)?;
            labels.iter_mut().try_for_each(|labels| labels.add(0, &phantom))?;
        }
        Ok(())
    }

    fn write_tiff(&self, path: &Path, labels: &mut Option<Labels>) -> anyhow::Result<()> {
        let mut pages = TiffEncoder::new(BufWriter::new(File::create(path)?))?;
        for (index, phantom) in self.bscans().enumerate() {
            let BScan { width, height, .. } = phantom.bscan;
            pages.write_image::<Gray8>(width as u32, height as u32, &grey(&phantom.bscan))?;
            labels.iter_mut().try_for_each(|labels| labels.add(index, &phantom))?;
        }
        Ok(())
    }
}

/// A CSV table of exact boundaries, as in the results: 0-based fractional rows, empty outside the frame. For a volume,
/// the first column is the index of the B-scan.
struct Labels {
    csv: csv::Writer<File>,
    of_volume: bool,
}

impl Labels {
    fn create(path: &Path, of_volume: bool) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("E-OUT-IO: cannot write {}", path.display()))?;
        let mut labels = Self { csv: csv::Writer::from_writer(file), of_volume };
        labels.record("bscan", &Boundary::ALL.map(|b| b.name().to_owned()))?;
        Ok(labels)
    }

    fn add(&mut self, index: usize, phantom: &PhantomScan) -> anyhow::Result<()> {
        let index = index.to_string();
        for ascan in 0..phantom.surfaces.width() {
            let row = |b| phantom.surfaces.rows(b)[ascan].map_or_else(String::new, |row| format!("{row:.3}"));
            self.record(&index, &Boundary::ALL.map(row))?;
        }
        Ok(self.csv.flush()?)
    }

    fn record(&mut self, bscan: &str, rows: &[String; BOUNDARIES]) -> anyhow::Result<()> {
        let bscan = self.of_volume.then_some(bscan);
        Ok(self.csv.write_record(bscan.into_iter().chain(rows.iter().map(String::as_str)))?)
    }
}

/// The B-scan as 8-bit grey.
fn grey(bscan: &BScan) -> Vec<u8> {
    bscan.intensity.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
}
