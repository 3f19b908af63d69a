//! Results of DICOM files whose lines and lesions are known, written without a network.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use dicom_object::InMemDicomObject;
use octrls_core::{
    layer::{Boundary, EzConvention, LAYERS},
    lesion::Lesion,
    measure::{Gates, Quality, Signal, Thicknesses},
    network::{Network, ShippedModel},
    phantom::{Phantom, PhantomOptions},
    scan::ScanHeader,
    segment::SegmentedBScan,
    surface::LesionMask,
};
use octrls_engine::digest;
use octrls_readers::{OpenedScan, ReadOptions, ScanFiles};
use octrls_report::{
    DeviceFindings, DicomResults, EarlierResult, ModelRecord, Pictures, ResultWriter, ScanContext, ScanRecord,
    ScanSummary, Staging,
};
use tempfile::TempDir;

use super::scan;

/// Rows of subretinal fluid in every A-scan.
pub(super) const FLUID_ROWS: usize = 8;
/// The cyst: A-scans, and rows below the end of the OPL.
pub(super) const CYST: (std::ops::Range<usize>, std::ops::Range<usize>) = (300..340, 2..12);
/// The B-scan with the cyst.
pub(super) const CYST_AT: usize = 1;

pub(super) struct Written {
    _temp: TempDir,
    pub(super) folder: PathBuf,
    pub(super) summary: ScanSummary,
    /// Segment number of every pixel by B-scan: layer, or the lesion within it.
    pub(super) labels: Vec<Vec<u8>>,
    pub(super) masks: Vec<Vec<u8>>,
}

/// A B-scan with fluid above the RPE everywhere, and a cyst if it is the one at [`CYST_AT`]. The end of the choroid is
/// visible in the first half of its A-scans.
fn bscan(index: usize, header: &ScanHeader) -> SegmentedBScan {
    let phantom = Phantom::generate(&PhantomOptions::default(), index as u64 + 1);
    let (width, height) = (phantom.bscan.width, phantom.bscan.height);
    let rpe_outer = phantom.surfaces.rpe_outer().to_vec();
    let rows = phantom.surfaces.rows(Boundary::EzRpe);
    let roof = rows.iter().map(|row| row.map(|row| row - FLUID_ROWS as f32)).collect();
    let surfaces = phantom.surfaces.clone().with_fluid(roof, rpe_outer);
    let surfaces = surfaces.with_choroid_visible((0..width).map(|x| x < width / 2).collect());
    let from = |boundary: Boundary, x: usize| surfaces.rows(boundary)[x].map(|row| row.round() as usize);
    let class = |i: usize| {
        let (x, y) = (i % width, i / width);
        let rpe = from(Boundary::EzRpe, x);
        let opl = from(Boundary::OplOnl, x).filter(|_| index == CYST_AT && CYST.0.contains(&x));
        if rpe.is_some_and(|rpe| (rpe - FLUID_ROWS..rpe).contains(&y)) {
            Lesion::Srf.class()
        } else if opl.is_some_and(|opl| y >= opl && CYST.1.contains(&(y - opl))) {
            Lesion::Irf.class()
        } else {
            0
        }
    };
    SegmentedBScan {
        no_retina: None,
        index,
        quality: Quality::of(&phantom.bscan, &surfaces),
        signal: Signal::of(&phantom.bscan, &surfaces),
        thicknesses: Thicknesses::measure(&surfaces, header.axial),
        lesions: LesionMask::new(width, (0..width * height).map(class).collect()),
        surfaces,
        bscan: phantom.bscan,
        network_time: Duration::ZERO,
        surface_time: Duration::ZERO,
    }
}

/// The results of `object`.
pub(super) fn results(object: &InMemDicomObject, which: DicomResults) -> Written {
    let temp = tempfile::tempdir().expect("tempdir");
    let (folder, summary, labels, masks) = write(temp.path(), object, which, &Gates::default());
    Written { _temp: temp, folder, summary, labels, masks }
}

/// Writes the results of `object` below `temp`, in place of earlier ones.
pub(super) fn write(
    temp: &Path,
    object: &InMemDicomObject,
    which: DicomResults,
    gates: &Gates,
) -> (PathBuf, ScanSummary, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let file = temp.join("scan.dcm");
    scan::write(object, &file);
    write_file(temp, &file, which, gates)
}

/// Writes the results of the DICOM file `file` below `temp`, in place of earlier ones.
pub(super) fn write_file(
    temp: &Path,
    file: &Path,
    which: DicomResults,
    gates: &Gates,
) -> (PathBuf, ScanSummary, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let out = temp.join("out");
    std::fs::create_dir_all(&out).expect("a folder");
    let files = ScanFiles::one(file);
    let opened = OpenedScan::open(&files).expect("a scan");
    let reader = opened.reader(ReadOptions::default()).expect("a scan");
    let header = reader.header().clone();
    let folder = out.join("scan.dcm");
    let earlier = EarlierResult::read(&folder);
    let writer = ResultWriter::begin(&Staging::of(&out), &folder, &header).expect("a folder").replacing(earlier);
    let mut writer = writer.with_dicom(reader.dicom_origin().expect("a study").clone(), which);
    let (mut labels, mut masks) = (Vec::new(), Vec::new());
    for index in 0..header.bscans {
        let bscan = bscan(index, &header);
        let lesions = bscan.lesions.as_ref().expect("lesions").classes();
        let label = |(&layer, &lesion): (&u8, &u8)| if lesion > 0 { LAYERS as u8 + lesion } else { layer };
        masks.push(bscan.surfaces.mask());
        labels.push(bscan.surfaces.mask().iter().zip(lesions).map(label).collect());
        writer.add(&bscan, &DeviceFindings::default(), &Pictures::draw(&bscan).expect("pictures")).expect("written");
    }
    let network = Network::shipped(ShippedModel::Edge).expect("a model");
    let context = ScanContext {
        scan: &ScanRecord::new(
            "scan.dcm".to_owned(),
            digest(&files, Path::new("scan.dcm")).expect("a digest"),
            None,
            &header,
        ),
        model: &ModelRecord::new(&network),
        ellipsoid_zone: EzConvention::default(),
        gates,
        reference: None,
        history: None,
        elapsed: Duration::from_secs(1),
    };
    let summary = writer.finish(context, &mut || ControlFlow::Continue(())).expect("results");
    (folder, summary, labels, masks)
}

/// `result.json` of a result. Its schema is not checked: the lines here may cross.
pub(super) fn record(folder: &Path) -> serde_json::Value {
    let text = std::fs::read(folder.join("result.json")).expect("result.json");
    serde_json::from_slice(&text).expect("JSON")
}
