//! `octrls model compare`: how the lines of two models differ on chosen scans.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use image::{Rgb, RgbImage};
use serde_json::json;

use octrls_core::{
    ErrorCode,
    layer::{BOUNDARIES, Boundary, EzConvention},
    network::{Device, Network},
    scan::BScan,
    segment::segment,
    surface::Surfaces,
};
use octrls_readers::{OpenedScan, ScanFiles, series_of};

use crate::cli::{
    arguments::{
        model::ModelArguments,
        results::{ConventionArguments, ReadArguments},
    },
    error::coded,
    output::{counted, escaped},
};

/// Colours of the lines of the first and the second model, sRGB.
const LINES: [Rgb<u8>; 2] = [Rgb([86, 180, 233]), Rgb([230, 159, 0])];

#[derive(Args)]
pub(super) struct CompareArguments {
    /// The first model: a name or the path of an ONNX file
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The second model
    #[arg(value_name = "B")]
    second: PathBuf,
    /// Scans to run both on: files or folders
    #[arg(required = true, value_name = "SCAN")]
    scans: Vec<PathBuf>,
    /// Draw the lines of A in blue and those of B in orange over each B-scan, as pictures in this folder
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Device that runs the models: auto (a GPU if available), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: Device,
    #[command(flatten)]
    convention: ConventionArguments,
    #[command(flatten)]
    read: ReadArguments,
}

/// How one boundary of B differs from that of A.
#[derive(Clone, Debug, Default)]
struct Difference {
    /// Rows of B less rows of A, in pixels, where both found the boundary.
    rows: Vec<f32>,
    /// The same in micrometres, where the spacing is known.
    um: Vec<f32>,
    /// A-scans in which only the one or only the other found it.
    only: [usize; 2],
}

/// The differences of all boundaries, over all scans.
#[derive(Debug, Default)]
struct Differences {
    bscans: usize,
    boundaries: [Difference; BOUNDARIES],
}

pub(super) fn run(arguments: &CompareArguments) -> anyhow::Result<ExitCode> {
    let load = |model: &PathBuf| ModelArguments { model: model.clone(), device: arguments.device }.load();
    let networks = [load(&arguments.first)?, load(&arguments.second)?];
    if let Some(folder) = &arguments.overlay {
        fs::create_dir_all(folder)
            .with_context(|| format!("{}: cannot make {}", ErrorCode::OutIo, folder.display()))?;
    }
    let mut differences = Differences::default();
    for (number, scan) in arguments.scans.iter().enumerate() {
        compare(arguments, &networks, (number + 1, scan), &mut differences)?;
    }
    let names = networks.each_ref().map(|network| network.metadata().name.clone());
    if arguments.json {
        println!("{:#}", differences.json(&names));
    } else {
        differences.print(&names);
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds what both networks find in a scan; the scan's number names its pictures, since its own name may name a patient.
fn compare(
    arguments: &CompareArguments,
    networks: &[Network; 2],
    (number, path): (usize, &Path),
    differences: &mut Differences,
) -> anyhow::Result<()> {
    let failed = |error: octrls_readers::ReadError| coded(error.code(), error);
    let files = if path.is_dir() { ScanFiles::one(path) } else { series_of(path).map_err(failed)? };
    let mut reader =
        OpenedScan::open(&files).and_then(|opened| opened.reader(arguments.read.options())).map_err(failed)?;
    let (count, axial) = (reader.header().bscans, reader.header().axial);
    let ez: EzConvention = arguments.convention.ellipsoid_zone;
    for index in 0..count {
        let bscan = reader.bscan(index).map_err(failed)?;
        let find = |network: &Network| segment(network, index, bscan.clone(), axial, ez);
        let [first, second] = networks.each_ref().map(find);
        let (first, second) = (first.map_err(|e| coded(e.code(), e))?, second.map_err(|e| coded(e.code(), e))?);
        let um = axial.map(|spacing| spacing.um as f32);
        differences.add([&first.surfaces, &second.surfaces], um);
        if let Some(folder) = &arguments.overlay {
            let file = folder.join(format!("scan{number:03}-{index:03}.png"));
            let picture = picture(&bscan, [&first.surfaces, &second.surfaces]);
            picture.save(&file).with_context(|| format!("{}: cannot write {}", ErrorCode::OutIo, file.display()))?;
        }
    }
    if !arguments.json {
        println!("{}  {}", escaped(&path.display().to_string()), counted(count, "B-scan"));
    }
    Ok(())
}

impl Differences {
    /// Adds the lines of both models in one B-scan.
    fn add(&mut self, found: [&Surfaces; 2], um: Option<f32>) {
        self.bscans += 1;
        for boundary in Boundary::ALL {
            let difference = &mut self.boundaries[boundary.index()];
            let [first, second] = found.map(|surfaces| surfaces.rows(boundary));
            for pair in first.iter().zip(second) {
                match pair {
                    (Some(first), Some(second)) => {
                        difference.rows.push(second - first);
                        difference.um.extend(um.map(|um| (second - first) * um));
                    }
                    (Some(_), None) => difference.only[0] += 1,
                    (None, Some(_)) => difference.only[1] += 1,
                    (None, None) => {}
                }
            }
        }
    }

    fn print(&self, names: &[String; 2]) {
        let [first, second] = names;
        println!("B is {second}, A is {first}; positive: B lies deeper");
        println!(
            "{:<8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
            "", "mean |d|", "mean |d|", "mean d", "95 % of", "only A", "only B"
        );
        println!(
            "{:<8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
            "boundary", "px", "µm", "px", "|d|, px", "A-scans", "A-scans"
        );
        for boundary in Boundary::ALL {
            let difference = &self.boundaries[boundary.index()];
            let figure = |value: Option<f32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
            let um = Some(&difference.um).filter(|um| um.len() == difference.rows.len());
            println!(
                "{:<8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
                boundary.name(),
                figure(mean(&difference.rows, f32::abs)),
                figure(um.and_then(|um| mean(um, f32::abs))),
                figure(mean(&difference.rows, |d| d)),
                figure(quantile(&difference.rows, 0.95)),
                difference.only[0],
                difference.only[1],
            );
        }
    }

    fn json(&self, names: &[String; 2]) -> serde_json::Value {
        let boundaries: Vec<_> = Boundary::ALL
            .into_iter()
            .map(|boundary| {
                let difference = &self.boundaries[boundary.index()];
                let um = Some(&difference.um).filter(|um| um.len() == difference.rows.len());
                json!({
                    "boundary": boundary.name(),
                    "ascans": difference.rows.len(),
                    "mean_absolute_px": mean(&difference.rows, f32::abs),
                    "mean_absolute_um": um.and_then(|um| mean(um, f32::abs)),
                    "mean_px": mean(&difference.rows, |d| d),
                    "p95_absolute_px": quantile(&difference.rows, 0.95),
                    "only_a": difference.only[0],
                    "only_b": difference.only[1],
                })
            })
            .collect();
        json!({ "a": names[0], "b": names[1], "bscans": self.bscans, "boundaries": boundaries })
    }
}

/// The mean of `of` over `values`; `None` without any.
fn mean(values: &[f32], of: impl Fn(f32) -> f32) -> Option<f32> {
    let sum: f64 = values.iter().map(|value| f64::from(of(*value))).sum();
    (!values.is_empty()).then(|| (sum / values.len() as f64) as f32)
}

/// The quantile `share` of the absolute `values`.
fn quantile(values: &[f32], share: f32) -> Option<f32> {
    let mut sorted: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    sorted.sort_by(f32::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f32 * share).round() as usize])
}

