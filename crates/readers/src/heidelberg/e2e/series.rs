//! Groups the chunks of an `.E2E` file into scans.

use std::collections::{BTreeMap, HashMap};

use octrls_core::scan::Eye;

use super::container::{Container, Entry};
use crate::{ReadError, dimensions::MAX_BSCANS, little_endian::LittleEndian};

/// Kinds of chunks that are read.
const IMAGE: u32 = 0x4000_0000;
const METADATA: u32 = 10_004;
const CONTOUR: u32 = 10_019;
const LATERALITY: [u32; 2] = [11, 59];
const FUNDUS_ANGLE: u32 = 5;
/// The parts of a slice: fundus image and B-scan.
const FUNDUS: u16 = 0;
const BSCAN: u16 = 1;
/// Maximum series that an error lists.
const MAX_LISTED: usize = 16;

/// The B-scans of one acquisition.
#[derive(Clone, Default)]
pub(crate) struct Series {
    /// In ascending order of their numbers.
    pub(crate) bscans: Vec<Slice>,
    /// The fundus image of the series, or of one of its B-scans.
    pub(crate) fundus: Option<Entry>,
    /// Chunk that states the fundus image's field of view in degrees.
    pub(crate) angle: Option<Entry>,
    /// Chunks that state the eye.
    laterality: HashMap<(u32, i32, u16), Entry>,
}

/// The chunks of one B-scan.
#[derive(Clone)]
pub(crate) struct Slice {
    pub(crate) image: Entry,
    pub(crate) metadata: Option<Entry>,
    /// In the order written; the last one of each boundary counts.
    pub(crate) contours: Vec<Entry>,
}

#[derive(Default)]
struct Grouped {
    /// Index of its first B-scan among all entries.
    first: Option<usize>,
    images: BTreeMap<i32, Entry>,
    metadata: HashMap<i32, Entry>,
    contours: HashMap<i32, Vec<Entry>>,
    laterality: HashMap<(u32, i32, u16), Entry>,
    /// By slice; the image of the series has -1 and comes first.
    fundus: BTreeMap<i32, Entry>,
    angle: Option<Entry>,
}

/// The series that hold B-scans, in the order of the file. Of duplicate chunks the last counts, since edits are
/// appended.
pub(crate) fn all(entries: &[Entry]) -> Vec<Series> {
    let mut groups: HashMap<_, Grouped> = HashMap::new();
    for (place, &entry) in entries.iter().enumerate() {
        let owner = entry.owner;
        let group = groups.entry((owner.patient, owner.study, owner.series)).or_default();
        match entry.kind {
            IMAGE if owner.slice >= 0 && owner.part == BSCAN => {
                group.first.get_or_insert(place);
                group.images.insert(owner.slice, entry);
            }
            IMAGE if owner.part == FUNDUS => drop(group.fundus.insert(owner.slice.max(-1), entry)),
            FUNDUS_ANGLE => group.angle = Some(entry),
            METADATA => drop(group.metadata.insert(owner.slice, entry)),
            CONTOUR => group.contours.entry(owner.slice).or_default().push(entry),
            kind if LATERALITY.contains(&kind) => {
                group.laterality.insert((kind, owner.slice, owner.part), entry);
            }
            _ => {}
        }
    }
    let mut groups: Vec<Grouped> = groups.into_values().filter(|g| g.first.is_some()).collect();
    groups.sort_by_key(|g| g.first);
    groups.into_iter().map(Grouped::into_series).collect()
}

/// The requested series, or the only one; never chooses among several silently.
pub(crate) fn choose(container: &Container, series: &[Series], number: Option<u32>) -> Result<Series, ReadError> {
    let count = series.len();
    if count == 0 {
        return Err(ReadError::Unsupported("a Heidelberg container without B-scans".to_owned()));
    }
    let chosen = match number {
        Some(number) if number == 0 || number as usize > count => {
            return Err(ReadError::NoSuchSeries { number, count });
        }
        Some(number) => &series[number as usize - 1],
        None if count == 1 => &series[0],
        None => return Err(ReadError::Unsupported(listing(container, series)?)),
    };
    if chosen.bscans.len() as u64 > MAX_BSCANS {
        return Err(ReadError::Malformed(format!("too many B-scans in one series: {}", chosen.bscans.len())));
    }
    Ok(chosen.clone())
}

/// Lists the series, so that the user can choose.
fn listing(container: &Container, series: &[Series]) -> Result<String, ReadError> {
    let mut parts = Vec::new();
    for (number, series) in (1..).zip(series.iter().take(MAX_LISTED)) {
        let eye = series.eye(container)?.0.map_or("eye not stated", Eye::code);
        parts.push(format!("{number}: {eye}, {} B-scans", series.bscans.len()));
    }
    if series.len() > MAX_LISTED {
        parts.push(format!("{} more", series.len() - MAX_LISTED));
    }
    Ok(format!("a file of {} series ({}); choose one", series.len(), parts.join("; ")))
}

impl Grouped {
    fn into_series(mut self) -> Series {
        let slice = |(number, image)| Slice {
            image,
            metadata: self.metadata.remove(&number),
            contours: self.contours.remove(&number).unwrap_or_default(),
        };
        Series {
            bscans: self.images.into_iter().map(slice).collect(),
            fundus: self.fundus.into_values().next(),
            angle: self.angle,
            laterality: self.laterality,
        }
    }
}

impl Series {
    /// The eye, if all chunks that state it agree, and whether they contradict each other.
    pub(crate) fn eye(&self, container: &Container) -> Result<(Option<Eye>, bool), ReadError> {
        let mut found = None;
        for entry in self.laterality.values() {
            let letter = LittleEndian(&container.read(entry, 14, 1)?).u8(0)?;
            let Some(eye) = Eye::of_letter(&char::from(letter).to_string()) else { continue };
            if found.is_some_and(|other| other != eye) {
                return Ok((None, true));
            }
            found = Some(eye);
        }
        Ok((found, false))
    }
}
