//! Measures, quality and comparisons of a whole scan, from its B-scans. Reads and writes nothing.

use octrls_core::{
    layer::{EzConvention, LAYERS, Measured},
    measure::{
        BScanFacts, ChoroidVisibility, EtdrsSummary, Gates, NoRetina, ScanFacts, ScanQuality, ThicknessUnit, Verdict,
        enface::{CentreSource, CircleProfile, DiscSource, Magnification, ThicknessMap, Volume, VolumeMeasures},
        follow_up::{FoveaMap, Measures},
        reference::{NotCompared, ReferenceTable},
    },
    scan::{Eye, Note, Provenance, ScanHeader, Spacing},
    segment::SegmentedBScan,
};
use octrls_readers::StatedFacts;

use super::{
    device::{DeviceDifference, DeviceFindings, DeviceRecord},
    findings::{FindingSummary, ScanFindings},
    lesions::{LesionRecord, LesionTotals},
    record::{BScanRecord, CircleReferenceRecord, LayerRecord, ReferenceRecord, ScaledRecord},
};

/// What is collected of a scan, B-scan by B-scan.
pub(super) struct CollectedScan {
    eye: Option<Eye>,
    axial: Option<Spacing>,
    lateral: Option<Spacing>,
    stated: StatedFacts,
    axial_length_mm: Option<f64>,
    /// Those that are known before any B-scan is measured.
    notes: Vec<Note>,
    /// Whether lateral distances are those of any eye, not of this one.
    lateral_by_default: bool,
    bscans: Vec<BScanRecord>,
    facts: Vec<BScanFacts>,
    findings: ScanFindings,
    lesions: LesionTotals,
    volume: Volume,
    device: DeviceDifference,
}

/// The measures of a scan, its quality, and comparisons with a reference group and the scanner.
pub(super) struct ScanMeasures {
    pub(super) unit: ThicknessUnit,
    pub(super) layers: Vec<LayerRecord>,
    /// Mean over the B-scans, 0 to 1.
    pub(super) confidence: f32,
    pub(super) verdict: Verdict,
    /// Why no B-scan shows a retina: the reason for the first.
    pub(super) no_retina: Option<NoRetina>,
    pub(super) quality: ScanQuality,
    /// What the reader and the measures have to say about the scan.
    pub(super) notes: Vec<Note>,
    /// What a person should look at.
    pub(super) findings: Vec<FindingSummary>,
    /// The lesions over all B-scans; `None` if no B-scan was searched for lesions.
    pub(super) lesions: Option<Vec<LesionRecord>>,
    /// The scan from the front, if the B-scans cover an area.
    pub(super) maps: Option<ScanMaps>,
    pub(super) volume: Option<VolumeMeasures>,
    pub(super) scaled: Option<ScaledRecord>,
    pub(super) etdrs: Option<EtdrsSummary>,
    pub(super) reference: Option<ReferenceRecord>,
    pub(super) not_compared: Option<NotCompared>,
    pub(super) circle: Option<CircleProfile>,
    pub(super) circle_reference: Option<CircleReferenceRecord>,
    pub(super) device: Vec<DeviceRecord>,
    /// Whether more than a default for any eye gives lateral distances.
    pub(super) is_scale_stated: bool,
    /// The measures that can be compared with other visits; empty without axial spacing.
    pub(super) comparable: Measures,
}

/// A scan from the front.
pub(super) struct ScanMaps {
    /// The thickness of each layer and of the retina.
    pub(super) thickness: Vec<ThicknessMap>,
    /// 1 where the choroid's end can be seen, 0 where it is inferred.
    pub(super) choroid_visible: Option<ThicknessMap>,
}

impl CollectedScan {
    /// An empty collection for the scan with `header`.
    pub(super) fn new(header: &ScanHeader) -> Self {
        Self {
            eye: header.eye,
            axial: header.axial,
            lateral: header.lateral,
            stated: StatedFacts::default(),
            axial_length_mm: None,
            notes: [header.notes.clone(), Note::on_spacings(header.axial, header.lateral)].concat(),
            lateral_by_default: header.places == Some(Provenance::Default)
                || header.lateral.is_some_and(|s| s.from == Provenance::Default),
            bscans: Vec::new(),
            facts: Vec::new(),
            findings: ScanFindings::default(),
            lesions: LesionTotals::default(),
            volume: Volume::new(header.eye),
            device: DeviceDifference::default(),
        }
    }

