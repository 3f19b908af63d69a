//! Lines that were edited outside octrls, read from a file of any of the kinds that `octrls correct` takes.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use octrls_readers::{LabelVolume, Polygon, is_nifti, parse_polygons, read_index_mask, read_nifti};
use octrls_report::{BScanLines, Grid, StoredError, StoredResult, TableError, read_boundary_table};

use crate::CorrectionError;

/// Largest file, in bytes; the table of a volume of 512 x 128 A-scans has 6 MiB.
const MAX_FILE: u64 = 512 << 20;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The lines of `result` as the file at `path` has them: a whole `boundaries.csv`; or polygons of makesense.ai (VGG
/// JSON), an index mask (PNG) or a label image of ITK-SNAP (NIfTI), which are put over the lines of the result.
///
/// # Errors
/// [`CorrectionError::Table`] with the line, or B-scan and A-scan, that is wrong.
pub fn edited_in_file(result: &StoredResult, path: &Path) -> Result<Vec<BScanLines>, CorrectionError> {
    let failed = |source| StoredError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
    let grid = result.grid();
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if bytes.starts_with(PNG) {
        Ok(Drawn { result, grid, bscans: result.lines()? }.mask(path, &bytes)?)
    } else if is_nifti(&bytes) {
        Ok(Drawn { result, grid, bscans: result.lines()? }.volume(&bytes)?)
    } else if matches!(start, Some(b'{' | b'[')) {
        Ok(Drawn { result, grid, bscans: result.lines()? }.polygons(&bytes)?)
    } else {
        Ok(read_boundary_table(bytes.as_slice(), grid)?)
    }
}

/// The lines of a result while drawn ones are put over them.
struct Drawn<'a> {
    result: &'a StoredResult,
    grid: Grid,
    bscans: Vec<BScanLines>,
}

fn wrong(problem: String) -> TableError {
    TableError { line: None, problem }
}

impl Drawn<'_> {
    /// The index mask of one B-scan, which the name tells.
    fn mask(mut self, path: &Path, png: &[u8]) -> Result<Vec<BScanLines>, TableError> {
        let bscan = self.bscan_of(path)?;
        let mask = read_index_mask(png, (self.grid.width, self.grid.height)).map_err(wrong)?;
        self.take(bscan, |lines, height| lines.take_mask(&mask, height))?;
        self.checked()
    }

    /// A label image of all B-scans.
    fn volume(mut self, bytes: &[u8]) -> Result<Vec<BScanLines>, TableError> {
        let Grid { bscans, width, height } = self.grid;
        let volume = read_nifti(bytes, bscans * width * height).map_err(wrong)?;
        let LabelVolume { width: columns, height: rows, bscans: slices, labels } = volume;
        if (columns, rows, slices) != (width, height, bscans) {
            let problem = format!(
                "the label image has {columns} x {rows} x {slices} voxels, but the scan has {width} x {height} x {bscans}"
            );
            return Err(wrong(problem));
        }
        for (bscan, mask) in labels.chunks_exact(width * height).enumerate() {
            self.take(bscan, |lines, height| lines.take_mask(mask, height))?;
        }
        self.checked()
    }

    /// Polygons on pictures of B-scans.
    fn polygons(mut self, json: &[u8]) -> Result<Vec<BScanLines>, TableError> {
        let images = parse_polygons(json).map_err(wrong)?;
        let images: Vec<(PathBuf, Vec<Polygon>)> = images.into_iter().map(|(name, p)| (name.into(), p)).collect();
        // An annotation file may hold the pictures of many scans.
        let scan = Path::new(&self.result.scan().path).file_stem().map(ToOwned::to_owned);
        let own = images.iter().filter(|(name, _)| name.file_stem() == scan.as_deref()).cloned().collect::<Vec<_>>();
        let images = if self.grid.bscans == 1 && images.len() > 1 { own } else { images };
        if images.is_empty() {
            return Err(wrong("it has no polygons on a picture of this scan".to_owned()));
        }
        for (name, polygons) in images {
            let bscan = self.bscan_of(&name)?;
            self.take(bscan, |lines, height| lines.take_polygons(&polygons, height))?;
        }
        self.checked()
    }

    /// The B-scan that the name of a picture tells: the number at its end, as in `mask-007.png`.
    fn bscan_of(&self, picture: &Path) -> Result<usize, TableError> {
        if self.grid.bscans == 1 {
            return Ok(0);
        }
        let stem = picture.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number = stem[stem.len() - digits..].parse().ok().filter(|bscan| *bscan < self.grid.bscans);
        number.ok_or_else(|| {
            let last = self.grid.bscans - 1;
            wrong(format!("{stem:?} does not end with the number of a B-scan, 000 to {last:03}, as in mask-007.png"))
        })
    }

    fn take(
        &mut self,
        bscan: usize,
        take: impl FnOnce(&mut BScanLines, usize) -> Result<(), (usize, String)>,
    ) -> Result<(), TableError> {
        take(&mut self.bscans[bscan], self.grid.height)
            .map_err(|(x, why)| wrong(format!("B-scan {bscan}, A-scan {x}: {why}")))
    }

    /// The lines, if they are in order and inside the image.
    fn checked(self) -> Result<Vec<BScanLines>, TableError> {
        for (bscan, lines) in self.bscans.iter().enumerate() {
            lines.check(self.grid.height).map_err(|(x, why)| wrong(format!("B-scan {bscan}, A-scan {x}: {why}")))?;
        }
        Ok(self.bscans)
    }
}
