//! Tables in CSV files.

use std::{collections::HashMap, fmt::Display, fs::File, path::Path};

/// The columns of a CSV file, by name; `None` where a cell is empty.
pub(super) struct CsvTable {
    columns: HashMap<String, Vec<Option<f32>>>,
    texts: HashMap<String, Vec<Option<String>>>,
    /// Number of rows.
    pub(super) rows: usize,
}

impl CsvTable {
    /// Reads a table whose first line holds the names of its columns. Columns named in `texts` hold text, all others
    /// numbers.
    ///
    /// # Errors
    /// The reason, if the file cannot be read or a number is none.
    pub(super) fn read(path: &Path, texts: &[&str]) -> Result<Self, String> {
        let text = |e: &dyn Display| e.to_string();
        let mut reader = csv::Reader::from_reader(File::open(path).map_err(|e| text(&e))?);
        let names: Vec<String> = reader.headers().map_err(|e| text(&e))?.iter().map(str::to_owned).collect();
        let mut table = Self { columns: HashMap::new(), texts: HashMap::new(), rows: 0 };
        let is_text: Vec<bool> = names.iter().map(|name| texts.contains(&name.as_str())).collect();
        let (mut numbers, mut words) = (vec![Vec::new(); names.len()], vec![Vec::new(); names.len()]);
        for record in reader.records() {
            for (i, cell) in record.map_err(|e| text(&e))?.iter().enumerate() {
                let cell = Some(cell).filter(|cell| !cell.is_empty());
                if is_text[i] {
                    words[i].push(cell.map(str::to_owned));
                } else {
                    let number = |cell: &str| cell.parse().map_err(|_| format!("'{cell}' is not a number"));
                    numbers[i].push(cell.map(number).transpose()?);
                }
            }
            table.rows += 1;
        }
        for ((name, is_text), (numbers, words)) in names.into_iter().zip(is_text).zip(numbers.into_iter().zip(words)) {
            if is_text {
                table.texts.insert(name, words);
            } else {
                table.columns.insert(name, numbers);
            }
        }
        Ok(table)
    }

    /// A column that results of earlier versions lack; all missing if there is none.
    pub(super) fn later(&self, name: &str) -> Vec<Option<f32>> {
        self.columns.get(name).cloned().unwrap_or_else(|| vec![None; self.rows])
    }

    /// The same of a column of text.
    pub(super) fn later_text(&self, name: &str) -> Vec<Option<String>> {
        self.texts.get(name).cloned().unwrap_or_else(|| vec![None; self.rows])
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
