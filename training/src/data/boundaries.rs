//! Boundary tables: CSV with one row per A-scan and one named column per boundary.

use std::path::Path;

use octrls_core::{layer::Boundary, measure::accuracy::IGNORE, surface::Surfaces};

use super::{BoundaryRows, DataError};

/// Reads a boundary table for a scan of `width` A-scans.
///
/// The header names the boundaries ([`Boundary::name`]). An empty cell is unlabelled. Boundaries missing in the table
/// are `None` everywhere.
///
/// # Errors
/// [`DataError`] if the file cannot be read, names an unknown boundary, contains values that are not numbers, or has
/// another number of rows.
pub fn read_boundaries(path: &Path, width: usize) -> Result<BoundaryRows, DataError> {
    let bad = |reason: String| DataError::label(path, reason);
    let text = std::fs::read(path).map_err(DataError::io(path))?;
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_slice());
    let header = table.headers().map_err(|e| bad(e.to_string()))?.clone();
    let columns = header
        .iter()
        .map(|name| {
            Boundary::ALL.into_iter().find(|b| b.name() == name).ok_or_else(|| bad(format!("unknown boundary {name}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows: BoundaryRows = std::array::from_fn(|_| vec![None; width]);
    let mut ascans = 0;
    for record in table.records() {
        let record = record.map_err(|e| bad(e.to_string()))?;
        if ascans == width {
            return Err(bad(format!("more than {width} A-scans")));
        }
        for (boundary, cell) in columns.iter().zip(&record).filter(|(_, cell)| !cell.is_empty()) {
            let row = cell.parse().ok().filter(|v: &f32| v.is_finite());
            let row = row.ok_or_else(|| bad(format!("A-scan {ascans}: {cell:?} is not a row number")))?;
            rows[boundary.index()][ascans] = Some(row);
        }
        ascans += 1;
    }
    if ascans == width { Ok(rows) } else { Err(bad(format!("{ascans} A-scans, expected {width} as in the scan"))) }
}

/// The index mask of boundary rows, with `height` rows and without choroid. A-scans in which another boundary is
/// missing are unlabelled.
pub(crate) fn mask_from_rows(rows: &BoundaryRows, height: usize) -> Vec<u8> {
    let width = rows[0].len();
    let mut inner = rows.clone();
    inner[Boundary::Csb.index()].fill(None);
    let mut mask = Surfaces::exact(height, inner).mask();
    let gap = |x: usize| Boundary::ALL.into_iter().any(|b| b != Boundary::Csb && rows[b.index()][x].is_none());
    for x in (0..width).filter(|&x| gap(x)) {
        mask.iter_mut().skip(x).step_by(width).for_each(|code| *code = IGNORE);
    }
    mask
}
