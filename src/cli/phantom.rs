//! `octrls phantom`: synthetic scans with their exact labels.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use image::GrayImage;

use crate::{
    layer::Boundary,
    phantom::{Phantom, PhantomOptions, PhantomScan},
    scan::BScan,
};

use super::{args::PhantomArguments, make_folder};

pub(super) fn run(arguments: &PhantomArguments) -> anyhow::Result<ExitCode> {
    make_folder(&arguments.out)?;
    for seed in (arguments.seed..).take(arguments.count as usize) {
        let options = if arguments.varied { PhantomOptions::random(seed) } else { PhantomOptions::default() };
        let phantom = Phantom::generate(&options, seed);
        let name = format!("phantom-{seed:06}");
        write_scan(&arguments.out.join(format!("{name}.png")), &phantom)?;
        write_labels(&arguments.out, &name, &phantom)?;
        println!("{name}.png");
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the scan as a PNG with a sidecar that states its spacing and eye.
///
/// The picture comes last and by renaming, so that a watcher never sees it without its sidecar or half-written.
pub(super) fn write_scan(path: &Path, phantom: &PhantomScan) -> anyhow::Result<()> {
    let text = |p: &Path| format!("E-OUT-IO: cannot write {}", p.display());
    let sidecar = path.with_added_extension("toml");
    let eye = serde_json::to_string(&phantom.eye)?;
    let content = format!("axial_um = {}\nlateral_um = {}\neye = {eye}\n", phantom.axial_um, phantom.lateral_um);
    fs::write(&sidecar, content).with_context(|| text(&sidecar))?;
    let partial = path.with_added_extension("part");
    grey(&phantom.bscan).save_with_format(&partial, image::ImageFormat::Png).with_context(|| text(&partial))?;
    fs::rename(&partial, path).with_context(|| text(path))
}

/// Writes `NAME.boundaries.csv`, in the convention of the results: 0-based fractional rows, empty outside the frame.
fn write_labels(folder: &Path, name: &str, phantom: &PhantomScan) -> anyhow::Result<()> {
    let path = folder.join(format!("{name}.boundaries.csv"));
    let mut csv =
        csv::Writer::from_path(&path).with_context(|| format!("E-OUT-IO: cannot write {}", path.display()))?;
    csv.write_record(Boundary::ALL.map(Boundary::name))?;
    for ascan in 0..phantom.surfaces.width() {
        csv.write_record(
            Boundary::ALL.map(|b| phantom.surfaces.rows(b)[ascan].map_or_else(String::new, |row| format!("{row:.3}"))),
        )?;
    }
    csv.flush().with_context(|| format!("E-OUT-IO: cannot write {}", path.display()))
}

/// The scan as 8-bit grey.
fn grey(bscan: &BScan) -> GrayImage {
    GrayImage::from_fn(bscan.width as u32, bscan.height as u32, |x, y| {
        let intensity = bscan.intensity[y as usize * bscan.width + x as usize];
        image::Luma([(intensity.clamp(0.0, 1.0) * 255.0).round() as u8])
    })
}
