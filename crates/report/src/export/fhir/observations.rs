//! The values of a result as parts of observations.

use octrls_core::{layer::Measured, lesion::Lesion};
use serde_json::{Map, Value, json};

use super::{
    super::eyes::{EyeResult, measures},
    SNOMED,
};

const LOINC: &str = "http://loinc.org";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const UCUM: &str = "http://unitsofmeasure.org";

/// The subfields with a code for the whole retina.
const RETINA_CODES: [(&str, &str, &str); 9] = [
    ("C", "57109-1", "Macular grid.center subfield thickness by OCT"),
    ("S1", "57110-9", "Macular grid.inner superior subfield thickness by OCT"),
    ("N1", "57111-7", "Macular grid.inner nasal subfield thickness by OCT"),
    ("I1", "57112-5", "Macular grid.inner inferior subfield thickness by OCT"),
    ("T1", "57113-3", "Macular grid.inner temporal subfield thickness by OCT"),
    ("S2", "57114-1", "Macular grid.outer superior subfield thickness by OCT"),
    ("N2", "57115-8", "Macular grid.outer nasal subfield thickness by OCT"),
    ("I2", "57116-6", "Macular grid.outer inferior subfield thickness by OCT"),
    ("T2", "57117-4", "Macular grid.outer temporal subfield thickness by OCT"),
];
const QUADRANT_CODES: [(&str, &str, &str); 4] = [
    ("inferior", "131265", "Inferior quadrant RNFL thickness"),
    ("superior", "131266", "Superior quadrant RNFL thickness"),
    ("temporal", "131267", "Temporal quadrant RNFL thickness"),
    ("nasal", "131268", "Nasal quadrant RNFL thickness"),
];

/// One value.
pub(super) struct Observation {
    /// Tells the observations of a scan apart.
    pub(super) name: String,
    code: Value,
    quantity: Value,
    site: Option<Value>,
}

impl Observation {
    /// The elements of the resource.
    pub(super) fn into_elements(self) -> Map<String, Value> {
        let mut elements = Map::new();
        let category = json!({
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                "code": "imaging",
                "display": "Imaging",
            }],
        });
        elements.insert("category".to_owned(), json!([category]));
        elements.insert("code".to_owned(), self.code);
        elements.insert("valueQuantity".to_owned(), self.quantity);
        elements.extend(self.site.map(|site| ("bodySite".to_owned(), site)));
        elements
    }
}

/// The values of a result that are known.
pub(super) fn observations(eye: &EyeResult) -> Vec<Observation> {
    let values = Values { eye, site: site(eye) };
    let mut all = Vec::new();
    for of in Measured::all() {
        let (key, name) = (of.key(), of.name());
        for subfield in measures::SUBFIELDS {
            let value = measures::covered_subfield_um(eye, key, subfield);
            let coded = RETINA_CODES.iter().find(|(s, ..)| *s == subfield).filter(|_| of == Measured::Retina);
            let code = coded.map(|&(_, code, display)| (LOINC, code, display));
            all.extend(values.of(
                format!("{key}.{subfield}"),
                code,
                &format!("{name}, mean thickness in subfield {subfield}"),
                value,
                "um",
            ));
        }
        let coded = (of == Measured::Retina).then_some((LOINC, "57118-2", "Macular grid.total volume by OCT"));
        let volume = measures::volume_mm3(eye, key);
        all.extend(values.of(
            format!("{key}.volume"),
            coded,
            &format!("{name}, volume within 3 mm of the fovea"),
            volume,
            "mm3",
        ));
        let mean = measures::scan_mean_um(eye, key);
        all.extend(values.of(
            format!("{key}.mean"),
            None,
            &format!("{name}, mean thickness over the scan"),
            mean,
            "um",
        ));
    }
    let mean = Some((DICOM, "131264", "Average RNFL thickness"));
    all.extend(values.of(
        "cprnfl".to_owned(),
        mean,
        "NFL around the disc, mean thickness",
        eye.number("/circle/mean_um"),
        "um",
    ));
    for (side, code, display) in QUADRANT_CODES {
        let value = measures::quadrant_um(eye, side);
        let text = format!("NFL around the disc, {side} quadrant");
        all.extend(values.of(format!("cprnfl.{side}"), Some((DICOM, code, display)), &text, value, "um"));
    }
    for lesion in Lesion::ALL {
        let (key, name) = (lesion.key(), lesion.long_name());
        let area = measures::lesion(eye, lesion, "area_mm2");
        all.extend(values.of(format!("{key}.area"), None, &format!("{name}: area over all B-scans"), area, "mm2"));
        let height = measures::lesion(eye, lesion, "height_um");
        all.extend(values.of(format!("{key}.height"), None, &format!("{name}: largest height"), height, "um"));
    }
    all
}

struct Values<'a> {
    eye: &'a EyeResult,
    site: Option<Value>,
}

impl Values<'_> {
    /// An observation of `value`, if it is known: system, code and its meaning if there is a code, and a text.
    fn of(
        &self,
        name: String,
        code: Option<(&str, &str, &str)>,
        text: &str,
        value: Option<f64>,
        unit: &str,
    ) -> Option<Observation> {
        let value = value.filter(|value| value.is_finite() && self.eye.is_in_um())?;
        // Small areas and volumes need more decimals than thicknesses.
        let steps = if unit == "um" { 1e2 } else { 1e4 };
        let value = (value * steps).round() / steps;
        let mut concept = json!({ "text": text });
        if let Some((system, code, display)) = code {
            concept["coding"] = json!([{ "system": system, "code": code, "display": display }]);
        }
        let quantity = json!({ "value": value, "unit": unit, "system": UCUM, "code": unit });
        Some(Observation { name, code: concept, quantity, site: self.site.clone() })
    }
}

/// The eye as a body site.
fn site(eye: &EyeResult) -> Option<Value> {
    let (code, display) = match eye.text("/scan/eye")? {
        "OD" => ("18944008", "Right eye structure"),
        "OS" => ("8966001", "Left eye structure"),
        _ => return None,
    };
    Some(json!({ "coding": [{ "system": SNOMED, "code": code, "display": display }] }))
}