    /// The same with what a person states about the eye.
    pub(super) fn with_stated(self, stated: StatedFacts) -> Self {
        Self { volume: self.volume.with_centre(stated.centre), stated, ..self }
    }

    /// The measures scaled to the length of the eye, if that is known: by a person, else by the file.
    fn scaled(&self, circle: Option<&CircleProfile>) -> Option<ScaledRecord> {
        let stated = self.stated.axial_length_mm.map(|mm| (mm, Provenance::Sidecar));
        let (mm, from) = stated.or(self.axial_length_mm.map(|mm| (mm, Provenance::Header)))?;
        let magnification = Magnification::of(mm);
        let volume = self.volume.scaled(magnification.factor);
        let volume = volume.thickness_maps().map(|maps| volume.measure(&maps));
        let circle_radius_mm = circle.map(|circle| magnification.factor * circle.radius_mm);
        (volume.is_some() || circle_radius_mm.is_some()).then_some(ScaledRecord {
            magnification,
            from,
            volume,
            circle_radius_mm,
        })
    }

    /// The same with the length of the eye that the file states.
    pub(super) fn with_axial_length(self, axial_length_mm: Option<f64>) -> Self {
        Self { axial_length_mm, ..self }
    }

    /// Unit of all thicknesses.
    pub(super) const fn unit(&self) -> ThicknessUnit {
        if self.axial.is_some() { ThicknessUnit::Micrometres } else { ThicknessUnit::Pixels }
    }

    /// The B-scans added so far.
    pub(super) fn bscans(&self) -> &[BScanRecord] {
        &self.bscans
    }

    /// What a person should look at.
    pub(super) const fn findings(&self) -> &ScanFindings {
        &self.findings
    }

    /// The lesions over the B-scans added so far.
    pub(super) const fn lesions(&self) -> &LesionTotals {
        &self.lesions
    }

    /// Adds the next B-scan of the scan with `header`.
    pub(super) fn add(&mut self, bscan: &SegmentedBScan, device: &DeviceFindings, header: &ScanHeader) {
        self.device.add(&bscan.surfaces, &device.boundaries);
        self.facts.push(BScanFacts {
            signal: bscan.signal,
            device_signal_db: device.signal_db,
            quality: bscan.quality,
            choroid: ChoroidVisibility::of(&bscan.surfaces),
            retina_um: self.axial.and_then(|_| bscan.thicknesses.retina.median()),
        });
        let position = header.tracks.get(bscan.index).copied();
        if let Some(position) = position {
            self.volume.add(position, &bscan.thicknesses);
            self.volume.add_choroid_visible(position, &bscan.surfaces);
            if let Some(axial) = self.axial {
                self.volume.add_deviations(position, &bscan.surfaces, axial);
            }
            if let Some((mask, axial)) = bscan.lesions.as_ref().zip(self.axial) {
                self.volume.add_lesions(position, mask, axial);
            }
        }
        let record = BScanRecord::new(bscan, position, header);
        self.findings.add(bscan.index, record.findings().1);
        if let Some(mask) = &bscan.lesions {
            self.lesions.add(bscan.index, mask, record.lesions().unwrap_or_default());
        }
        self.bscans.push(record);
    }
}

impl ScanMeasures {
    /// Mean thickness of each layer over all B-scans, in the order of `Layer::ALL`.
    pub(super) fn mean_thickness(&self) -> [Option<f32>; LAYERS] {
        std::array::from_fn(|i| self.layers[i].mean)
    }

    /// Thickness of the retina around the fovea; `None` without a volume with a fovea whose scale is known.
    pub(super) fn fovea_map(&self) -> Option<FoveaMap> {
        let (maps, volume) = self.maps.as_ref().zip(self.volume.as_ref())?;
        let centre = Some(volume.centre).filter(|centre| centre.from.is_fovea() && self.is_scale_stated)?;
        FoveaMap::of(maps.thickness.get(Measured::Retina.index())?, centre.place)
    }
}

