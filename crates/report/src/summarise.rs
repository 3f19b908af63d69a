//! Measures, quality and comparisons of a whole scan, from its B-scans. Reads and writes nothing.

use octrls_core::{
    layer::{LAYERS, Measured},
    measure::{
        BScanFacts, ChoroidVisibility, EtdrsSummary, Gates, NoRetina, ScanFacts, ScanQuality, ThicknessUnit, Verdict,
        enface::{CircleProfile, ThicknessMap, Volume, VolumeMeasures},
        follow_up::Measures,
        reference::ReferenceTable,
    },
    scan::{Eye, Note, Provenance, ScanHeader, Spacing},
    segment::SegmentedBScan,
};

use super::{
    device::{DeviceDifference, DeviceFindings, DeviceRecord},
    findings::FindingSummary,
    lesions::{LesionRecord, LesionTotals},
    record::{BScanRecord, CircleReferenceRecord, LayerRecord, ReferenceRecord},
};

/// What is collected of a scan, B-scan by B-scan.
pub(super) struct CollectedScan {
    eye: Option<Eye>,
    axial: Option<Spacing>,
    lateral: Option<Spacing>,
    /// Those that are known before any B-scan is measured.
    notes: Vec<Note>,
    /// Whether lateral distances are those of any eye, not of this one.
    lateral_by_default: bool,
    bscans: Vec<BScanRecord>,
    facts: Vec<BScanFacts>,
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
    pub(super) etdrs: Option<EtdrsSummary>,
    pub(super) reference: Option<ReferenceRecord>,
    pub(super) circle: Option<CircleProfile>,
    pub(super) circle_reference: Option<CircleReferenceRecord>,
    pub(super) device: Vec<DeviceRecord>,
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
            notes: [header.notes.clone(), Note::on_spacings(header.axial, header.lateral)].concat(),
            lateral_by_default: header.places == Some(Provenance::Default)
                || header.lateral.is_some_and(|s| s.from == Provenance::Default),
            bscans: Vec::new(),
            facts: Vec::new(),
            lesions: LesionTotals::default(),
            volume: Volume::new(header.eye),
            device: DeviceDifference::default(),
        }
    }

    /// Unit of all thicknesses.
    pub(super) const fn unit(&self) -> ThicknessUnit {
        if self.axial.is_some() { ThicknessUnit::Micrometres } else { ThicknessUnit::Pixels }
    }

    /// The B-scans added so far.
    pub(super) fn bscans(&self) -> &[BScanRecord] {
        &self.bscans
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
        if let Some(mask) = &bscan.lesions {
            self.lesions.add(bscan.index, mask);
        }
        let position = header.tracks.get(bscan.index).copied();
        if let Some(position) = position {
            self.volume.add(position, &bscan.thicknesses);
            self.volume.add_choroid_visible(position, &bscan.surfaces);
            if let Some((mask, axial)) = bscan.lesions.as_ref().zip(self.axial) {
                self.volume.add_lesions(position, mask, axial);
            }
        }
        self.bscans.push(BScanRecord::new(bscan, position, header));
    }
}

impl ScanMeasures {
    /// Mean thickness of each layer over all B-scans, in the order of `Layer::ALL`.
    pub(super) fn mean_thickness(&self) -> [Option<f32>; LAYERS] {
        std::array::from_fn(|i| self.layers[i].mean)
    }
}

/// Measures the scan, judges it by `gates` and compares it with `reference`.
pub(super) fn summarise(scan: &CollectedScan, gates: &Gates, reference: Option<&ReferenceTable>) -> ScanMeasures {
    let layers: Vec<LayerRecord> = Measured::all().map(|of| LayerRecord::over(&scan.bscans, of)).into();
    let confidence = scan.bscans.iter().map(BScanRecord::confidence).sum::<f32>() / scan.bscans.len().max(1) as f32;
    let maps = scan.volume.thickness_maps();
    let maps = maps.map(|thickness| ScanMaps { thickness, choroid_visible: scan.volume.choroid_visible_map() });
    let volume = maps.as_ref().map(|maps| scan.volume.measure(&maps.thickness));
    let circle = scan.volume.circle();

    let verdict = Verdict::combine(scan.bscans.iter().map(BScanRecord::verdict));
    let decentration =
        maps.as_ref().zip(volume.as_ref()).and_then(|(maps, volume)| volume.decentration_mm(&maps.thickness));
    let facts = ScanFacts::combine(&scan.facts, decentration).with_spacings(scan.axial, scan.lateral);
    let quality = ScanQuality::judge(facts, verdict, gates);
    let notes = scan.notes.iter().copied().chain(facts.note_on_retina()).collect();

    // Distances that only a default scales are compared with nothing.
    let reference = reference.filter(|_| !scan.lateral_by_default);
    let circle_reference = CircleReferenceRecord::of(reference, circle.as_ref());
    let reference = reference.zip(volume.as_ref()).map(|(table, volume)| ReferenceRecord::new(table, volume));
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
        findings: FindingSummary::over(scan.bscans.iter().map(BScanRecord::findings)),
        lesions: scan.lesions.records(scan.axial, scan.lateral),
        notes,
        maps,
        volume,
        etdrs,
        reference,
        circle,
        circle_reference,
        device: scan.device.records(scan.axial),
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
        summarise(&scan, &Gates::default(), None)
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
