//! The columns of the table: name, meaning, form of values, and where they come from.

use std::fmt;

use octrls_core::{layer::Measured, lesion::Lesion};
use serde_json::Value;

use super::{
    EyePatient,
    centre_point::centre_point_um,
    measures,
    result::{EyeResult, rounded},
};

type Get = Box<dyn Fn(&EyeResult, &EyePatient) -> Option<String> + Send + Sync>;

/// A column of the table.
pub struct Column {
    /// Its name: lower-case letters, digits and underscores.
    pub name: String,
    /// What its values are, with their unit.
    pub label: String,
    /// The group of columns that it belongs to.
    pub section: &'static str,
    /// The form of its values.
    pub form: Form,
    /// Whether its values identify a patient.
    pub identifies: bool,
    get: Get,
}

/// The form of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// Whole numbers.
    Integer,
    /// Decimal numbers.
    Number,
    /// `YYYY-MM-DD`.
    Date,
    /// `YYYY-MM-DD HH:MM:SS`.
    DateTime,
    /// One of these codes, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column").field("name", &self.name).field("form", &self.form).finish_non_exhaustive()
    }
}

impl Column {
    pub(super) fn value(&self, eye: &EyeResult, patient: &EyePatient) -> Option<String> {
        (self.get)(eye, patient)
    }
}

const EYES: &[(&str, &str)] = &[("OD", "right eye"), ("OS", "left eye")];
const CLOCKS: &[(&str, &str)] = &[("local", "the scanner's own clock"), ("utc", "universal time")];
const VERDICTS: &[(&str, &str)] =
    &[("good", "lines good"), ("doubtful", "lines doubtful, check them"), ("not_a_retina", "no retina, no lines")];
const PATTERNS: &[(&str, &str)] = &[
    ("line", "one line"),
    ("raster_volume", "parallel B-scans"),
    ("radial", "star"),
    ("circle", "circle"),
    ("unknown", "unknown"),
];
const UNITS: &[(&str, &str)] = &[("um", "micrometres"), ("px", "pixels: the axial spacing is unknown")];
const YES_NO: &[(&str, &str)] = &[("1", "yes"), ("0", "no")];

/// Collects columns of one section after the other.
#[derive(Default)]
struct Columns {
    columns: Vec<Column>,
    section: &'static str,
}

impl Columns {
    fn section(&mut self, section: &'static str) {
        self.section = section;
    }

    fn add(
        &mut self,
        name: impl Into<String>,
        label: impl Into<String>,
        form: Form,
        get: impl Fn(&EyeResult, &EyePatient) -> Option<String> + Send + Sync + 'static,
    ) {
        let (name, label, section) = (name.into(), label.into(), self.section);
        self.columns.push(Column { name, label, section, form, identifies: false, get: Box::new(get) });
    }

    fn identifying(
        &mut self,
        name: &str,
        label: &str,
        get: impl Fn(&EyeResult, &EyePatient) -> Option<String> + Send + Sync + 'static,
    ) {
        self.add(name, label, Form::Text, get);
        if let Some(last) = self.columns.last_mut() {
            last.identifies = true;
        }
    }

    /// A text of `result.json`.
    fn text(&mut self, name: &str, label: &str, form: Form, pointer: &'static str) {
        self.add(name, label, form, move |eye, _| eye.text(pointer).map(str::to_owned));
    }

    /// A number of `result.json`.
    fn number(&mut self, name: &str, label: &str, pointer: &'static str, decimals: usize) {
        let form = if decimals == 0 { Form::Integer } else { Form::Number };
        self.add(name, label, form, move |eye, _| rounded(eye.number(pointer), decimals));
    }

    /// A measure with `decimals`.
    fn measure(
        &mut self,
        name: impl Into<String>,
        label: impl Into<String>,
        decimals: usize,
        get: impl Fn(&EyeResult) -> Option<f64> + Send + Sync + 'static,
    ) {
        self.add(name, label, Form::Number, move |eye, _| rounded(get(eye), decimals));
    }
}

/// All columns in order.
pub(super) fn columns() -> Vec<Column> {
    let mut all = Columns::default();
    scan(&mut all);
    quality(&mut all);
    macula(&mut all);
    layers(&mut all);
    disc(&mut all);
    lesions(&mut all);
    made_by(&mut all);
    uncertainty(&mut all);
    all.columns
}

