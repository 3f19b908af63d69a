//! `sheet`: shows training crops.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use image::{Rgb, RgbImage};
use octrls_core::{layer::Boundary, lesion::Lesion};

use super::labels::Labels;
use crate::{
    augment::Crop,
    batch::{RealScans, Sampler, SetWeights},
    data::Part,
    train::Settings,
};

#[derive(Debug, Args)]
pub(super) struct Sheet {
    #[command(flatten)]
    labels: Labels,
    /// Rows of four crops
    #[arg(long, default_value_t = 2)]
    rows: usize,
    /// Random seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Output file (PNG)
    out: PathBuf,
}

const COLUMNS: usize = 4;
const GAP: usize = 4;

impl Sheet {
    pub(super) fn run(self) -> Result<()> {
        let mut options = Settings::default().batch;
        options.size = COLUMNS * self.rows.max(1);
        options.seed = self.seed;
        let samples = self.labels.load(Part::Train)?;
        let crops = Sampler::new(options, Box::new(RealScans::new(&samples, &SetWeights::new())), None).crops(0);
        // Each crop twice: plain, and with its labels.
        let (cell_w, cell_h) = (2 * options.width + GAP, options.height + GAP);
        let mut sheet = RgbImage::new((COLUMNS * cell_w) as u32, (self.rows.max(1) * cell_h) as u32);
        for (i, crop) in crops.iter().enumerate() {
            let (left, top) = ((i % COLUMNS) * cell_w, (i / COLUMNS) * cell_h);
            draw(&mut sheet, crop, left, top);
        }
        sheet.save(&self.out).with_context(|| format!("cannot write {}", self.out.display()))
    }
}

fn draw(sheet: &mut RgbImage, crop: &Crop, left: usize, top: usize) {
    for (i, (&v, label)) in crop.input.iter().zip(&crop.labels).enumerate() {
        let (x, y) = (left + i % crop.width, top + i / crop.width);
        let grey = (v.mul_add(50.0, 80.0)).clamp(0.0, 255.0) as u8;
        let colour = match (label.lesion(), label.layer()) {
            (Some(lesion @ 1..), _) => Lesion::ALL[usize::from(lesion) - 1].colour(),
            (_, Some(0)) => [0, 0, 0],
            (_, Some(class)) => Boundary::ALL[usize::from(class) - 1].colour(),
            _ if label.allows_layer(0) && label.knows_layers() => [0, 0, 80],
            _ if label.knows_layers() => [80, 80, 0],
            _ => [70, 0, 0],
        };
        let mixed = colour.map(|c| grey / 2 + c / 2);
        sheet.put_pixel(x as u32, y as u32, Rgb([grey; 3]));
        sheet.put_pixel((x + crop.width) as u32, y as u32, Rgb(mixed));
    }
}
