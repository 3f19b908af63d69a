//! Codes from published vocabularies, or our own where none exists.
//!
//! Boundaries follow CID 4273, macular thickness CID 4285, thickness around the disc CID 4283 (PS3.16). For single
//! layers other than nerve fibres and choroid, and for lesions other than the macular hole, we found no code there that
//! we could confirm.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use octrls_core::{
    layer::{Boundary, Layer, Measured},
    lesion::Lesion,
    measure::enface::{Side, Subfield},
    scan::Eye,
};

use super::elements::{Element, Item, item, sequence, string};

/// DICOM's own vocabulary.
const DCM: &str = "DCM";
/// SNOMED CT.
const SCT: &str = "SCT";
const LOINC: &str = "LN";
const UCUM: &str = "UCUM";
/// Our own vocabulary.
const OWN: &str = "99OCTRLS";

/// A code, the vocabulary that defines it, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    value: &'static str,
    scheme: &'static str,
    meaning: &'static str,
}

const fn code(value: &'static str, scheme: &'static str, meaning: &'static str) -> Code {
    Code { value, scheme, meaning }
}

pub(super) const SOURCE_IMAGE: Code = code("121322", DCM, "Source Image for Image Processing Operation");
/// Purpose of reference from an image; DICOM has a code for replaced reports only.
pub(super) const REPLACED_VERSION: Code = code("REPLACED", OWN, "Version that this object replaces");
pub(super) const SEGMENTATION: Code = code("113076", DCM, "Segmentation");
pub(super) const ANATOMICAL_STRUCTURE: Code = code("91723000", SCT, "Anatomical Structure");
pub(super) const ALTERED_STRUCTURE: Code = code("49755003", SCT, "Morphologically Abnormal Structure");
pub(super) const BACKGROUND: Code = code("125040", DCM, "Background");
pub(super) const RETINA: Code = code("5665001", SCT, "Retina");
pub(super) const ARTIFICIAL_INTELLIGENCE: Code = code("123110", DCM, "Artificial Intelligence");
pub(super) const IMAGING_REPORT: Code = code("18748-4", LOINC, "Diagnostic imaging report");

pub(super) const MEASUREMENT_REPORT: Code = code("126000", DCM, "Imaging Measurement Report");
pub(super) const LANGUAGE: Code = code("121049", DCM, "Language of Content Item and Descendants");
pub(super) const ENGLISH: Code = code("en", "RFC5646", "English");
pub(super) const OBSERVER_TYPE: Code = code("121005", DCM, "Observer Type");
pub(super) const DEVICE: Code = code("121007", DCM, "Device");
pub(super) const DEVICE_UID: Code = code("121012", DCM, "Device Observer UID");
pub(super) const DEVICE_NAME: Code = code("121013", DCM, "Device Observer Name");
pub(super) const DEVICE_MODEL: Code = code("121015", DCM, "Device Observer Model Name");
pub(super) const PROCEDURE: Code = code("121058", DCM, "Procedure reported");
pub(super) const RETINAL_OCT: Code = code("700070005", SCT, "Optical coherence tomography of retina");
pub(super) const IMAGE_LIBRARY: Code = code("111028", DCM, "Image Library");
pub(super) const IMAGE_LIBRARY_GROUP: Code = code("126200", DCM, "Image Library Group");
pub(super) const MEASUREMENTS: Code = code("126010", DCM, "Imaging Measurements");
pub(super) const GROUP: Code = code("125007", DCM, "Measurement Group");
pub(super) const TRACKING: Code = code("112039", DCM, "Tracking Identifier");
pub(super) const TRACKING_UID: Code = code("112040", DCM, "Tracking Unique Identifier");
pub(super) const FINDING: Code = code("121071", DCM, "Finding");
pub(super) const FINDING_SITE: Code = code("363698007", SCT, "Finding Site");
pub(super) const EYE: Code = code("81745001", SCT, "Eye");
pub(super) const LATERALITY: Code = code("272741003", SCT, "Laterality");
pub(super) const ALGORITHM_NAME: Code = code("111001", DCM, "Algorithm Name");
pub(super) const ALGORITHM_VERSION: Code = code("111003", DCM, "Algorithm Version");
pub(super) const METHOD: Code = code("370129005", SCT, "Measurement Method");
pub(super) const DERIVATION: Code = code("121401", DCM, "Derivation");
pub(super) const MEAN: Code = code("373098007", SCT, "Mean");
pub(super) const DEVIATION: Code = code("386136009", SCT, "Standard Deviation");
pub(super) const MINIMUM: Code = code("255605001", SCT, "Minimum");
pub(super) const MAXIMUM: Code = code("56851009", SCT, "Maximum");
/// From CID 225; TID 310 gives both as properties of a measurement.
pub(super) const UPPER_UNCERTAINTY: Code = code("371886008", SCT, "+, range of upper measurement uncertainty");
pub(super) const LOWER_UNCERTAINTY: Code = code("371885007", SCT, "-, range of lower measurement uncertainty");
pub(super) const QUALITATIVE: Code = code("C0034375", "UMLS", "Qualitative Evaluations");

