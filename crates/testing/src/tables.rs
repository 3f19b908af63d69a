//! Tables of results, and how far two differ.

use std::{collections::HashMap, path::Path};

/// Columns of text in result tables.
const TEXTS: [&str; 2] = ["CSB_kind", "lesion"];

/// The columns of a CSV file: cells as numbers, `None` if empty. Columns of text are left out.
#[must_use]
pub fn columns(path: &Path) -> HashMap<String, Vec<Option<f32>>> {
    let mut reader = csv::Reader::from_path(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let names: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let is_number = |name: &&String| !TEXTS.contains(&name.as_str());
    let mut columns: HashMap<String, Vec<Option<f32>>> =
        names.iter().filter(is_number).map(|n| (n.clone(), Vec::new())).collect();
    for record in reader.records() {
        for (name, cell) in names.iter().zip(&record.expect("a record")).filter(|(name, _)| is_number(name)) {
            let value = (!cell.is_empty()).then(|| cell.parse().unwrap_or_else(|_| panic!("{cell} is no number")));
            columns.get_mut(name).expect("a known column").push(value);
        }
    }
    columns
}

/// Mean absolute difference where both values exist, and the share of labels for which a value was found.
#[must_use]
pub fn difference(found: &[Option<f32>], label: &[Option<f32>]) -> (f32, f32) {
    assert_eq!(found.len(), label.len());
    let labelled = label.iter().flatten().count().max(1) as f32;
    let both: Vec<f32> = found.iter().zip(label).filter_map(|(f, l)| Some((f.as_ref()? - l.as_ref()?).abs())).collect();
    (both.iter().sum::<f32>() / both.len().max(1) as f32, both.len() as f32 / labelled)
}
