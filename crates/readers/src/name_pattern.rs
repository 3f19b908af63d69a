//! What the names of files and folders state: `{patient}_{eye}_{date}`.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::Path,
    str::FromStr,
};

use octrls_core::scan::{Acquisition, Clock, Eye, Moment, Provenance, ScanHeader, Spacing, Subject, plausible};
use serde::{Deserialize, Serialize};

/// A pattern for the names of scans. Without `/` it is for the file name without its extension, else for the last parts
/// of the path. Each field stands for at least one character other than `/`; `{*}` stands for what is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    text: String,
    parts: Vec<Part>,
    /// Folders that the pattern names, above the file.
    folders: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Patient,
    Eye,
    Date,
    Time,
    AxialUm,
    LateralUm,
    Any,
}

impl Field {
    /// Names in a pattern.
    const NAMES: [(&'static str, Self); 7] = [
        ("patient", Self::Patient),
        ("eye", Self::Eye),
        ("date", Self::Date),
        ("time", Self::Time),
        ("axial_um", Self::AxialUm),
        ("lateral_um", Self::LateralUm),
        ("*", Self::Any),
    ];

    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Patient | Self::Any => !text.is_empty(),
            Self::Eye => eye(text).is_some(),
            Self::Date => date(text).is_some(),
            Self::Time => time(text).is_some(),
            Self::AxialUm | Self::LateralUm => um(text).is_some(),
        }
    }
}

/// What a name states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NameFacts {
    eye: Option<Eye>,
    axial: Option<Spacing>,
    lateral: Option<Spacing>,
    subject: Option<Subject>,
}

impl NameFacts {
    /// Fills in what the file of the scan does not state.
    pub fn complete(&self, header: &mut ScanHeader) {
        if header.eye.is_none() && self.eye.is_some() {
            (header.eye, header.eye_from) = (self.eye, Some(Provenance::Name));
        }
        // A default for any eye is no statement.
        let stated = |spacing: Option<Spacing>| spacing.filter(|s| s.from != Provenance::Default);
        header.axial = stated(header.axial).or(self.axial).or(header.axial);
        header.lateral = header.lateral.or(self.lateral);
    }

    /// Fills in the time if the file of the scan states none. Names have the scanner's clock.
    #[must_use]
    pub fn complete_acquisition(&self, stated: Acquisition) -> Acquisition {
        match &self.subject {
            Some(named) if stated.at.is_none() => {
                Acquisition { at: Some(named.acquired), clock: Clock::Local, ..stated }
            }
            _ => stated,
        }
    }

    /// Patient and time; `None` if the name lacks one.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        self.subject.clone()
    }
}

impl NamePattern {
    /// What the name of the scan at `path`, below the watched folder, states; `None` if it does not fit the pattern.
    #[must_use]
    pub fn read(&self, path: &Path) -> Option<NameFacts> {
        let folder = path.parent().into_iter().flat_map(Path::components);
        let mut parts: Vec<String> = folder.map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
        parts.push(path.file_stem()?.to_string_lossy().into_owned());
        let name = parts.get(parts.len().checked_sub(self.folders + 1)?..)?.join("/");
        let mut values = BTreeMap::new();
        if !self.matches(&name, 0, 0, &mut values, &mut HashSet::new()) {
            return None;
        }
        let value = |field| values.get(&field).map(|&(from, to)| &name[from..to]);
        let spacing = |field| value(field).and_then(um).map(|um| Spacing { um, from: Provenance::Name });
        let clock = value(Field::Time).and_then(time).unwrap_or_default();
        let acquired = value(Field::Date).and_then(date).and_then(|date| Moment::new(date, clock));
        Some(NameFacts {
            eye: value(Field::Eye).and_then(eye),
            axial: spacing(Field::AxialUm),
            lateral: spacing(Field::LateralUm),
            subject: acquired.zip(value(Field::Patient)).and_then(|(at, patient)| Subject::new(patient, "", at, "")),
        })
    }

