//! A series of single-frame DICOM objects as one scan: one B-scan per object.
//!
//! The objects are opened without their pixels and must agree in everything that a scan has only one of. They are
//! ordered by position if they lie side by side, else by number. The pixels of an object are read when its B-scan is
//! requested.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use dicom_dictionary_std::tags;
use octrls_core::scan::{Acquisition, BScan, ScanHeader, ScanSettings, Spacing, Subject};
use octrls_fs::within::Within;

use super::{
    DicomOrigin, FramePlane,
    elements::{is_tomography, number, text},
    errors::catch_panic,
    frames::ScanFrames,
    fundus,
    geometry::{Facts, Geometry},
    groups::FunctionalGroups,
    locations::ScaledLocations,
    object::{OpenObject, Shape},
    subject,
};
use crate::{
    FundusImage, ReadError, ScanReader, dimensions::MAX_BSCANS, header_ext::HeaderExt as _, sidecar::Hints,
    sized_file::SizedFile,
};

/// Maximum relative difference between equal spacings: writers round them.
const SAME_SPACING: f64 = 1e-3;
/// Minimum distance between B-scans side by side, in millimetres.
const APART: f64 = 1e-4;

/// The instances of a DICOM series, one B-scan each; reads one at a time.
pub(crate) struct DicomSeries {
    header: ScanHeader,
    files: Vec<PathBuf>,
    origin: DicomOrigin,
    subject: Option<Subject>,
    acquisition: Acquisition,
    settings: ScanSettings,
    locations: Option<ScaledLocations>,
    references: Vec<String>,
    within: Within,
}

/// One instance without its pixels.
struct Instance {
    file: PathBuf,
    /// Order within the series: Instance Number, and In-Stack Position Number.
    number: Option<i64>,
    in_stack: Option<u64>,
    tomography: bool,
    shape: Shape,
    study: Option<String>,
    patient: Option<String>,
    facts: Facts,
    origin: DicomOrigin,
    subject: Option<Subject>,
    acquisition: Acquisition,
    settings: ScanSettings,
    references: Vec<String>,
}

impl DicomSeries {
    /// Opens the series whose instances are `files`, `within` what may be opened.
    pub(crate) fn open(files: &[PathBuf], within: &Within, hints: &Hints) -> Result<Self, ReadError> {
        if files.len() as u64 > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("too many instances in one series: {}", files.len())));
        }
        let read =
            |file: &PathBuf| catch_panic(|| Instance::read(file, within)).map_err(|error| of_instance(error, file));
        let instances: Vec<Instance> = files.iter().map(read).collect::<Result<_, _>>()?;
        let Some(first) = instances.first() else { return Err(ReadError::Series("it has no instances".to_owned())) };
        instances.iter().try_for_each(|other| first.agrees_with(other))?;
        check_distinct(&instances)?;
        let mut instances = sorted(instances)?;

        let shape = Shape { frames: instances.len(), ..instances[0].shape };
        let format = if instances[0].tomography { "DICOM OPT series" } else { "DICOM series" };
        let subject = instances[0].subject.take();
        let acquisition = instances[0].acquisition.clone();
        let settings = instances[0].settings.clone();
        let references = std::mem::take(&mut instances[0].references);
        let (mut files, mut facts, mut origins) = (Vec::new(), Vec::new(), Vec::new());
        for Instance { file, facts: own, origin, .. } in instances {
            files.push(file);
            facts.push(own);
            origins.push(origin);
        }
        let geometry = Geometry::of(Facts::of_series(facts, shape.frames), shape.width, shape.frames);
        let header = geometry.header(format, shape, hints);
        let origin =
            DicomOrigin::of_series(origins).ok_or_else(|| ReadError::Series("it has no instances".to_owned()))?;
        Ok(Self {
            header,
            files,
            within: within.clone(),
            origin,
            subject,
            acquisition,
            settings,
            locations: geometry.locations,
            references,
        })
    }
}