/// The B-scan with the lines of both models; where they meet, those of the second are on top.
fn picture(bscan: &BScan, found: [&Surfaces; 2]) -> RgbImage {
    let grey = |value: &f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    let mut image = RgbImage::from_fn(bscan.width as u32, bscan.height as u32, |x, y| {
        Rgb([grey(&bscan.intensity[y as usize * bscan.width + x as usize]); 3])
    });
    for (surfaces, colour) in found.into_iter().zip(LINES) {
        for boundary in Boundary::ALL {
            let mut last: Option<u32> = None;
            for (x, row) in surfaces.rows(boundary).iter().enumerate() {
                let y = row.map(|row| (row.max(0.0) as u32).min(bscan.height as u32 - 1));
                if let Some(y) = y {
                    let from = last.unwrap_or(y);
                    (from.min(y)..=from.max(y)).for_each(|y| image.put_pixel(x as u32, y, colour));
                }
                last = y;
            }
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surfaces(top: f32, last: Option<f32>) -> Surfaces {
        let rows = std::array::from_fn(|k| match (k, last) {
            (8, last) => vec![last; 4],
            _ => vec![Some(top + 2.0 * k as f32); 4],
        });
        Surfaces::exact(40, rows)
    }

    #[test]
    fn differences_are_those_of_the_second_model() {
        let mut differences = Differences::default();
        differences.add([&surfaces(4.0, Some(30.0)), &surfaces(6.0, None)], Some(3.0));
        let json = differences.json(&["a".into(), "b".into()]);
        let ilm = &json["boundaries"][0];
        assert_eq!((ilm["mean_px"].as_f64(), ilm["mean_absolute_um"].as_f64()), (Some(2.0), Some(6.0)));
        assert_eq!((ilm["ascans"].as_u64(), ilm["p95_absolute_px"].as_f64()), (Some(4), Some(2.0)));
        let choroid = &json["boundaries"][8];
        assert_eq!((choroid["only_a"].as_u64(), choroid["only_b"].as_u64()), (Some(4), Some(0)));
        assert!(choroid["mean_px"].is_null());
    }

    #[test]
    fn the_picture_shows_the_lines_of_both() {
        let bscan = BScan { width: 4, height: 40, intensity: vec![0.5; 160] };
        let image = picture(&bscan, [&surfaces(4.0, None), &surfaces(5.0, None)]);
        assert_eq!((image.get_pixel(1, 4), image.get_pixel(1, 5)), (&LINES[0], &LINES[1]));
    }
}