pub(super) const THICKNESS: Code = code("THICKNESS", OWN, "Thickness over the whole scan");
pub(super) const GRID_VOLUME: Code = code("ETDRS-VOL", OWN, "Volume within the ETDRS grid");
pub(super) const COVERAGE: Code = code("COVERAGE", OWN, "Share of the area in which thickness is known");
pub(super) const CHOROID_VISIBLE: Code =
    code("CHOROID-VISIBLE", OWN, "Share of A-scans with a visible end of the choroid");
pub(super) const LESION_AREA: Code = code("LESION-AREA", OWN, "Area in the B-scan that shows most of it");
pub(super) const LESION_HEIGHT: Code = code("LESION-HEIGHT", OWN, "Height along an A-scan");
pub(super) const LEAST: Code = code("LEAST", OWN, "Of the parts that are certain");
pub(super) const MOST: Code = code("MOST", OWN, "Of the parts that are possible");
pub(super) const VERDICT: Code = code("VERDICT", OWN, "Whether the segmentation can be trusted");

pub(super) const MICROMETRE: Code = code("um", UCUM, "um");
pub(super) const MILLIMETRE: Code = code("mm", UCUM, "mm");
pub(super) const SQUARE_MILLIMETRE: Code = code("mm2", UCUM, "mm2");
pub(super) const NANOLITRE: Code = code("nL", UCUM, "nL");
pub(super) const CUBIC_MILLIMETRE: Code = code("mm3", UCUM, "mm3");
pub(super) const PERCENT: Code = code("%", UCUM, "%");
pub(super) const PIXELS: Code = code("{pixels}", UCUM, "pixels");

impl Code {
    pub(super) fn item(self) -> Item {
        item([
            string(tags::CODE_VALUE, VR::SH, self.value),
            string(tags::CODING_SCHEME_DESIGNATOR, VR::SH, self.scheme),
            string(tags::CODE_MEANING, VR::LO, self.meaning),
        ])
    }

    /// A code sequence with this code only.
    pub(super) fn sequence(self, tag: Tag) -> Element {
        sequence(tag, vec![self.item()])
    }
}

/// The origin of our own codes.
pub(super) fn own_scheme() -> Element {
    let scheme = item([
        string(tags::CODING_SCHEME_DESIGNATOR, VR::SH, OWN),
        string(tags::CODING_SCHEME_NAME, VR::ST, "OCT-RLS: measures of single retinal layers"),
        string(tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION, VR::ST, "OCT-RLS"),
    ]);
    sequence(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, vec![scheme])
}

