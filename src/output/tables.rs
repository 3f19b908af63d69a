//! `boundaries.csv`, `uncertainty.csv`, `thickness.csv`, and `etdrs.csv` of volumes.

use crate::{
    layer::{Boundary, Measured},
    measure::{ThicknessUnit, enface::VolumeMeasures},
    segment::SegmentedBScan,
};

use super::OutputError;

/// A CSV table in memory; B-scans are added in order.
pub(super) struct Table {
    name: &'static str,
    csv: csv::Writer<Vec<u8>>,
}

impl Table {
    /// `bscan,ascan,ILM,...,CSB`; rows are 0-based and fractional, empty where not determined.
    pub(super) fn boundaries() -> Result<Self, OutputError> {
        Self::per_boundary("boundaries.csv")
    }

    /// `bscan,ascan,ILM,...,CSB`; standard deviations of the rows in pixels, empty where not determined.
    pub(super) fn uncertainty() -> Result<Self, OutputError> {
        Self::per_boundary("uncertainty.csv")
    }

    /// `bscan,ascan,nfl_um,...,choroid_um,retina_um,confidence`, with `_px` where the axial spacing is unknown.
    pub(super) fn thickness(unit: ThicknessUnit) -> Result<Self, OutputError> {
        let layers = Measured::all().into_iter().map(|l| format!("{}_{}", l.key(), unit.symbol()));
        Self::new("thickness.csv", layers.chain(["confidence".to_owned()]))
    }

    /// `layer,subfield,mean_um,coverage,volume_mm3`: a row for each layer and subfield of a volume.
    pub(super) fn etdrs(measures: &VolumeMeasures) -> Result<Self, OutputError> {
        let columns = ["layer", "subfield", "mean_um", "coverage", "volume_mm3"];
        let mut table = Self { name: "etdrs.csv", csv: csv::Writer::from_writer(Vec::new()) };
        table.record(columns.into_iter().map(str::to_owned))?;
        for measured in &measures.etdrs {
            for field in &measured.grid.subfields {
                let figures = [format!("{:.3}", field.coverage), format!("{:.5}", field.volume_mm3)];
                let row = [measured.layer.to_owned(), field.at.name(), number(field.mean_um, 2)];
                table.record(row.into_iter().chain(figures))?;
            }
        }
        Ok(table)
    }

    fn new(name: &'static str, columns: impl Iterator<Item = String>) -> Result<Self, OutputError> {
        let mut table = Self { name, csv: csv::Writer::from_writer(Vec::new()) };
        table.record(["bscan".to_owned(), "ascan".to_owned()].into_iter().chain(columns))?;
        Ok(table)
    }

    fn per_boundary(name: &'static str) -> Result<Self, OutputError> {
        Self::new(name, Boundary::ALL.into_iter().map(|b| b.name().to_owned()))
    }

    /// Adds the boundary rows of a B-scan.
    pub(super) fn add_boundaries(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        self.add_per_boundary(bscan, |row, _| row)
    }

    /// Adds the standard deviations of the boundary rows of a B-scan.
    pub(super) fn add_uncertainty(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        self.add_per_boundary(bscan, |_, deviation| deviation)
    }

    /// Adds one value a boundary and A-scan, chosen from its row and the deviation of that, where it is determined.
    fn add_per_boundary(&mut self, bscan: &SegmentedBScan, value: fn(f32, f32) -> f32) -> Result<(), OutputError> {
        let boundaries = Boundary::ALL.map(|b| (bscan.surfaces.rows(b), bscan.surfaces.deviations(b)));
        for ascan in 0..bscan.surfaces.width() {
            let values = boundaries
                .iter()
                .map(|(rows, deviations)| number(rows[ascan].map(|row| value(row, deviations[ascan])), 2));
            self.record(position(bscan, ascan).into_iter().chain(values))?;
        }
        Ok(())
    }

    /// Adds the thickness profiles of a B-scan.
    pub(super) fn add_thickness(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        for (ascan, &confidence) in bscan.surfaces.confidence().iter().enumerate() {
            let values = bscan.thicknesses.iter().map(|l| number(l.profile[ascan], 2));
            let last = [number(Some(confidence), 3)];
            self.record(position(bscan, ascan).into_iter().chain(values).chain(last))?;
        }
        Ok(())
    }

    fn record(&mut self, fields: impl Iterator<Item = String>) -> Result<(), OutputError> {
        self.csv
            .write_record(fields)
            .map_err(|e| OutputError::Encode { file: self.name.to_owned(), reason: e.to_string() })
    }

    /// Name and content of the file; the table is empty after that.
    pub(super) fn finish(&mut self) -> Result<(&'static str, Vec<u8>), OutputError> {
        let name = self.name;
        let csv = std::mem::replace(&mut self.csv, csv::Writer::from_writer(Vec::new()));
        let content =
            csv.into_inner().map_err(|e| OutputError::Encode { file: name.to_owned(), reason: e.to_string() })?;
        Ok((name, content))
    }
}

fn position(bscan: &SegmentedBScan, ascan: usize) -> [String; 2] {
    [bscan.index.to_string(), ascan.to_string()]
}

fn number(value: Option<f32>, decimals: usize) -> String {
    value.map(|v| format!("{v:.decimals$}")).unwrap_or_default()
}
