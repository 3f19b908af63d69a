//! Reads `boundaries.csv`: the table as octrls writes it, or as a person or another program has edited it.

use std::{fmt, io::Read};

use octrls_core::layer::{BOUNDARIES, Boundary};

use super::lines::{BScanLines, Grid, check_row};

/// Why a table cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// 1-based line of the file, if the fault is in one line.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for TableError {}

/// The columns of a table by their names.
struct Columns {
    bscan: usize,
    ascan: usize,
    boundaries: [usize; BOUNDARIES],
    ez_end: Option<usize>,
    rpe_outer: Option<usize>,
    csb_kind: Option<usize>,
}

/// Reads the lines of every B-scan of a scan of this `grid`.
///
/// # Errors
/// [`TableError`] for a missing column, an A-scan that is missing, repeated or outside the grid, a row that is no number
/// or outside the image, and boundaries that cross.
pub fn read_boundary_table(table: impl Read, grid: Grid) -> Result<Vec<BScanLines>, TableError> {
    let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(table);
    let columns = Columns::of(csv.headers().map_err(|error| csv_error(&error))?)?;
    let mut bscans = vec![BScanLines::unknown(grid.width); grid.bscans];
    let mut seen = vec![false; grid.bscans * grid.width];
    let mut record = csv::StringRecord::new();
    while csv.read_record(&mut record).map_err(|error| csv_error(&error))? {
        let line = record.position().map(csv::Position::line);
        let row = Row { record: &record, grid };
        row.add(&columns, &mut bscans, &mut seen).map_err(|problem| TableError { line, problem })?;
    }
    if let Some(missing) = seen.iter().position(|seen| !seen) {
        let (bscan, ascan) = (missing / grid.width, missing % grid.width);
        return Err(TableError { line: None, problem: format!("B-scan {bscan}, A-scan {ascan} is missing") });
    }
    Ok(bscans)
}

impl Columns {
    fn of(headers: &csv::StringRecord) -> Result<Self, TableError> {
        let find = |name: &str| headers.iter().position(|header| header.trim_start_matches('\u{feff}') == name);
        let required = |name: &str| {
            find(name).ok_or_else(|| TableError { line: Some(1), problem: format!("there is no column {name}") })
        };
        let mut boundaries = [0; BOUNDARIES];
        for boundary in Boundary::ALL {
            boundaries[boundary.index()] = required(boundary.name())?;
        }
        Ok(Self {
            bscan: required("bscan")?,
            ascan: required("ascan")?,
            boundaries,
            ez_end: find("EZ_END"),
            rpe_outer: find("RPE_OUTER"),
            csb_kind: find("CSB_kind"),
        })
    }
}

/// One line of a table.
struct Row<'a> {
    record: &'a csv::StringRecord,
    grid: Grid,
}

impl Row<'_> {
    /// Adds the line to the B-scan and the A-scan that it names.
    fn add(&self, columns: &Columns, bscans: &mut [BScanLines], seen: &mut [bool]) -> Result<(), String> {
        let Grid { bscans: count, width, .. } = self.grid;
        let (bscan, ascan) = (self.index(columns.bscan, "bscan", count)?, self.index(columns.ascan, "ascan", width)?);
        if std::mem::replace(&mut seen[bscan * width + ascan], true) {
            return Err(format!("B-scan {bscan}, A-scan {ascan} is there twice"));
        }
        let lines = &mut bscans[bscan];
        for boundary in Boundary::ALL {
            let row = self.row(columns.boundaries[boundary.index()], boundary.name())?;
            lines.rows[boundary.index()][ascan] = row;
        }
        lines.check_order(ascan)?;
        let of = |boundary: Boundary| lines.rows[boundary.index()][ascan];
        lines.ez_end[ascan] = self.optional(columns.ez_end, "EZ_END")?.or(of(Boundary::EzRpe));
        lines.rpe_outer[ascan] = self.optional(columns.rpe_outer, "RPE_OUTER")?.or(of(Boundary::RpeBm));
        lines.check_fluid(ascan)?;
        lines.choroid_visible[ascan] = match columns.csb_kind.map_or("", |column| self.text(column)) {
            "inferred" => false,
            "visible" | "" => true,
            other => return Err(format!("CSB_kind is '{other}', neither 'visible' nor 'inferred'")),
        };
        Ok(())
    }

    fn text(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    fn index(&self, column: usize, name: &str, count: usize) -> Result<usize, String> {
        let text = self.text(column);
        let index: usize = text.parse().map_err(|_| format!("{name} is '{text}', not a whole number"))?;
        if index < count { Ok(index) } else { Err(format!("{name} {index} is outside the scan, which has {count}")) }
    }

    fn row(&self, column: usize, name: &str) -> Result<Option<f32>, String> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let row: f32 = text.parse().map_err(|_| format!("{name} is '{text}', not a number"))?;
        check_row(row, name, self.grid.height)?;
        Ok(Some(row))
    }

    /// The row in a column that the table may not have.
    fn optional(&self, column: Option<usize>, name: &str) -> Result<Option<f32>, String> {
        column.map_or(Ok(None), |column| self.row(column, name))
    }
}