fn scan(all: &mut Columns) {
    all.section("Scan");
    all.add("record_id", "Scan: start of the SHA-256 of its file, and its series", Form::Text, |eye, _| {
        Some(eye.record_id())
    });
    all.add("subject", "Pseudonym of the patient, empty if unknown", Form::Text, |_, patient| {
        patient.pseudonym.clone()
    });
    let identity = |patient: &EyePatient| patient.identity.clone().unwrap_or_default();
    all.identifying("patient_id", "Patient ID", move |_, patient| identity(patient).id);
    all.identifying("patient_id_issuer", "Issuer of the patient ID", move |_, patient| identity(patient).issuer);
    all.identifying("scan_path", "Path of the scan below its folder", |eye, _| {
        eye.text("/scan/path").map(str::to_owned)
    });
    all.text("eye", "Eye", Form::Choice(EYES), "/scan/eye");
    all.add("visit_date", "Date of the scan", Form::Date, |eye, _| {
        eye.text("/scan/acquired")?.get(..10).map(str::to_owned)
    });
    all.add("acquired", "Time of the scan", Form::DateTime, |eye, _| {
        Some(eye.text("/scan/acquired")?.replace('T', " "))
    });
    all.text("clock", "Clock of the time", Form::Choice(CLOCKS), "/scan/clock");
    all.text("device", "Scanner", Form::Text, "/scan/device");
    all.text("format", "File format", Form::Text, "/scan/format");
    all.text("pattern", "Scan pattern", Form::Choice(PATTERNS), "/scan/pattern");
    all.number("bscans", "Number of B-scans", "/scan/bscans", 0);
    all.number("ascans", "A-scans in each B-scan", "/scan/width", 0);
    all.number("samples", "Samples in each A-scan", "/scan/height", 0);
    all.number("axial_um", "Axial spacing (um)", "/scan/axial/um", 4);
    all.text("axial_from", "Source of the axial spacing", Form::Text, "/scan/axial/from");
    all.number("lateral_um", "Lateral spacing (um)", "/scan/lateral/um", 4);
    all.text("lateral_from", "Source of the lateral spacing", Form::Text, "/scan/lateral/from");
}

fn quality(all: &mut Columns) {
    all.section("Quality");
    all.text("verdict", "Verdict on the lines", Form::Choice(VERDICTS), "/verdict");
    all.text("no_retina", "Why there are no lines", Form::Text, "/no_retina");
    all.text("flags", "Flagged criteria of OSCAR-IB", Form::Text, "/quality/flags");
    all.number("confidence", "Confidence, 0 to 1", "/confidence", 3);
    all.number("device_signal_db", "Signal as the scanner states it (dB)", "/quality/device_signal_db", 2);
    all.number("snr_db", "Signal-to-noise ratio (dB)", "/quality/snr_db", 2);
    all.number("contrast", "Contrast-to-noise ratio of the retina", "/quality/contrast", 3);
    all.number("dark", "Share of dark A-scans", "/quality/dark", 3);
    all.number("cut_off", "Share of A-scans whose retina is cut off", "/quality/cut_off", 3);
    all.number("found", "Share of A-scans with a retina", "/quality/coverage", 3);
    all.number("choroid_visible", "Share of A-scans in which the choroid's end is seen", "/choroid_visible", 3);
    all.number("decentration_mm", "Distance of the fovea from the scan's middle (mm)", "/quality/decentration_mm", 3);
    all.add("notes", "What to know before use", Form::Text, |eye, _| keys(eye.items("/notes"), "note"));
    all.add("findings", "What a person should look at", Form::Text, |eye, _| {
        let finding = |finding: &Value| match finding["of"].as_str() {
            Some(of) => format!("{}.{of}", finding["finding"].as_str().unwrap_or_default()),
            None => finding["finding"].as_str().unwrap_or_default().to_owned(),
        };
        joined(eye.items("/findings").iter().map(finding))
    });
}

