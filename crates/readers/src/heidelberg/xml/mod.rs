//! Heidelberg export folder: an XML file and the images that it lists.
//!
//! The XML file stands for the folder, which is complete when every listed image exists. Element names follow exports
//! of the Spectralis Viewing Module: `Series/Image/OphthalmicAcquisitionContext` holds the size, `ScaleX`, `ScaleY` and
//! the position in millimetres. `ImageData/ExamURL` is the image's path on the exporting machine; only its file name is
//! used.

mod document;
mod files;
mod parts;

use std::path::{Path, PathBuf};

use octrls_core::{
    layer::Boundary,
    scan::{
        Acquisition, BScan, BScanPosition, BoundaryRows, Clock, Eye, MILLIMETRE, Moment, Note, Pattern, Place,
        Provenance, ScanHeader, ScanSettings, Spacing, Subject,
    },
};
use octrls_fs::within::Within;
use roxmltree::Node;

pub use self::parts::ExportParts;
use self::{
    document::{child, image_number, number, text_at},
    files::ExportFiles,
};
use super::{DEVICE, signal_db};
use crate::{
    FundusImage, ReadError, ScanReader,
    dimensions::{self, MAX_BSCANS},
    raster,
    sidecar::Hints,
    sized_file::SizedFile,
    xml,
};

/// A Heidelberg export folder; reads one image at a time.
pub(crate) struct HeidelbergXml {
    header: ScanHeader,
    images: Vec<PathBuf>,
    within: Within,
    findings: Vec<DeviceFindings>,
    fundus: Option<(PathBuf, [f64; 2])>,
    subject: Option<Subject>,
    acquired: Option<Moment>,
    settings: ScanSettings,
}

/// Scanner results for a B-scan.
struct DeviceFindings {
    boundaries: Vec<(Boundary, BoundaryRows)>,
    signal_db: Option<f32>,
}

/// One image as the XML lists it.
struct ListedImage {
    number: i64,
    file: Option<PathBuf>,
    width: u64,
    height: u64,
    scale_mm: [f64; 2],
    track: Option<BScanPosition>,
    findings: DeviceFindings,
}

impl HeidelbergXml {
    /// Whether `start`, the first bytes of a file, may begin an export's XML.
    pub(crate) fn recognises(start: &[u8]) -> bool {
        let text = document::decode(start[..start.len().min(1024)].to_vec()).to_uppercase();
        let text = text.trim_start_matches(['\u{feff}', '\u{ef}', '\u{bb}', '\u{bf}']).trim_start();
        text.starts_with("<HEDX") || text.starts_with("<BODY") || (text.starts_with("<?XML") && text.contains("<HEDX"))
    }

    pub(crate) fn open(file: &SizedFile, hints: &Hints, allow_missing: bool) -> Result<Self, ReadError> {
        let text = document::read_text(file)?;
        let document = xml::parse(&text)?;
        let scans = document.descendants().filter(|n| n.has_tag_name("Series") && child(*n, "Image").is_some());
        let mut series = scans.filter(|s| s.children().any(|i| i.has_tag_name("Image") && is_bscan(i)));
        let Some(first) = series.next() else {
            return Err(ReadError::Malformed("the XML lists no B-scans".to_owned()));
        };
        if series.next().is_some() {
            return Err(ReadError::Unsupported(
                "an export of several series; export each into its own folder".to_owned(),
            ));
        }
        let files = ExportFiles::beside(file.path(), &parts::listed_names(&document).0)?;
        let acquired = acquired(first);
        let subject = subject(first, acquired);
        let settings = settings(first);
        let images = first.children().filter(|n| n.has_tag_name("Image"));
        let (bscans, others): (Vec<Node<'_, '_>>, Vec<Node<'_, '_>>) = images.partition(|&i| is_bscan(i));
        if bscans.len() as u64 > MAX_BSCANS {
            return Err(ReadError::Malformed(format!("too many B-scans listed: {}", bscans.len())));
        }
        let listed = bscans.len();
        let mut bscans = bscans.into_iter().map(|i| ListedImage::of(i, &files)).collect::<Result<Vec<_>, _>>()?;
        bscans.sort_by_key(|b| b.number);
        bscans.retain(|b| b.file.is_some());
        if bscans.len() < listed && (!allow_missing || bscans.is_empty()) {
            return Err(ReadError::Incomplete { present: bscans.len(), listed });
        }
        let missing = listed - bscans.len();
        let fundus = others.into_iter().find_map(|i| {
            let image = ListedImage::of(i, &files).ok()?;
            let plausible = image.scale_mm.iter().all(|mm| Spacing::of_file(mm * MILLIMETRE).is_some());
            image.file.filter(|_| plausible).map(|file| (file, image.scale_mm))
        });
        let mut header = header(first, &bscans, hints)?;
        header.notes.extend((missing > 0).then_some(Note::BscansMissing { missing, listed }));
        let (images, findings) = bscans.into_iter().filter_map(|b| Some((b.file?, b.findings))).unzip();
        Ok(Self { header, images, within: file.within().clone(), findings, fundus, subject, acquired, settings })
    }

