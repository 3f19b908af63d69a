//! Results as a FHIR R4 bundle: a DiagnosticReport for each scan, with an Observation for each value.
//!
//! Everything is preliminary, since no person has checked it. Values for which LOINC or DICOM has a code get it, the
//! others a text. As in the structured report, a subfield is left out unless 95 % of it are covered: a receiver takes the
//! value for the whole subfield.

mod observations;

use std::{fs, path::Path};

use octrls_fs::digest::sha256;
use serde_json::{Map, Value, json};

use self::observations::observations;
use super::{
    ExportError, PatientIdentity,
    eyes::{EyeResult, rounded},
};
use crate::{RESULT_FILE, record::READABLE_SCHEMAS};

const SNOMED: &str = "http://snomed.info/sct";
const NOTICE: &str = "research use only, not a medical device";

/// Collects results as a bundle.
#[derive(Debug, Default)]
pub struct FhirBundle {
    entries: Vec<Value>,
}

impl FhirBundle {
    /// Adds the result in `folder`; `patient` is whose scan it is, if that is to be stated.
    ///
    /// # Errors
    /// [`ExportError::Result`] if the result is incomplete or damaged; nothing is added then.
    pub fn add(&mut self, folder: &Path, patient: Option<&PatientIdentity>) -> Result<(), ExportError> {
        let failed = |reason: String| ExportError::Result { folder: folder.to_owned(), reason };
        let text = fs::read(folder.join(RESULT_FILE)).map_err(|e| failed(e.to_string()))?;
        let result: Value = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
        let schema = result["schema"].as_str().unwrap_or_default();
        if !READABLE_SCHEMAS.contains(&schema) {
            return Err(failed(format!("the schema is {schema:?}")));
        }
        let eye = EyeResult::new(result, folder).map_err(failed)?;
        let common = Common::of(&eye, patient);
        let observations: Vec<(String, Value)> = observations(&eye)
            .into_iter()
            .map(|observation| {
                let name = common.urn(&observation.name);
                let mut resource = common.resource("Observation");
                resource.extend(observation.into_elements());
                (name, Value::Object(resource))
            })
            .collect();
        let references: Vec<Value> = observations.iter().map(|(name, _)| json!({ "reference": name })).collect();
        let mut report = common.resource("DiagnosticReport");
        report.insert("category".to_owned(), json!([{ "text": "Imaging" }]));
        let code = json!({
            "coding": [{ "system": SNOMED, "code": "700070005", "display": "Optical coherence tomography of retina" }],
            "text": "Retinal layer thickness by optical coherence tomography",
        });
        report.insert("code".to_owned(), code);
        if let Some(issued) = eye.text("/created") {
            report.insert("issued".to_owned(), json!(issued));
        }
        if !references.is_empty() {
            report.insert("result".to_owned(), Value::Array(references));
        }
        report.insert("conclusion".to_owned(), json!(conclusion(&eye)));
        let entry = |(name, resource): (String, Value)| json!({ "fullUrl": name, "resource": resource });
        self.entries.push(entry((common.urn("report"), Value::Object(report))));
        self.entries.extend(observations.into_iter().map(entry));
        Ok(())
    }

    /// The bundle as JSON.
    #[must_use]
    pub fn into_json(self) -> Value {
        let mut bundle = json!({
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": jiff::Timestamp::now().to_string(),
        });
        // FHIR has no empty lists.
        if !self.entries.is_empty() {
            bundle["entry"] = Value::Array(self.entries);
        }
        bundle
    }
}

/// What report and observations of a scan have in common.
struct Common {
    id: String,
    elements: Map<String, Value>,
}

impl Common {
    fn of(eye: &EyeResult, patient: Option<&PatientIdentity>) -> Self {
        let mut elements = Map::new();
        elements.insert("status".to_owned(), json!("preliminary"));
        let identifier =
            json!([{ "system": "urn:ietf:rfc:3986", "value": format!("urn:sha256:{}", eye.identity().sha256) }]);
        elements.insert("identifier".to_owned(), identifier);
        if let Some(id) = patient.and_then(|patient| patient.id.as_ref()) {
            let mut identifier = json!({ "value": id });
            if let Some(issuer) = patient.and_then(|patient| patient.issuer.as_ref()) {
                identifier["assigner"] = json!({ "display": issuer });
            }
            elements.insert("subject".to_owned(), json!({ "type": "Patient", "identifier": identifier }));
        }
        if let Some(effective) = effective(eye) {
            elements.insert("effectiveDateTime".to_owned(), json!(effective));
        }
        let model = |key| eye.text(key).unwrap_or_default();
        let program = format!("octrls {}, {} {}", model("/octrls"), model("/model/name"), model("/model/version"));
        elements.insert("performer".to_owned(), json!([{ "display": program }]));
        Self { id: format!("{} {}", eye.record_id(), eye.created()), elements }
    }

    fn resource(&self, kind: &str) -> Map<String, Value> {
        let mut resource = self.elements.clone();
        resource.insert("resourceType".to_owned(), json!(kind));
        resource
    }

    /// An identifier that only this part of this result has: a UUID of their hash (RFC 9562, version 8).
    fn urn(&self, part: &str) -> String {
        let hash = sha256(format!("{} {part}", self.id).as_bytes());
        format!("urn:uuid:{}-{}-8{}-a{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32])
    }
}

/// When the scan was taken. A time needs its zone, which only universal time has; of local times the date is stated.
fn effective(eye: &EyeResult) -> Option<String> {
    let acquired = eye.text("/scan/acquired")?;
    if eye.text("/scan/clock") == Some("utc") {
        return Some(format!("{acquired}Z"));
    }
    acquired.get(..10).map(str::to_owned)
}

fn conclusion(eye: &EyeResult) -> String {
    let verdict = eye.text("/verdict").unwrap_or_default().replace('_', " ");
    let findings: Vec<&str> = eye.items("/findings").iter().filter_map(|finding| finding["words"].as_str()).collect();
    let findings = if findings.is_empty() {
        String::new()
    } else {
        format!("; findings to be read by a clinician: {}", findings.join(", "))
    };
    let flags = eye.text("/quality/flags").filter(|flags| !flags.is_empty());
    let flags = flags.map_or_else(String::new, |flags| format!("; image quality flags (OSCAR-IB): {flags}"));
    let confidence = rounded(eye.number("/confidence"), 2).unwrap_or_default();
    format!("Lines: {verdict}, confidence {confidence}{flags}{findings}. Not checked by a person; {NOTICE}.")
}