fn macula(all: &mut Columns) {
    all.section("Macula");
    all.text(
        "centre_from",
        "Where the centre of the grid is from; subfields are empty without a fovea",
        Form::Text,
        "/volume/centre/from",
    );
    all.number("centre_x_mm", "Centre of the grid (mm to the right)", "/volume/centre/place/x", 3);
    all.number("centre_y_mm", "Centre of the grid (mm down)", "/volume/centre/place/y", 3);
    let retina = Measured::Retina.key();
    all.measure("cst_um", "Central subfield thickness of the retina, ILM to Bruch's membrane (um)", 2, move |eye| {
        measures::subfield_um(eye, retina, "C")
    });
    all.measure(
        "centre_point_um",
        "Thickness of the retina in the A-scan nearest to the fovea (um)",
        2,
        centre_point_um,
    );
    all.measure("macular_volume_mm3", "Volume of the retina within 3 mm of the fovea (mm3)", 4, move |eye| {
        measures::volume_mm3(eye, retina)
    });
    all.number("gcipl_mean_um", "Ganglion cell and inner plexiform layer, mean (um)", "/volume/gcipl/average_um", 2);
    all.number("gcipl_min_um", "Ganglion cell and inner plexiform layer, minimum (um)", "/volume/gcipl/minimum_um", 2);
    for sector in ["superior", "supero_nasal", "infero_nasal", "inferior", "infero_temporal", "supero_temporal"] {
        let label = format!("Ganglion cell and inner plexiform layer, {} (um)", sector.replace('_', "-"));
        all.measure(format!("gcipl_{sector}_um"), label, 2, move |eye| measures::gcipl_sector_um(eye, sector));
    }
    all.measure("gcc_mean_um", "Ganglion cell complex (NFL, GCL, IPL) within 3 mm of the fovea, mean (um)", 2, |eye| {
        measures::ganglion_cell_complex_um(eye)
    });
    let names = "layer.subfield each, joined by ;";
    all.add("missing", format!("Subfields left empty: covered by less than 50 % ({names})"), Form::Text, |eye, _| {
        joined(measures::incomplete_subfields(eye, true))
    });
    all.add("partial", format!("Subfields covered by 50 to 95 % ({names})"), Form::Text, |eye, _| {
        joined(measures::incomplete_subfields(eye, false))
    });
    for subfield in measures::SUBFIELDS {
        let (name, label) =
            (format!("cover_{}", subfield.to_lowercase()), format!("Covered share of subfield {subfield}"));
        all.measure(name, label, 3, move |eye| measures::subfield_coverage(eye, subfield));
    }
}

fn layers(all: &mut Columns) {
    all.section("Layers");
    all.text(
        "unit",
        "Unit of thickness in the result; columns in um are empty for pixels",
        Form::Choice(UNITS),
        "/unit",
    );
    all.text("ellipsoid_zone", "Convention for the end of the ellipsoid zone", Form::Text, "/ellipsoid_zone");
    for of in Measured::all() {
        let (key, long) = (of.key(), of.name());
        all.measure(format!("{key}_mean_um"), format!("{long}, mean over the scan (um)"), 2, move |eye| {
            measures::scan_mean_um(eye, key)
        });
        for subfield in measures::SUBFIELDS {
            let name = format!("{key}_{}_um", subfield.to_lowercase());
            all.measure(name, format!("{long} in subfield {subfield} (um)"), 2, move |eye| {
                measures::subfield_um(eye, key, subfield)
            });
        }
        if of != Measured::Retina {
            all.measure(
                format!("{key}_volume_mm3"),
                format!("{long}, volume within 3 mm of the fovea (mm3)"),
                4,
                move |eye| measures::volume_mm3(eye, key),
            );
        }
    }
}

fn disc(all: &mut Columns) {
    all.section("Disc");
    all.number("cprnfl_mean_um", "Nerve fibres around the disc, mean (um)", "/circle/mean_um", 2);
    for side in ["temporal", "superior", "nasal", "inferior"] {
        all.measure(format!("cprnfl_{side}_um"), format!("Nerve fibres around the disc, {side} (um)"), 2, move |eye| {
            measures::quadrant_um(eye, side)
        });
    }
    all.number("cprnfl_radius_mm", "Radius of the circle (mm)", "/circle/radius_mm", 3);
}