    /// Whether the parts from `part` fit `name` from byte `at`; notes where each field lies. A pair that failed before
    /// fails again.
    fn matches(
        &self,
        name: &str,
        part: usize,
        at: usize,
        values: &mut BTreeMap<Field, (usize, usize)>,
        failed: &mut HashSet<(usize, usize)>,
    ) -> bool {
        let rest = &name[at..];
        match self.parts.get(part) {
            None => return rest.is_empty(),
            Some(Part::Literal(text)) => {
                let fits = rest.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
                return fits && self.matches(name, part + 1, at + text.len(), values, failed);
            }
            Some(&Part::Field(field)) => {
                if failed.contains(&(part, at)) {
                    return false;
                }
                let inside = rest.find('/').unwrap_or(rest.len());
                let ends = rest.char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|&end| end <= inside);
                for end in ends {
                    if field.accepts(&rest[..end]) && self.matches(name, part + 1, at + end, values, failed) {
                        values.insert(field, (at, at + end));
                        return true;
                    }
                }
            }
        }
        failed.insert((part, at));
        false
    }
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("a { without a }")?;
            let known = Field::NAMES.into_iter().find(|(known, _)| *known == name);
            let (_, field) = known.ok_or_else(|| {
                let names = Field::NAMES.map(|(name, _)| format!("{{{name}}}"));
                format!("{{{name}}} is no field; the fields are {}", names.join(" "))
            })?;
            if field != Field::Any && parts.contains(&Part::Field(field)) {
                return Err(format!("{{{name}}} appears twice"));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            } else if matches!(parts.last(), Some(Part::Field(_))) {
                return Err("two fields need something between them".to_owned());
            }
            parts.push(Part::Field(field));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        if !parts.iter().any(|part| matches!(part, Part::Field(field) if *field != Field::Any)) {
            return Err("it has no field, such as {patient}, {eye} or {date}".to_owned());
        }
        if parts.contains(&Part::Field(Field::Time)) && !parts.contains(&Part::Field(Field::Date)) {
            return Err("{time} needs {date}".to_owned());
        }
        Ok(Self { text: text.to_owned(), parts, folders: text.matches('/').count() })
    }
}

impl TryFrom<String> for NamePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn eye(text: &str) -> Option<Eye> {
    match text.to_ascii_lowercase().as_str() {
        "od" | "r" | "re" | "right" => Some(Eye::Right),
        "os" | "l" | "le" | "left" => Some(Eye::Left),
        _ => None,
    }
}

/// `20260131`, `2026-01-31`, `2026_01_31` or `31.01.2026`.
fn date(text: &str) -> Option<(i64, i64, i64)> {
    let digits = |parts: &[&str], sizes: [usize; 3]| {
        let sized = parts.len() == 3 && parts.iter().zip(sizes).all(|(part, size)| part.len() == size);
        let number = |i: usize| parts[i].bytes().all(|b| b.is_ascii_digit()).then(|| parts[i].parse::<i64>().ok())?;
        if sized { Some([number(0)?, number(1)?, number(2)?]) } else { None }
    };
    let iso = text.split(['-', '_']).collect::<Vec<_>>();
    let german = text.split('.').collect::<Vec<_>>();
    let compact = [(0, 4), (4, 6), (6, text.len())].map(|(from, to)| text.get(from..to).unwrap_or_default());
    let found = match (digits(&iso, [4, 2, 2]), digits(&german, [2, 2, 4])) {
        (Some([year, month, day]), _) | (None, Some([day, month, year])) => (year, month, day),
        (None, None) => digits(&compact, [4, 2, 2]).map(|[year, month, day]| (year, month, day))?,
    };
    Moment::new(found, (0, 0, 0)).map(|_| found)
}

/// `101500`, `1015`, `10-15-00` or `10.15`.
fn time(text: &str) -> Option<(i64, i64, i64)> {
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | '.' | '_')).collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 4 | 6) {
        return None;
    }
    let part = |i: usize| digits.get(i..i + 2).unwrap_or("00").parse::<i64>().ok();
    let clock = (part(0)?, part(2)?, part(4)?);
    Moment::new((2000, 1, 1), clock).map(|_| clock)
}

