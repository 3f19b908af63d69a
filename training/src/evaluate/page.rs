//! An evaluation as an HTML page: tables, and the worst scans of every set with their boundaries.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    evaluation::ScanReport,
    report::Report,
    table::{escape, tables},
};

/// Number of scans shown per set.
pub const WORST_SCANS: usize = 5;

const STYLE: &str = "body{font:15px sans-serif;margin:2em;max-width:90em}table{border-collapse:collapse}\
td,th{padding:.2em .7em;border-bottom:1px solid #ccc;text-align:left;font-weight:normal}th{font-weight:bold}\
.number{text-align:right;font-variant-numeric:tabular-nums}figure{margin:1em 0}img{max-width:100%}";

/// The scans to show of each set: the [`WORST_SCANS`] by mean absolute boundary error, worst first.
#[must_use]
pub fn worst_scans(scans: &[ScanReport]) -> BTreeMap<&str, Vec<&ScanReport>> {
    let mut sets: BTreeMap<&str, Vec<&ScanReport>> = BTreeMap::new();
    for scan in scans {
        sets.entry(&scan.set).or_default().push(scan);
    }
    for scans in sets.values_mut() {
        let error = |s: &ScanReport| s.mean_absolute_px.unwrap_or(f64::INFINITY);
        scans.sort_by(|a, b| error(b).total_cmp(&error(a)));
        scans.truncate(WORST_SCANS);
    }
    sets
}

/// File name of a scan's image.
#[must_use]
pub fn image_name(scan: &ScanReport) -> String {
    format!("{}_{}.png", scan.set, scan.id)
}

/// The HTML page; its images belong in the folder `pictures` beside it.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = format!("{} on the {} part", escape(&report.model.name), report.part);
    let mut out = format!("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n");
    let _ = writeln!(out, "<style>{STYLE}</style>\n<h1>{title}</h1>");
    let _ = writeln!(
        out,
        "<p>Version {}, file SHA-256 <code>{}</code>. Coloured lines: the model. White dots: the labels.</p>",
        escape(&report.model.version),
        report.model.file_sha256
    );
    for table in tables(report) {
        out.push_str(&table.html());
    }
    for (set, scans) in worst_scans(&report.scans) {
        let _ = writeln!(out, "<h2>{}: the worst {}</h2>", escape(set), scans.len());
        for scan in scans {
            let error = scan.mean_absolute_px.map_or_else(|| "nothing found".to_owned(), |px| format!("{px:.2} px"));
            let picture = escape(&image_name(scan));
            let _ = writeln!(
                out,
                "<figure><figcaption>{}: {error}, confidence {:.2}</figcaption><img src=\"pictures/{picture}\" alt=\"{0} \
                 with its boundaries\"></figure>",
                escape(&scan.id),
                scan.confidence
            );
        }
    }
    out + "</html>\n"
}