    fn image(&self, index: usize) -> Result<&Path, ReadError> {
        let count = self.images.len();
        self.images.get(index).map(PathBuf::as_path).ok_or(ReadError::NoSuchBScan { index, count })
    }
}

impl ScanReader for HeidelbergXml {
    fn header(&self) -> &ScanHeader {
        &self.header
    }

    fn bscan(&mut self, index: usize) -> Result<BScan, ReadError> {
        let path = self.image(index)?;
        let bscan = raster::picture(path, &self.within)?;
        if (bscan.width, bscan.height) != (self.header.width, self.header.height) {
            let (w, h) = (self.header.width, self.header.height);
            return Err(ReadError::Malformed(format!("the image of B-scan {index} is not {w} x {h} as listed")));
        }
        Ok(bscan)
    }

    fn device_boundaries(&mut self, index: usize) -> Result<Vec<(Boundary, BoundaryRows)>, ReadError> {
        self.image(index)?;
        Ok(self.findings[index].boundaries.clone())
    }

    fn device_signal_db(&mut self, index: usize) -> Result<Option<f32>, ReadError> {
        self.image(index)?;
        Ok(self.findings[index].signal_db)
    }

    fn subject(&mut self) -> Result<Option<Subject>, ReadError> {
        Ok(self.subject.clone())
    }

    fn acquisition(&mut self) -> Result<Acquisition, ReadError> {
        Ok(Acquisition { at: self.acquired, clock: Clock::Local, device: DEVICE.to_owned() })
    }

    fn settings(&mut self) -> Result<ScanSettings, ReadError> {
        Ok(self.settings.clone())
    }

    fn fundus(&mut self) -> Result<Option<FundusImage>, ReadError> {
        let Some((path, pixel_mm)) = &self.fundus else { return Ok(None) };
        let image = raster::picture(path, &self.within)?;
        let pixels = FundusImage::grey(&image);
        Ok(Some(FundusImage::with_tracks((image.width, image.height), pixels, *pixel_mm, &self.header.tracks)))
    }
}

/// Patient of a series that was `acquired` at a known time.
fn subject(series: Node<'_, '_>, acquired: Option<Moment>) -> Option<Subject> {
    let above = series.ancestors().find(|n| n.has_tag_name("Patient"));
    Subject::new(text_at(above?, &["PatientID"])?, "", acquired?, DEVICE)
}

/// Settings of the first B-scan of a series, and the software that exported it.
fn settings(series: Node<'_, '_>) -> ScanSettings {
    const CONTEXT: &str = "OphthalmicAcquisitionContext";
    let bscan = series.children().filter(|n| n.has_tag_name("Image")).find(is_bscan_of);
    let number = |field: &str| number(bscan?, &[CONTEXT, field]);
    let enhanced = bscan.and_then(|bscan| text_at(bscan, &[CONTEXT, "EDI"])).map(str::to_lowercase);
    let version = series.ancestors().find_map(|n| child(n, "SWVersion"));
    let version = version.map(|n| [text_at(n, &["Name"]), text_at(n, &["Version"])].into_iter().flatten());
    ScanSettings {
        averaged: number("NumAve").map(|count| count as u32),
        software: version.map(|parts| parts.collect::<Vec<_>>().join(" ")),
        serial: None,
        enhanced_depth: enhanced.and_then(|text| match text.as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }),
        focus_dpt: number("Focus"),
        angle_deg: number("Angle"),
        axial_length_mm: None,
    }
    .plausible()
}

/// Acquisition time of the first B-scan of a series.
fn acquired(series: Node<'_, '_>) -> Option<Moment> {
    let above = |name| series.ancestors().find(|n| n.has_tag_name(name));
    let date = series.children().chain(above("Study")?.children());
    let date =
        date.filter(|n| n.has_tag_name("StudyDate") || n.has_tag_name("ExamDate")).find_map(|n| child(n, "Date"))?;
    let time = series.descendants().filter(|n| n.has_tag_name("AcquisitionTime")).find_map(|n| child(n, "Time"));
    let part = |node, name: &str| number(node, &[name]).map(|v| v as i64);
    let clock = |name| time.and_then(|t| part(t, name)).unwrap_or(0);
    let date = (part(date, "Year")?, part(date, "Month")?, part(date, "Day")?);
    Moment::new(date, (clock("Hour"), clock("Minute"), clock("Second")))
}