pub(super) const fn boundary(boundary: Boundary) -> Code {
    match boundary {
        Boundary::Ilm => code("280677004", SCT, "ILM - Internal limiting membrane"),
        Boundary::NflGcl => code("128289", DCM, "Outer surface of RNFL"),
        Boundary::IplInl => code("128291", DCM, "Outer surface of IPL"),
        Boundary::InlOpl => code("128292", DCM, "Outer surface of INL"),
        Boundary::OplOnl => code("128293", DCM, "Outer surface of OPL"),
        Boundary::OnlEz => code("128295", DCM, "Surface between Inner and Outer Segments of the photoreceptors"),
        Boundary::EzRpe => code("128297", DCM, "Anterior surface of the RPE"),
        Boundary::RpeBm => code("128300", DCM, "Outer surface of the BM"),
        Boundary::Csb => code("128301", DCM, "Surface of the choroid-sclera interface"),
    }
}

pub(super) const fn measured(of: Measured) -> Code {
    match of {
        Measured::Retina => RETINA,
        Measured::Layer(Layer::Nfl) => code("45950005", SCT, "Structure of nerve fiber layer of retina"),
        Measured::Layer(Layer::GclIpl) => code("GCL-IPL", OWN, "Ganglion cell and inner plexiform layer"),
        Measured::Layer(Layer::Inl) => code("INL", OWN, "Inner nuclear layer"),
        Measured::Layer(Layer::Opl) => code("OPL", OWN, "Outer plexiform layer"),
        Measured::Layer(Layer::Onl) => code("ONL", OWN, "Outer nuclear layer and myoid zone"),
        Measured::Layer(Layer::Ez) => code("EZ", OWN, "Ellipsoid zone"),
        Measured::Layer(Layer::Rpe) => code("RPE", OWN, "Retinal pigment epithelium"),
        Measured::Layer(Layer::Choroid) => code("68703001", SCT, "Choroid"),
    }
}

/// A lesion. SNOMED CT has a code for the macular hole that we could confirm; its cavity gets it.
pub(super) const fn lesion(lesion: Lesion) -> Code {
    match lesion {
        Lesion::Irf => code("IRF", OWN, "Intraretinal fluid"),
        Lesion::Srf => code("SRF", OWN, "Subretinal fluid"),
        Lesion::SubRpe => code("SUB-RPE", OWN, "Drusen or pigment epithelial detachment"),
        Lesion::Hole => code("232006002", SCT, "Macular hole"),
        Lesion::Shrm => code("SHRM", OWN, "Subretinal hyperreflective material"),
    }
}

/// The volume of a lesion within a circle of this diameter in millimetres; `None` for one without a code.
pub(super) fn circle_volume(diameter_mm: f64) -> Option<Code> {
    Some(match diameter_mm.round() as u8 {
        1 => code("VOL-1MM", OWN, "Volume within 1 mm diameter around the centre"),
        3 => code("VOL-3MM", OWN, "Volume within 3 mm diameter around the centre"),
        5 => code("VOL-5MM", OWN, "Volume within 5 mm diameter around the centre"),
        6 => code("VOL-6MM", OWN, "Volume within 6 mm diameter around the centre"),
        _ => return None,
    })
}

/// The boundaries of the thickness of `of`, if DICOM has a code for them (CID 4262).
pub(super) const fn method(of: Measured) -> Option<Code> {
    match of {
        Measured::Retina => Some(code("111929", DCM, "Total retinal thickness (ILM to BM)")),
        Measured::Layer(Layer::Nfl) => Some(code("111925", DCM, "Retinal nerve fiber layer thickness")),
        Measured::Layer(_) => None,
    }
}

pub(super) const fn laterality(eye: Eye) -> Code {
    match eye {
        Eye::Right => code("24028007", SCT, "Right"),
        Eye::Left => code("7771000", SCT, "Left"),
    }
}