fn lesions(all: &mut Columns) {
    all.section("Lesions");
    all.add("lesions_searched", "Whether the scan was searched for lesions", Form::Choice(YES_NO), |eye, _| {
        Some(u8::from(measures::is_searched(eye)).to_string())
    });
    for lesion in Lesion::ALL {
        let (key, name) = (lesion.key(), lesion.long_name());
        all.measure(format!("{key}_area_mm2"), format!("{name}: area over all B-scans (mm2)"), 4, move |eye| {
            measures::lesion(eye, lesion, "area_mm2")
        });
        all.measure(format!("{key}_height_um"), format!("{name}: largest height (um)"), 2, move |eye| {
            measures::lesion(eye, lesion, "height_um")
        });
        for diameter in [1_u8, 3, 6] {
            let label = format!("{name}: volume within {diameter} mm diameter around the fovea (nL)");
            all.measure(format!("{key}_{diameter}mm_nl"), label, 4, move |eye| {
                measures::lesion_volume_nl(eye, lesion, f64::from(diameter))
            });
        }
    }
}

fn made_by(all: &mut Columns) {
    all.section("Made by");
    all.text("model", "Model", Form::Text, "/model/name");
    all.text("model_version", "Version of the model", Form::Text, "/model/version");
    all.text("octrls", "Version of the program", Form::Text, "/octrls");
    all.add("created", "When the result was made (UTC)", Form::DateTime, |eye, _| {
        Some(eye.created().get(..19)?.replace('T', " "))
    });
}

/// Last, so that the columns before keep their places.
fn uncertainty(all: &mut Columns) {
    all.section("Uncertainty");
    let retina = Measured::Retina.key();
    let half = "half of the 95 % interval";
    all.measure("macular_volume_hw_mm3", format!("Volume of the retina, {half} (mm3)"), 4, move |eye| {
        measures::volume_half_width_mm3(eye, retina)
    });
    for of in Measured::all() {
        let (key, long) = (of.key(), of.name());
        all.measure(format!("{key}_mean_hw_um"), format!("{long}, mean over the scan, {half} (um)"), 2, move |eye| {
            measures::scan_mean_half_width_um(eye, key)
        });
        for subfield in measures::SUBFIELDS {
            let name = format!("{key}_{}_hw_um", subfield.to_lowercase());
            all.measure(name, format!("{long} in subfield {subfield}, {half} (um)"), 2, move |eye| {
                measures::subfield_half_width_um(eye, key, subfield)
            });
        }
        if of != Measured::Retina {
            let label = format!("{long}, volume within 3 mm of the fovea, {half} (mm3)");
            all.measure(format!("{key}_volume_hw_mm3"), label, 4, move |eye| measures::volume_half_width_mm3(eye, key));
        }
    }
    let mean = format!("Ganglion cell and inner plexiform layer, mean, {half} (um)");
    all.number("gcipl_mean_hw_um", &mean, "/volume/gcipl/average_half_width_um", 2);
    let mean = format!("Nerve fibres around the disc, mean, {half} (um)");
    all.number("cprnfl_mean_hw_um", &mean, "/circle/mean_half_width_um", 2);
    for side in ["temporal", "superior", "nasal", "inferior"] {
        let label = format!("Nerve fibres around the disc, {side}, {half} (um)");
        all.measure(format!("cprnfl_{side}_hw_um"), label, 2, move |eye| measures::quadrant_half_width_um(eye, side));
    }
    for lesion in Lesion::ALL {
        let (key, name) = (lesion.key(), lesion.long_name());
        for (bound, words, at) in [("low", "least", 0), ("high", "most", 1)] {
            let label = format!("{name}: area over all B-scans, {words} (mm2)");
            all.measure(format!("{key}_area_{bound}_mm2"), label, 4, move |eye| {
                measures::lesion_bound(eye, lesion, at)
            });
        }
    }
}

/// The texts under `key`, joined.
fn keys(items: &[Value], key: &str) -> Option<String> {
    joined(items.iter().filter_map(|item| Some(item[key].as_str()?.to_owned())))
}

fn joined(texts: impl IntoIterator<Item = String>) -> Option<String> {
    let texts: Vec<String> = texts.into_iter().collect();
    (!texts.is_empty()).then(|| texts.join(";"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_valid_for_redcap() {
        let columns = columns();
        let names: HashSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names.len(), columns.len());
        for column in &columns {
            let name = &column.name;
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 26, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            assert!(!name.contains("__") && !name.ends_with('_'), "{name}");
        }
        assert_eq!(columns[0].name, "record_id");
    }
}
