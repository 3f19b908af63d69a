//! `boundaries.csv`, `uncertainty.csv`, `thickness.csv` and `lesions.csv`; `etdrs.csv` and `lesion_volumes.csv` of
//! volumes.

use std::{fs::File, path::PathBuf};

use octrls_core::{
    layer::{Boundary, Layer, Measured},
    measure::{
        LesionFigures, ThicknessUnit,
        enface::{Coverage, LesionGrid, VolumeMeasures},
    },
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
    /// `bscan,ascan,ILM,...,CSB,EZ_END,RPE_OUTER,CSB_kind`; rows are 0-based and fractional, empty where not determined.
    pub(super) fn boundaries(folder: &StagedFolder) -> Result<Self, OutputError> {
        let more = ["EZ_END", "RPE_OUTER", "CSB_kind"].into_iter().map(str::to_owned);
        Self::per_ascan(folder, "boundaries.csv", boundary_names().chain(more))
    }

    /// `bscan,ascan,ILM,...,CSB`; standard deviations of the rows in pixels, empty where not determined.
    pub(super) fn uncertainty(folder: &StagedFolder) -> Result<Self, OutputError> {
        Self::per_ascan(folder, "uncertainty.csv", boundary_names())
    }

    /// `bscan,ascan,nfl_um,...,choroid_um,retina_um,confidence`, with `_px` where the axial spacing is unknown.
    pub(super) fn thickness(folder: &StagedFolder, unit: ThicknessUnit) -> Result<Self, OutputError> {
        let layers = Measured::all().into_iter().map(|l| format!("{}_{}", l.key(), unit.symbol()));
        Self::per_ascan(folder, "thickness.csv", layers.chain(["confidence".to_owned()]))
    }

    /// `layer,subfield,mean_um,coverage,volume_mm3,visible,mark,centre,half_width_um`: a row for each layer and subfield of a volume.
    pub(super) fn etdrs(folder: &StagedFolder, measures: &VolumeMeasures) -> Result<Self, OutputError> {
        let columns =
            ["layer", "subfield", "mean_um", "coverage", "volume_mm3", "visible", "mark", "centre", "half_width_um"];
        let shares = measures.choroid_visible.as_deref().unwrap_or_default();
        let mut table = Self::new(folder, "etdrs.csv", columns.into_iter().map(str::to_owned))?;
        for measured in &measures.etdrs {
            for field in &measured.grid.subfields {
                let share = shares.iter().find(|s| s.at == field.at && measured.layer == Layer::Choroid.key());
                let visible = number(share.and_then(|s| s.share), 3);
                let coverage = Coverage::of(field.coverage);
                let volume = number(coverage.shown(field.volume_mm3), 5);
                let centre = measures.centre.from.key().to_owned();
                let half_width = number(field.half_width_um, 2);
                let mark = coverage.mark().to_owned();
                let numbers = [format!("{:.3}", field.coverage), volume, visible, mark, centre, half_width];
                let row = [measured.layer.to_owned(), field.at.name(), number(field.mean_um, 2)];
                table.write_row(row.into_iter().chain(numbers))?;
            }
        }
        Ok(table)
    }

    /// `bscan,lesion,...`: a row for each lesion of a B-scan.
    pub(super) fn lesions(folder: &StagedFolder) -> Result<Self, OutputError> {
        let columns =
            ["bscan", "lesion", "area_px", "area_mm2", "area_low_mm2", "area_high_mm2", "height_um", "extent"];
        let columns = columns.into_iter().chain(["first_ascan", "last_ascan"]);
        Self::new(folder, "lesions.csv", columns.map(str::to_owned))
    }

    /// `lesion,where,...`: a row for each lesion of a volume and each subfield and circle.
    pub(super) fn lesion_volumes(folder: &StagedFolder, lesions: &[LesionGrid]) -> Result<Self, OutputError> {
        let columns = ["lesion", "where", "volume_nl", "low_nl", "high_nl", "height_um", "coverage", "mark"];
        let mut table = Self::new(folder, "lesion_volumes.csv", columns.into_iter().map(str::to_owned))?;
        for LesionGrid { lesion, circles, subfields } in lesions {
            let subfields = subfields.iter().map(|s| (s.at.name(), s.volume));
            let circles = circles.iter().map(|c| (format!("{:.0}mm", c.diameter_mm), c.volume));
            for (place, volume) in subfields.chain(circles) {
                let [low, high] = volume.bounds_nl;
                let coverage = Coverage::of(volume.coverage);
                let volumes = [volume.volume_nl, low, high].map(|nl| number(coverage.shown(nl), 4));
                let height = number(coverage.shown(volume.height_um), 2);
                let last = [height, format!("{:.3}", volume.coverage), coverage.mark().to_owned()];
                table.write_row([lesion.key().to_owned(), place].into_iter().chain(volumes).chain(last))?;
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

    /// Adds the lines of a B-scan.
    pub(super) fn add_boundaries(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        let surfaces = &bscan.surfaces;
        let boundaries = Boundary::ALL.map(|b| surfaces.rows(b));
        for (ascan, visible) in surfaces.csb_visible().enumerate() {
            let more = [surfaces.ez_end(), surfaces.rpe_outer()];
            let rows = boundaries.into_iter().chain(more).map(|rows| number(rows[ascan], 2));
            let kind = match visible {
                Some(true) => "visible",
                Some(false) => "inferred",
                None => "",
            };
            self.write_row(indices(bscan, ascan).into_iter().chain(rows).chain([kind.to_owned()]))?;
        }
        Ok(())
    }

    /// Adds the standard deviations of the boundary rows of a B-scan.
    pub(super) fn add_uncertainty(&mut self, bscan: &SegmentedBScan) -> Result<(), OutputError> {
        let boundaries = Boundary::ALL.map(|b| (bscan.surfaces.rows(b), bscan.surfaces.deviations(b)));
        for ascan in 0..bscan.surfaces.width() {
            let deviation = |(rows, deviations): &(&[Option<f32>], &[f32])| rows[ascan].map(|_| deviations[ascan]);
            let values = boundaries.iter().map(|boundary| number(deviation(boundary), 2));
            self.write_row(indices(bscan, ascan).into_iter().chain(values))?;
        }
        Ok(())
    }

    /// Adds the lesions of a B-scan, whose figures are `lesions`.
    pub(super) fn add_lesions(&mut self, bscan: &SegmentedBScan, lesions: &[LesionFigures]) -> Result<(), OutputError> {
        for figures in lesions {
            let LesionFigures { lesion, area_px, area_mm2, area_bounds_mm2, height_um, extent } = *figures;
            let ascans = bscan.lesions.as_ref().map_or(0..0, |mask| mask.extent(lesion));
            let areas = [area_mm2, area_bounds_mm2.map(|[low, _]| low), area_bounds_mm2.map(|[_, high]| high)];
            let first = [bscan.index.to_string(), lesion.key().to_owned(), format!("{area_px:.0}")];
            let areas = areas.map(|mm2| number(mm2, 6));
            let last = [number(height_um, 2), format!("{extent:.4}")];
            let ascans = [ascans.start, ascans.end.saturating_sub(1)].map(|ascan| ascan.to_string());
            self.write_row(first.into_iter().chain(areas).chain(last).chain(ascans))?;
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

fn boundary_names() -> impl Iterator<Item = String> {
    Boundary::ALL.into_iter().map(|b| b.name().to_owned())
}

/// A number as text; empty if it is not known.
fn number<T: std::fmt::Display>(value: Option<T>, decimals: usize) -> String {
    value.map(|v| format!("{v:.decimals$}")).unwrap_or_default()
}