fn csv_error(error: &csv::Error) -> TableError {
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} columns, the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is no text in UTF-8".to_owned(),
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => "it is no CSV".to_owned(),
    };
    TableError { line: error.position().map(csv::Position::line), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { bscans: 1, width: 2, height: 100 };
    const HEADER: &str = "bscan,ascan,ILM,NFL_GCL,IPL_INL,INL_OPL,OPL_ONL,ONL_EZ,EZ_RPE,RPE_BM,CSB";

    fn read(lines: &[&str]) -> Result<Vec<BScanLines>, String> {
        let table = format!("{HEADER}\n{}\n", lines.join("\n"));
        read_boundary_table(table.as_bytes(), GRID).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_read_in_any_order() {
        let bscans = read(&["0,1,,,,,,,,,", "0,0,10,11.5,12,13,14,15,16,17,40"]).unwrap();
        assert_eq!(bscans[0].rows[1], [Some(11.5), None]);
        assert_eq!((bscans[0].ez_end[0], bscans[0].rpe_outer[0]), (Some(16.0), Some(17.0)));
    }

    #[test]
    fn a_fault_names_its_line() {
        let good = "0,0,10,11,12,13,14,15,16,17,40";
        let check = |line: &str, expected: &str| assert_eq!(read(&[good, line]).unwrap_err(), expected);
        check("0,1,10,9,12,13,14,15,16,17,40", "line 3: NFL_GCL (row 9) is above ILM (row 10); the layers cross");
        check("0,1,10,,12,11,14,15,16,17,40", "line 3: INL_OPL (row 11) is above IPL_INL (row 12); the layers cross");
        check("0,1,10,11,12,13,14,15,16,17,101", "line 3: CSB (row 101) is outside the image, which has 100 rows");
        check("0,1,x,11,12,13,14,15,16,17,40", "line 3: ILM is 'x', not a number");
        check("0,1,NaN,11,12,13,14,15,16,17,40", "line 3: ILM (row NaN) is outside the image, which has 100 rows");
        check("0,2,10,11,12,13,14,15,16,17,40", "line 3: ascan 2 is outside the scan, which has 2");
        check("1,1,10,11,12,13,14,15,16,17,40", "line 3: bscan 1 is outside the scan, which has 1");
        check(good, "line 3: B-scan 0, A-scan 0 is there twice");
        check("0,1,10", "line 3: it has 3 columns, the first line has 11");
        assert_eq!(read(&[good]).unwrap_err(), "B-scan 0, A-scan 1 is missing");
        let missing = read_boundary_table("bscan,ascan,ILM\n".as_bytes(), GRID).unwrap_err();
        assert_eq!(missing.to_string(), "line 1: there is no column NFL_GCL");
    }

    #[test]
    fn fluid_lies_within_its_layers() {
        let table = |ez_end: &str| {
            let text = format!("{HEADER},EZ_END,CSB_kind\n0,0,,,,,,15,16,17,40,{ez_end},inferred\n0,1,,,,,,,,,,,\n");
            read_boundary_table(text.as_bytes(), GRID)
        };
        let lines = table("15.5").unwrap().remove(0);
        assert_eq!((lines.ez_end[0], lines.choroid_visible[0], lines.choroid_visible[1]), (Some(15.5), false, true));
        let error = table("16.5").unwrap_err().to_string();
        assert_eq!(error, "line 2: EZ_END (row 16.5) is outside its layer; the layers cross");
    }
}