/// The table that a scan is compared with, and what must fit it.
#[derive(Clone, Copy, Default)]
pub(super) struct Reference<'a> {
    pub(super) table: Option<&'a ReferenceTable>,
    pub(super) ez: EzConvention,
    /// Name of the scanner.
    pub(super) device: Option<&'a str>,
}

/// Measures the scan, judges it by `gates` and compares it with `reference`.
pub(super) fn summarise(scan: &CollectedScan, gates: &Gates, reference: Reference<'_>) -> ScanMeasures {
    // The B-scans of a volume share part of their errors; without places, it is not known how much.
    let mean = |of| LayerRecord::over(&scan.bscans, of, scan.volume.mean_half_width_um(of));
    let layers: Vec<LayerRecord> = Measured::all().map(mean).into();
    let confidence = scan.bscans.iter().map(BScanRecord::confidence).sum::<f32>() / scan.bscans.len().max(1) as f32;
    let maps = scan.volume.thickness_maps();
    let maps = maps.map(|thickness| ScanMaps { thickness, choroid_visible: scan.volume.choroid_visible_map() });
    let volume = maps.as_ref().map(|maps| scan.volume.measure(&maps.thickness));
    let circle = scan.volume.circle();

    let verdict = Verdict::combine(scan.bscans.iter().map(BScanRecord::verdict));
    let centre = volume.as_ref().map(|volume| volume.centre);
    let disc = circle.as_ref().map(|circle| circle.disc).filter(|disc| disc.from == DiscSource::Stated);
    let decentration = maps
        .as_ref()
        .zip(volume.as_ref())
        .and_then(|(maps, volume)| volume.decentration_mm(&maps.thickness))
        .or(disc.map(|disc| disc.distance_mm as f32));
    let facts =
        ScanFacts::combine(&scan.facts, decentration).with_spacings(scan.axial, scan.lateral).with_fovea(centre);
    let quality = ScanQuality::judge(facts, verdict, gates);
    let is_used = disc.is_some() || centre.is_some_and(|centre| centre.from == CentreSource::Stated);
    let unused = scan.stated.centre.filter(|_| !is_used).map(|_| Note::StatedCentreUnused);
    let no_fovea = centre.filter(|centre| !centre.from.is_fovea()).map(|_| Note::NoFovea);
    let notes = scan.notes.iter().copied().chain(facts.note_on_retina()).chain(unused).chain(no_fovea).collect();

    let findings = scan.findings.summaries();
    let not_compared = reference.table.filter(|_| volume.is_some() || circle.is_some()).and_then(|table| {
        let reasons = [
            (NotCompared::NoFovea, no_fovea.is_some()),
            (NotCompared::Findings, findings.iter().any(FindingSummary::is_of_disease)),
            (NotCompared::Device, !table.is_of_device(reference.device)),
            (NotCompared::DefaultScale, scan.lateral_by_default),
        ];
        reasons.into_iter().find_map(|(reason, applies)| applies.then_some(reason))
    });
    let table = reference.table.filter(|_| not_compared.is_none());
    let circle_reference = CircleReferenceRecord::of(table, circle.as_ref());
    let reference = table.zip(volume.as_ref()).map(|(table, volume)| ReferenceRecord::new(table, volume, reference.ez));
    let compared = reference.as_ref().map_or(&[][..], |r| &r.values);
    let etdrs = volume.as_ref().map(|volume| EtdrsSummary::of(volume, scan.eye, compared));
    let unit = scan.unit();
    let comparable = match unit {
        ThicknessUnit::Pixels => Measures::default(),
        ThicknessUnit::Micrometres => {
            let means = Measured::all().into_iter().zip(&layers).map(|(of, layer)| (of, layer.mean, layer.coverage));
            let stated = !scan.lateral_by_default;
            Measures::of(means, volume.as_ref().filter(|_| stated), circle.as_ref().filter(|_| stated))
        }
    };
    ScanMeasures {
        unit,
        layers,
        confidence,
        verdict,
        no_retina: scan.bscans.iter().find_map(BScanRecord::no_retina).filter(|_| verdict == Verdict::NotARetina),
        quality,
        findings,
        lesions: scan.lesions.records(scan.axial, scan.lateral),
        notes,
        maps,
        scaled: scan.scaled(circle.as_ref()),
        volume,
        etdrs,
        reference,
        not_compared,
        circle,
        circle_reference,
        device: scan.device.records(scan.axial),
        is_scale_stated: !scan.lateral_by_default,
        comparable,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use octrls_core::{
        measure::{Quality, Signal, Thicknesses},
        phantom::{Phantom, PhantomOptions, PhantomScan},
        scan::Pattern,
    };

    use super::*;

    fn summary_of_two_phantoms(axial: Option<Spacing>) -> ScanMeasures {
        let phantoms = [1, 2].map(|seed| Phantom::generate(&PhantomOptions::default(), seed));
        let header = ScanHeader {
            format: "phantom".into(),
            bscans: phantoms.len(),
            width: phantoms[0].bscan.width,
            height: phantoms[0].bscan.height,
            axial,
            lateral: None,
            eye: None,
            eye_from: None,
            pattern: Pattern::Unknown,
            pattern_from: None,
            tracks: Vec::new(),
            places: None,
            notes: Vec::new(),
        };
        let mut scan = CollectedScan::new(&header);
        for (index, PhantomScan { bscan, surfaces, .. }) in phantoms.into_iter().enumerate() {
            let segmented = SegmentedBScan {
                index,
                quality: Quality::of(&bscan, &surfaces),
                lesions: None,
                no_retina: None,
                signal: Signal::of(&bscan, &surfaces),
                thicknesses: Thicknesses::measure(&surfaces, axial),
                bscan,
                surfaces,
                network_time: Duration::ZERO,
                surface_time: Duration::ZERO,
            };
            scan.add(&segmented, &DeviceFindings::default(), &header);
        }
        summarise(&scan, &Gates::default(), Reference::default())
    }

    #[test]
    fn a_scan_without_spacing_is_in_pixels_and_not_compared_with_other_visits() {
        let spacing = Spacing { um: 2.0, from: Provenance::Header };
        let (known, unknown) = (summary_of_two_phantoms(Some(spacing)), summary_of_two_phantoms(None));
        assert_eq!((known.unit, unknown.unit), (ThicknessUnit::Micrometres, ThicknessUnit::Pixels));
        assert!(!known.comparable.is_empty() && unknown.comparable.is_empty());
        for (um, px) in known.mean_thickness().into_iter().zip(unknown.mean_thickness()) {
            let (um, px) = (um.expect("measured"), px.expect("measured"));
            assert!((um - 2.0 * px).abs() < 1e-3, "{um} {px}");
        }
    }

    #[test]
    fn implausible_values_are_noted_and_flagged() {
        let of = |um| summary_of_two_phantoms(Some(Spacing { um, from: Provenance::Header }));
        let usual = of(3.87);
        assert!(usual.notes.is_empty() && !usual.quality.flags.contains('O'), "{:?}", usual.quality);
        // As if axial and lateral spacing were swapped.
        let swapped = of(11.3);
        assert_eq!((&swapped.notes[..], swapped.quality.flags.contains('O')), (&[Note::RetinaImplausible][..], true));
        assert_eq!(of(30.0).notes, [Note::AxialSpacingImplausible, Note::RetinaImplausible]);
        assert!(summary_of_two_phantoms(None).notes.is_empty(), "thickness in pixels says nothing");
    }

    #[test]
    fn bscans_without_positions_make_no_volume() {
        let measures = summary_of_two_phantoms(None);
        assert!(measures.maps.is_none() && measures.volume.is_none() && measures.etdrs.is_none());
        assert!(measures.circle.is_none() && measures.reference.is_none() && measures.device.is_empty());
        assert_eq!(measures.verdict, Verdict::Good);
    }
}