fn header(series: Node<'_, '_>, bscans: &[ListedImage], hints: &Hints) -> Result<ScanHeader, ReadError> {
    let first = bscans.first().ok_or_else(|| ReadError::Malformed("the XML lists no B-scans".to_owned()))?;
    if bscans.iter().any(|b| (b.width, b.height) != (first.width, first.height)) {
        return Err(ReadError::Unsupported("B-scans of different sizes in one series".to_owned()));
    }
    let (width, height) = dimensions::check(first.width, first.height)?;
    let spacing = |mm: f64| Spacing::of_file(mm * MILLIMETRE);
    let eye = child(series, "Laterality").or_else(|| series.descendants().find(|n| n.has_tag_name("Laterality")));
    let eye = eye.and_then(|n| n.text()).map(str::trim).and_then(Eye::of_letter);
    let (eye, eye_from) = hints.eye_or(eye.map(|eye| (eye, Provenance::Header)));
    let tracks: Vec<BScanPosition> = bscans.iter().filter_map(|b| b.track).collect();
    let pattern = match (text_at(series, &["Type"]).unwrap_or_default(), tracks.first()) {
        (_, Some(BScanPosition::Circle { .. })) => Pattern::Circle,
        ("Volume", _) => Pattern::RasterVolume,
        ("Star" | "Radial", _) => Pattern::Radial,
        _ if bscans.len() == 1 => Pattern::Line,
        _ => Pattern::Unknown,
    };
    let tracks = if tracks.len() == bscans.len() { tracks } else { Vec::new() };
    Ok(ScanHeader {
        format: "Heidelberg XML export".into(),
        bscans: bscans.len(),
        width,
        height,
        axial: spacing(first.scale_mm[1]).or(hints.axial),
        lateral: spacing(first.scale_mm[0]).or(hints.lateral),
        eye,
        eye_from,
        pattern,
        pattern_from: (pattern != Pattern::Unknown).then_some(Provenance::Header),
        places: (!tracks.is_empty()).then_some(Provenance::Header),
        notes: Vec::new(),
        tracks,
    })
}

impl ListedImage {
    fn of(image: Node<'_, '_>, files: &ExportFiles) -> Result<Self, ReadError> {
        const CONTEXT: &str = "OphthalmicAcquisitionContext";
        let name = image_number(image).unwrap_or_default();
        let need = |field: &str| {
            number(image, &[CONTEXT, field])
                .ok_or_else(|| ReadError::Malformed(format!("a listed image has no {field}")))
        };
        let place = |field: &str| {
            let at = |axis| number(image, &[CONTEXT, field, "Coord", axis]);
            Some(Place { x: at("X")?, y: at("Y")? })
        };
        let track = match (place("Start"), place("End"), place("Center")) {
            (Some(start), _, Some(centre)) => BScanPosition::heidelberg_circle(start, centre),
            (Some(start), Some(end), _) => BScanPosition::line(start, end),
            _ => None,
        };
        let width = need("Width")?;
        let size = |v: f64| if (0.0..=1e6).contains(&v) { v as u64 } else { 0 };
        let lines = child(image, "Segmentation").into_iter().flat_map(|s| s.children());
        Ok(Self {
            number: name.parse().unwrap_or(i64::MAX),
            file: files.find(text_at(image, &["ImageData", "ExamURL"]), name),
            width: size(width),
            height: size(need("Height")?),
            scale_mm: [number(image, &[CONTEXT, "ScaleX"]), number(image, &[CONTEXT, "ScaleY"])]
                .map(|mm| mm.unwrap_or(f64::NAN)),
            track,
            findings: DeviceFindings {
                boundaries: lines
                    .filter(|n| n.has_tag_name("SegLine"))
                    .filter_map(|n| device_boundary(n, size(width)))
                    .collect(),
                signal_db: number(image, &[CONTEXT, "ImageQuality"]).and_then(|db| signal_db(db as f32)),
            },
        })
    }
}

/// A boundary of the scanner, if it is one of ours and has a row for each A-scan.
fn device_boundary(line: Node<'_, '_>, width: u64) -> Option<(Boundary, BoundaryRows)> {
    let boundary = match text_at(line, &["Name"])? {
        "ILM" => Boundary::Ilm,
        "BM" => Boundary::RpeBm,
        "RNFL" => Boundary::NflGcl,
        "IPL" => Boundary::IplInl,
        "INL" => Boundary::InlOpl,
        "OPL" => Boundary::OplOnl,
        _ => return None,
    };
    let rows: BoundaryRows = text_at(line, &["Array"])?
        .split_ascii_whitespace()
        .map(|v| document::decimal(v).map(|v| v as f32).filter(|v| v.is_finite() && (0.0..1e6).contains(v)))
        .collect();
    (rows.len() as u64 == width && rows.iter().any(Option::is_some)).then_some((boundary, rows))
}

fn is_bscan_of(image: &Node<'_, '_>) -> bool {
    is_bscan(*image)
}

fn is_bscan(image: Node<'_, '_>) -> bool {
    match text_at(image, &["ImageType", "Type"]) {
        Some(kind) => kind == "OCT",
        None => text_at(image, &["OphthalmicAcquisitionContext", "Start", "Coord", "X"]).is_some(),
    }
}
