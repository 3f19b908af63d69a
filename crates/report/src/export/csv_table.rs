//! Tables of numbers in CSV files.

use std::{collections::HashMap, fmt::Display, fs::File, path::Path};

/// The columns of a CSV file of numbers, by name; `None` where a cell is empty.
pub(super) struct CsvTable {
    columns: HashMap<String, Vec<Option<f32>>>,
    /// Number of rows.
    pub(super) rows: usize,
}

impl CsvTable {
    /// Reads a table whose first line holds the names of its columns.
    ///
    /// # Errors
    /// The reason, if the file cannot be read or holds something else than numbers.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = |e: &dyn Display| e.to_string();
        let mut reader = csv::Reader::from_reader(File::open(path).map_err(|e| text(&e))?);
        let names: Vec<String> = reader.headers().map_err(|e| text(&e))?.iter().map(str::to_owned).collect();
        let mut columns = vec![Vec::new(); names.len()];
        for record in reader.records() {
            for (column, cell) in columns.iter_mut().zip(&record.map_err(|e| text(&e))?) {
                let number = || cell.parse().map_err(|_| format!("'{cell}' is not a number"));
                column.push(if cell.is_empty() { None } else { Some(number()?) });
            }
        }
        let rows = columns.first().map_or(0, Vec::len);
        Ok(Self { columns: names.into_iter().zip(columns).collect(), rows })
    }

    /// A column that may have missing values.
    ///
    /// # Errors
    /// The reason, if there is no such column.
    pub(super) fn optional(&self, name: &str) -> Result<&[Option<f32>], String> {
        self.columns.get(name).map(Vec::as_slice).ok_or_else(|| format!("column {name} is missing"))
    }

    /// A column without missing values.
    ///
    /// # Errors
    /// The reason, if there is no such column, or a value is missing.
    pub(super) fn complete(&self, name: &str) -> Result<Vec<f32>, String> {
        let column = self.optional(name)?.iter().copied().collect::<Option<_>>();
        column.ok_or_else(|| format!("column {name} has missing values"))
    }
}