fn um(text: &str) -> Option<f64> {
    plausible(text.replacen(',', ".", 1).parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, path: &str) -> Option<NameFacts> {
        pattern.parse::<NamePattern>().expect("a pattern").read(Path::new(path))
    }

    fn facts(pattern: &str, path: &str) -> (Option<Eye>, Option<(String, String)>) {
        let facts = read(pattern, path).unwrap_or_else(|| panic!("{path} does not fit {pattern}"));
        let subject = facts
            .subject()
            .map(|s| (String::from_utf8(s.identity()).expect("text").replace('\0', ""), s.acquired.to_string()));
        (facts.eye, subject)
    }

    fn patient(id: &str, at: &str) -> (String, String) {
        (id.to_owned(), at.to_owned())
    }

    #[test]
    fn fields_are_read_from_names_and_folders() {
        let visit = Some(patient("P12", "2026-01-31T00:00:00"));
        for (pattern, path) in [
            ("{patient}_{eye}_{date}", "x/P12_OD_20260131.png"),
            ("{patient}_{eye}_{date}", "P12_right_2026-01-31.tif"),
            ("{eye} {date} {patient}", "R 31.01.2026 P12.png"),
            ("{patient}/{date}/{eye}", "a/P12/2026_01_31/od.png"),
            ("study-{*}-{patient}_{eye}_{date}_{*}", "STUDY-7-P12_OD_20260131_b.png"),
        ] {
            assert_eq!(facts(pattern, path), (Some(Eye::Right), visit.clone()), "{pattern} {path}");
        }
        let timed = facts("{patient}_{date}_{time}", "A_1_20260131_1015.png");
        assert_eq!(timed, (None, Some(patient("A_1", "2026-01-31T10:15:00"))), "a patient may contain the separator");
        assert_eq!(facts("{patient}_{eye}", "P12_OS.png"), (Some(Eye::Left), None), "no date, no visit");
        let spacing = read("{eye}_{axial_um}_{lateral_um}", "OD_3,87_11.5.png").expect("it fits");
        let um = |s: Option<Spacing>| s.map(|s| (s.um, s.from));
        assert_eq!(um(spacing.axial), Some((3.87, Provenance::Name)));
        assert_eq!(um(spacing.lateral), Some((11.5, Provenance::Name)));
    }

    #[test]
    fn a_name_supplies_the_time_only_if_the_file_has_none() {
        let facts = read("{patient}_{date}", "P12_20260131.png").expect("it fits");
        let completed = facts.complete_acquisition(Acquisition { device: "A".to_owned(), ..Acquisition::default() });
        assert_eq!((completed.at.map(Moment::date), &*completed.device), (Some("2026-01-31".to_owned()), "A"));
        assert_eq!(completed.clock, Clock::Local);
        let at = Moment::of_digits("20250101", "");
        let stated = Acquisition { at, clock: Clock::Utc, device: String::new() };
        assert_eq!(facts.complete_acquisition(stated.clone()), stated);
    }

    #[test]
    fn a_name_that_does_not_fit_states_nothing() {
        for (pattern, path) in [
            ("{patient}_{eye}_{date}", "P12_OD_20261331.png"),
            ("{patient}_{eye}_{date}", "P12_both_20260131.png"),
            ("{patient}_{eye}_{date}", "_OD_20260131.png"),
            ("{patient}/{eye}", "OD.png"),
            ("{patient}_{eye}", "P12_OD_2.png"),
        ] {
            assert_eq!(read(pattern, path), None, "{pattern} {path}");
        }
        let hostile = "a_".repeat(120);
        assert_eq!(read("{patient}_{*}_{*}_{*}_{*}_{eye}", &hostile), None, "and it ends soon");
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for (pattern, part) in [
            ("{eye", "without"),
            ("{eyes}", "no field"),
            ("{eye}_{eye}", "twice"),
            ("{eye}{date}", "between"),
            ("name", "no field"),
            ("{*}", "no field"),
            ("{eye}_{time}", "needs {date}"),
        ] {
            let error = pattern.parse::<NamePattern>().expect_err(pattern);
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }
}