impl ScanReader for DicomSeries {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        self.header.check_index(index)?;
        let file = &self.files[index];
        let expected = Shape { width: self.header.width, height: self.header.height, frames: 1 };
        // The file may have been replaced since the series was opened, so its header is read again.
        let read = catch_panic(|| {
            let open = OpenObject::open(SizedFile::open(file, &self.within)?)?;
            let shape = open.shape;
            let frames = ScanFrames::of(vec![open.into_frames()?]);
            let changed = || ReadError::Series(format!("{} changed its size", file_name(file)));
            if shape == expected { Ok(frames) } else { Err(changed()) }
        });
        read.and_then(|frames| frames.decode(0)).map_err(|error| of_instance(error, file))
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(self.subject.clone())
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        fundus::read(self.locations.as_ref(), &self.references, (&self.files, &self.within))
    }

    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(self.acquisition.clone())
    }

    fn settings(&mut self) -> Result<ScanSettings, ReadError> {
        Ok(self.settings.clone())
    }

    fn dicom_origin(&self) -> Option<&DicomOrigin> {
        Some(&self.origin)
    }
}

impl Instance {
    fn read(file: &Path, within: &Within) -> Result<Self, ReadError> {
        let mut open = OpenObject::open(SizedFile::open(file, within)?)?;
        open.check_rest()?;
        let (object, shape) = (&open.elements, open.shape);
        if shape.frames != 1 {
            return Err(ReadError::Series(format!("{} has {} frames instead of one", file_name(file), shape.frames)));
        }
        let acquisition = subject::acquisition(object);
        let content = FunctionalGroups::of(object).group(0, tags::FRAME_CONTENT_SEQUENCE);
        Ok(Self {
            file: file.to_owned(),
            number: object.get(tags::INSTANCE_NUMBER).and_then(|e| e.to_int().ok()),
            in_stack: content.and_then(|c| number(c, tags::IN_STACK_POSITION_NUMBER)),
            tomography: is_tomography(object),
            shape,
            study: text(object, tags::STUDY_INSTANCE_UID),
            patient: text(object, tags::PATIENT_ID),
            facts: Facts::of(object, shape.width, 1),
            origin: DicomOrigin::of(&open),
            subject: subject::of(object, &acquisition),
            acquisition,
            settings: subject::settings(object),
            references: fundus::references(object),
        })
    }

    /// Checks that `other` may belong to the same scan.
    fn agrees_with(&self, other: &Self) -> Result<(), ReadError> {
        let contradict = |what: &str| {
            Err(ReadError::Series(format!("{} and {} {what}", file_name(&self.file), file_name(&other.file))))
        };
        let same = |a: Option<Spacing>, b: Option<Spacing>| match (a, b) {
            (Some(a), Some(b)) => (a.um / b.um - 1.0).abs() <= SAME_SPACING,
            (a, b) => a.is_none() && b.is_none(),
        };
        let (own, others) = (&self.facts, &other.facts);
        let (own_shape, others_shape) = (self.shape, other.shape);
        if (&self.study, &self.patient) != (&other.study, &other.patient) {
            contradict("are of different patients or studies")
        } else if own.eye != others.eye {
            contradict("do not state the same eye")
        } else if own_shape != others_shape {
            let [own, others] = [own_shape, others_shape].map(|shape| format!("{} x {}", shape.width, shape.height));
            contradict(&format!("are of different sizes, {own} and {others}"))
        } else if !same(own.axial, others.axial) || !same(own.lateral, others.lateral) {
            contradict("have different spacings")
        } else if self.origin.planes.is_some() != other.origin.planes.is_some() {
            contradict("differ: only one of them states its position")
        } else if self.origin.planes.is_some() && self.origin.frame_of_reference != other.origin.frame_of_reference {
            contradict("have different frames of reference")
        } else {
            Ok(())
        }
    }