/// The mean thickness of `of` in `subfield`. The vocabularies have codes for the whole retina only.
pub(super) fn subfield(of: Measured, subfield: Subfield) -> Code {
    use Side::{Inferior, Nasal, Superior, Temporal};
    use Subfield::{Central, Inner, Outer};
    if of == Measured::Retina {
        match subfield {
            Central => return code("57109-1", LOINC, "Macular grid.center subfield thickness by OCT"),
            Inner(Superior) => return code("57110-9", LOINC, "Macular grid.inner superior subfield thickness by OCT"),
            Inner(Nasal) => return code("57111-7", LOINC, "Macular grid.inner nasal subfield thickness by OCT"),
            Inner(Inferior) => return code("57112-5", LOINC, "Macular grid.inner inferior subfield thickness by OCT"),
            Inner(Temporal) => return code("57113-3", LOINC, "Macular grid.inner temporal subfield thickness by OCT"),
            Outer(Superior) => return code("57114-1", LOINC, "Macular grid.outer superior subfield thickness by OCT"),
            Outer(Nasal) => return code("57115-8", LOINC, "Macular grid.outer nasal subfield thickness by OCT"),
            Outer(Inferior) => return code("57116-6", LOINC, "Macular grid.outer inferior subfield thickness by OCT"),
            Outer(Temporal) => return code("57117-4", LOINC, "Macular grid.outer temporal subfield thickness by OCT"),
            Inner(_) | Outer(_) => {}
        }
    }
    let (value, meaning) = match subfield {
        Central => ("ETDRS-C", "Mean thickness within 0.5 mm of the centre"),
        Inner(Superior) => ("ETDRS-S1", "Mean thickness 0.5 to 1.5 mm superior"),
        Inner(Nasal) => ("ETDRS-N1", "Mean thickness 0.5 to 1.5 mm nasal"),
        Inner(Inferior) => ("ETDRS-I1", "Mean thickness 0.5 to 1.5 mm inferior"),
        Inner(Temporal) => ("ETDRS-T1", "Mean thickness 0.5 to 1.5 mm temporal"),
        Inner(Side::Left) => ("ETDRS-L1", "Mean thickness 0.5 to 1.5 mm left in the fundus image"),
        Inner(Side::Right) => ("ETDRS-R1", "Mean thickness 0.5 to 1.5 mm right in the fundus image"),
        Outer(Superior) => ("ETDRS-S2", "Mean thickness 1.5 to 3 mm superior"),
        Outer(Nasal) => ("ETDRS-N2", "Mean thickness 1.5 to 3 mm nasal"),
        Outer(Inferior) => ("ETDRS-I2", "Mean thickness 1.5 to 3 mm inferior"),
        Outer(Temporal) => ("ETDRS-T2", "Mean thickness 1.5 to 3 mm temporal"),
        Outer(Side::Left) => ("ETDRS-L2", "Mean thickness 1.5 to 3 mm left in the fundus image"),
        Outer(Side::Right) => ("ETDRS-R2", "Mean thickness 1.5 to 3 mm right in the fundus image"),
    };
    code(value, OWN, meaning)
}

/// The volume of `of` within the grid.
pub(super) fn grid_volume(of: Measured) -> Code {
    match of {
        Measured::Retina => code("57118-2", LOINC, "Macular grid.total volume by OCT"),
        Measured::Layer(_) => GRID_VOLUME,
    }
}

/// Mean nerve fibre thickness in a quadrant of the circle around the disc; `None` if `side` is not a quadrant.
pub(super) const fn quadrant(side: Side) -> Option<Code> {
    match side {
        Side::Inferior => Some(code("131265", DCM, "Inferior quadrant RNFL thickness")),
        Side::Superior => Some(code("131266", DCM, "Superior quadrant RNFL thickness")),
        Side::Temporal => Some(code("131267", DCM, "Temporal quadrant RNFL thickness")),
        Side::Nasal => Some(code("131268", DCM, "Nasal quadrant RNFL thickness")),
        Side::Left | Side::Right => None,
    }
}

pub(super) const CIRCLE_MEAN: Code = code("131264", DCM, "Average RNFL thickness");
