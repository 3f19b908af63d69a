//! `boundaries.csv`, `uncertainty.csv`, `thickness.csv`, and `etdrs.csv` of volumes.

use std::{fs::File, path::PathBuf};

use octrls_core::{
    layer::{Boundary, Measured},
    measure::{ThicknessUnit, enface::VolumeMeasures},
    segment::SegmentedBScan,
};

use super::{OutputError, staging::StagedFolder};

/// Bytes buffered before a write.
const BUFFER_BYTES: usize = 1 << 16;

/// A CSV table written row by row, since a volume may have any number of rows. B-scans are added in order.
pub(super) struct Table {
    name: &'static str,
    path: PathBuf,
    csv: csv::Writer<File>,
}

impl Table {
    /// `bscan,ascan,ILM,...,CSB`; rows are 0-based and fractional, empty where not determined.
    pub(super) fn boundaries(folder: &StagedFolder) -> Result<Self, OutputError> {
        Self::per_boundary(folder, "boundaries.csv")
    }

    /// `bscan,ascan,ILM,...,CSB`; standard deviations of the rows in pixels, empty where not determined.
    pub(super) fn uncertainty(folder: &StagedFolder) -> Result<Self, OutputError> {
        Self::per_boundary(folder, "uncertainty.csv")
    }

    /// `bscan,ascan,nfl_um,...,choroid_um,retina_um,confidence`, with `_px` where the axial spacing is unknown.
    pub(super) fn thickness(folder: &StagedFolder, unit: ThicknessUnit) -> Result<Self, OutputError> {
        let layers = Measured::all().into_iter().map(|l| format!("{}_{}", l.key(), unit.symbol()));
        Self::per_ascan(folder, "thickness.csv", layers.chain(["confidence".to_owned()]))
    }

    /// `layer,subfield,mean_um,coverage,volume_mm3`: a row for each layer and subfield of a volume.
    pub(super) fn etdrs(folder: &StagedFolder, measures: &VolumeMeasures) -> Result<Self, OutputError> {
        let columns = ["layer", "subfield", "mean_um", "coverage", "volume_mm3"];
        let mut table = Self::new(folder, "etdrs.csv", columns.into_iter().map(str::to_owned))?;
        for measured in &measures.etdrs {
            for field in &measured.grid.subfields {
                let numbers = [format!("{:.3}", field.coverage), format!("{:.5}", field.volume_mm3)];
                let row = [measured.layer.to_owned(), field.at.name(), number(field.mean_um, 2)];
                table.write_row(row.into_iter().chain(numbers))?;
            }
        }
        Ok(table)
    }

    fn new(
        folder: &StagedFolder,
        name: &'static str,
        columns: impl Iterator<Item = String>,
    ) -> Result<Self, OutputError> {
        let (path, file) = folder.create(name)?;
        let csv = csv::WriterBuilder::new().buffer_capacity(BUFFER_BYTES).from_writer(file);
        let mut table = Self { name, path, csv };
        table.write_row(columns)?;
        Ok(table)
    }

    fn per_ascan(
        folder: &StagedFolder,
        name: &'static str,
        columns: impl Iterator<Item = String>,
    ) -> Result<Self, OutputError> {
        Self::new(folder, name, ["bscan".to_owned(), "ascan".to_owned()].into_iter().chain(columns))
    }

    fn per_boundary(folder: &StagedFolder, name: &'static str) -> Result<Self, OutputError> {
        Self::per_ascan(folder, name, Boundary::ALL.into_iter().map(|b| b.name().to_owned()))
    }

    /// Adds the boundary rows of a B-scan.
    pub(super) fn add_boundaries(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        self.add_per_boundary(bscan, |row, _| row)
    }

    /// Adds the standard deviations of the boundary rows of a B-scan.
    pub(super) fn add_uncertainty(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        self.add_per_boundary(bscan, |_, deviation| deviation)
    }

    /// Adds one value per boundary and A-scan, chosen from row and deviation; empty where not determined.
    fn add_per_boundary(&mut self, bscan: &SegmentedBScan, value: fn(f32, f32) -> f32) -> Result<(), OutputError> {
        let boundaries = Boundary::ALL.map(|b| (bscan.surfaces.rows(b), bscan.surfaces.deviations(b)));
        for ascan in 0..bscan.surfaces.width() {
            let values = boundaries
                .iter()
                .map(|(rows, deviations)| number(rows[ascan].map(|row| value(row, deviations[ascan])), 2));
            self.write_row(indices(bscan, ascan).into_iter().chain(values))?;
        }
        Ok(())
    }

    /// Adds the thickness profiles of a B-scan.
    pub(super) fn add_thickness(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        for (ascan, &confidence) in bscan.surfaces.confidence().iter().enumerate() {
            let values = bscan.thicknesses.iter().map(|l| number(l.profile[ascan], 2));
            let last = [number(Some(confidence), 3)];
            self.write_row(indices(bscan, ascan).into_iter().chain(values).chain(last))?;
        }
        Ok(())
    }

    fn write_row(&mut self, fields: impl Iterator<Item = String>) -> Result<(), OutputError> {
        self.csv.write_record(fields).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => OutputError::io(&self.path, error),
            other => OutputError::Encode { file: self.name.to_owned(), reason: format!("{other:?}") },
        })
    }

    /// Writes and syncs the rest; returns the file name.
    pub(super) fn finish(&mut self) -> Result<&'static str, OutputError> {
        let synced = self.csv.flush().and_then(|()| self.csv.get_ref().sync_all());
        synced.map_err(|error| OutputError::io(&self.path, error))?;
        Ok(self.name)
    }
}

fn indices(bscan: &SegmentedBScan, ascan: usize) -> [String; 2] {
    [bscan.index.to_string(), ascan.to_string()]
}

fn number(value: Option<f32>, decimals: usize) -> String {
    value.map(|v| format!("{v:.decimals$}")).unwrap_or_default()
}