    fn instance_uid(&self) -> Option<&String> {
        self.origin.reference.as_ref()?.instances.first()
    }
}

/// Checks that no two instances are the same or have the same number.
fn check_distinct(instances: &[Instance]) -> Result<(), ReadError> {
    let (mut by_uid, mut by_number) = (HashMap::new(), HashMap::new());
    for instance in instances {
        let file = &instance.file;
        if let Some(other) = instance.instance_uid().and_then(|uid| by_uid.insert(uid, file)) {
            let reason = format!("{} and {} have the same SOP Instance UID", file_name(other), file_name(file));
            return Err(ReadError::Series(reason));
        }
        if let Some(number) = instance.number
            && let Some(other) = by_number.insert(number, file)
        {
            return Err(ReadError::Series(format!(
                "{} and {} both have Instance Number {number}",
                file_name(other),
                file_name(file)
            )));
        }
    }
    Ok(())
}

/// Orders B-scans that lie side by side by position, starting at the end with the lowest number or at the top; others
/// by number.
fn sorted(mut instances: Vec<Instance>) -> Result<Vec<Instance>, ReadError> {
    let mut in_stack: Vec<u64> = instances.iter().filter_map(|i| i.in_stack).collect();
    in_stack.sort_unstable();
    in_stack.dedup();
    if instances.iter().all(|i| i.number.is_some()) {
        instances.sort_by_key(|i| i.number);
    } else if in_stack.len() == instances.len() {
        instances.sort_by_key(|i| i.in_stack);
    } else if depths(&instances).is_some() {
        // Patient coordinates run upwards.
        let height = |i: &Instance| i.origin.planes.as_ref().map_or(0.0, |planes| planes.frames[0].position[2]);
        instances.sort_by(|a, b| height(b).total_cmp(&height(a)));
    } else if instances.len() > 1 {
        let reason = "neither numbers nor positions give the order of its instances";
        return Err(ReadError::Series(reason.to_owned()));
    }
    let Some(mut depths) = depths(&instances) else { return Ok(instances) };
    if depths.first() > depths.last() {
        for depth in &mut depths {
            *depth = -*depth;
        }
    }
    let mut placed: Vec<(f64, Instance)> = depths.into_iter().zip(instances).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(placed.into_iter().map(|(_, instance)| instance).collect())
}

/// Positions of the B-scans along the direction across them, in millimetres; `None` unless all lie side by side.
fn depths(instances: &[Instance]) -> Option<Vec<f64>> {
    let planes: Vec<FramePlane> =
        instances.iter().map(|i| i.origin.planes.as_ref()?.frames.first().copied()).collect::<Option<_>>()?;
    let first = planes.first()?.directions;
    let ([a, b, c], [d, e, f]) = (first.along, first.down);
    let across = [b * f - c * e, c * d - a * f, a * e - b * d];
    let same = |u: [f64; 3], v: [f64; 3]| u.iter().zip(v).all(|(u, v)| (u - v).abs() < 1e-3);
    let is_parallel = |p: &FramePlane| same(p.directions.along, first.along) && same(p.directions.down, first.down);
    if !planes.iter().all(is_parallel) {
        return None;
    }
    let depths: Vec<f64> = planes.iter().map(|p| p.position.iter().zip(across).map(|(p, n)| p * n).sum()).collect();
    let mut sorted = depths.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.windows(2).all(|pair| pair[1] - pair[0] > APART).then_some(depths)
}

/// `error`, with the name of the instance's file.
fn of_instance(error: ReadError, file: &Path) -> ReadError {
    let named = |reason: &str| format!("{}: {reason}", file_name(file));
    match error {
        ReadError::Truncated(reason) => ReadError::Truncated(named(&reason)),
        ReadError::Malformed(reason) => ReadError::Malformed(named(&reason)),
        ReadError::Unsupported(reason) => ReadError::Unsupported(named(&reason)),
        other => other,
    }
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
