//! Structured report by TID 1500: one group of measurements (TID 1501) per layer and lesion, and one for the circle
//! around the disc.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use octrls_core::{
    layer::{Layer, Measured},
    measure::{
        ThicknessUnit,
        enface::{CircleProfile, Coverage, MeasuredGrid, Quadrant},
    },
};
use octrls_readers::DicomReference;

use super::{
    ScanResults, codes,
    codes::Code,
    content::{
        Relation::{Contains, Context, Modifies, Property},
        coded, contained, container, derived, identifier, images, number, site, template, text,
    },
    elements::{Item, empty, item, sequence, string},
    lesion_measures,
    object::{Kind, Object, referenced, uid},
};
use crate::{lesions::lesion_grid, record::LayerRecord};

pub(super) fn object(results: &ScanResults, reference: &DicomReference) -> Object {
    let mut object = Object::new(Kind::Measures, results, reference);
    let series = item([
        string(tags::SERIES_INSTANCE_UID, VR::UI, reference.series.clone()),
        sequence(tags::REFERENCED_SOP_SEQUENCE, referenced(reference)),
    ]);
    let evidence = item([
        string(tags::STUDY_INSTANCE_UID, VR::UI, reference.study.clone()),
        sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![series]),
    ]);
    object.put([
        sequence(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::<InMemDicomObject>::new()),
        sequence(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::<InMemDicomObject>::new()),
        string(tags::COMPLETION_FLAG, VR::CS, "COMPLETE"),
        string(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED"),
        string(tags::PRELIMINARY_FLAG, VR::CS, "FINAL"),
        sequence(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![evidence]),
        template("1500"),
    ]);
    object.put(container(codes::MEASUREMENT_REPORT, report(results, reference)));
    refer_to_requests(&mut object, reference);
    object
}

/// Names the requests in the form of documents (PS3.3, C.17.2) instead of that of series.
fn refer_to_requests(object: &mut Object, reference: &DicomReference) {
    const COPIED: [(Tag, VR); 3] = [
        (tags::REQUESTED_PROCEDURE_ID, VR::SH),
        (tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST, VR::LO),
        (tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST, VR::LO),
    ];
    let stated = object.elements.take(tags::REQUEST_ATTRIBUTES_SEQUENCE);
    let items = stated.as_ref().and_then(|element| element.items()).unwrap_or_default();
    let accession = object.elements.get(tags::ACCESSION_NUMBER).cloned();
    let request = |stated: &Item| {
        let or_empty = |tag, vr| stated.get(tag).cloned().unwrap_or_else(|| empty(tag, vr));
        let study = stated.get(tags::STUDY_INSTANCE_UID).cloned();
        let mut request = item([
            study.unwrap_or_else(|| string(tags::STUDY_INSTANCE_UID, VR::UI, reference.study.clone())),
            or_empty(tags::REFERENCED_STUDY_SEQUENCE, VR::SQ),
            or_empty(tags::REQUESTED_PROCEDURE_DESCRIPTION, VR::LO),
            or_empty(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE, VR::SQ),
        ]);
        let own_accession = stated.get(tags::ACCESSION_NUMBER).cloned();
        request
            .put(own_accession.or_else(|| accession.clone()).unwrap_or_else(|| empty(tags::ACCESSION_NUMBER, VR::SH)));
        for (tag, vr) in COPIED {
            request.put(or_empty(tag, vr));
        }
        if let Some(issuer) = stated.get(tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE) {
            request.put(issuer.clone());
        }
        request
    };
    if !items.is_empty() {
        let requests = items.iter().map(request).collect();
        object.put([sequence(tags::REFERENCED_REQUEST_SEQUENCE, requests)]);
    }
}

fn report(results: &ScanResults, reference: &DicomReference) -> Vec<Item> {
    let record = results.record;
    let model = record.model;
    let program = format!("octrls {}", record.octrls);
    let device = uid(&["device", model.sha256()]);
    let library = contained(codes::IMAGE_LIBRARY_GROUP, images(reference));
    let measurements = contained(codes::MEASUREMENTS, groups(results, reference));
    let verdict = format!(
        "{}, confidence {:.2}, ellipsoid zone {}; research use only",
        record.verdict.words(),
        record.confidence,
        record.ellipsoid_zone.key().replace('_', " ")
    );
    let verdict = text(Contains, codes::VERDICT, &verdict);
    let qualities = std::iter::once(verdict).chain(lesion_measures::findings(results)).collect();
    vec![
        coded(Modifies, codes::LANGUAGE, codes::ENGLISH),
        coded(Context, codes::OBSERVER_TYPE, codes::DEVICE),
        identifier(Context, codes::DEVICE_UID, device),
        text(Context, codes::DEVICE_NAME, "octrls"),
        text(Context, codes::DEVICE_MODEL, &format!("{program}, {} {}", model.name(), model.version())),
        coded(Modifies, codes::PROCEDURE, codes::RETINAL_OCT),
        contained(codes::IMAGE_LIBRARY, vec![library]),
        measurements,
        contained(codes::QUALITATIVE, qualities),
    ]
}

fn groups(results: &ScanResults, reference: &DicomReference) -> Vec<Item> {
    let record = results.record;
    // Without a fovea, the subfields are those of another place.
    let grids = record.volume.iter().filter(|v| v.centre.from.is_fovea()).flat_map(|v| &v.etdrs);
    let layers = Measured::all().into_iter().zip(&record.layers);
    let mut groups: Vec<Item> = layers
        .filter_map(|(of, figures)| {
            let mut values = whole_scan(figures, record.unit);
            values.extend(grids.clone().filter(|g| g.layer == of.key()).flat_map(|g| etdrs_grid(of, g)));
            if of == Measured::Layer(Layer::Choroid) && !values.is_empty() {
                values.extend(results.heights.choroid_visible().map(choroid_visible));
            }
            let about = Subject { name: of.name(), finding: codes::measured(of), method: codes::method(of) };
            (!values.is_empty()).then(|| group(results, reference, &about, values))
        })
        .collect();
    if let Some(profile) = &record.circle {
        let fibres = Measured::Layer(Layer::Nfl);
        let (finding, method) = (codes::measured(fibres), codes::method(fibres));
        let about = Subject { name: "NFL around the disc", finding, method };
        groups.push(group(results, reference, &about, circle(profile)));
    }
    let volume = record.volume.as_ref();
    for lesion in results.lesion_totals.summaries(volume) {
        let grid = volume.and_then(|volume| lesion_grid(volume, lesion.lesion));
        let about = Subject { name: lesion.lesion.name(), finding: codes::lesion(lesion.lesion), method: None };
        groups.push(group(results, reference, &about, lesion_measures::measures(&lesion, grid)));
    }
    groups
}

/// What a group of measurements is about.
struct Subject {
    name: &'static str,
    finding: Code,
    method: Option<Code>,
}

fn group(results: &ScanResults, reference: &DicomReference, about: &Subject, values: Vec<Item>) -> Item {
    let &Subject { name, finding, method } = about;
    let record = results.record;
    let tracking = uid(&["measures", &results.identity(reference), name]);
    let head = [
        text(Context, codes::TRACKING, name),
        identifier(Context, codes::TRACKING_UID, tracking),
        coded(Contains, codes::FINDING, finding),
        site(results.header.eye),
        text(Modifies, codes::ALGORITHM_NAME, &format!("octrls {}", record.model.name())),
        text(Modifies, codes::ALGORITHM_VERSION, &format!("{}, {}", record.octrls, record.model.version())),
    ];
    let method = method.map(|method| coded(Modifies, codes::METHOD, method));
    let mut group = contained(codes::GROUP, head.into_iter().chain(method).chain(values).collect());
    group.put(template("1501"));
    group
}

/// The values over the whole scan.
fn whole_scan(figures: &LayerRecord, unit: ThicknessUnit) -> Vec<Item> {
    let unit = match unit {
        ThicknessUnit::Micrometres => codes::MICROMETRE,
        ThicknessUnit::Pixels => codes::PIXELS,
    };
    let values = [
        (figures.mean, codes::MEAN, figures.half_width),
        (figures.sd, codes::DEVIATION, None),
        (figures.min, codes::MINIMUM, None),
        (figures.max, codes::MAXIMUM, None),
    ];
    let known = values.into_iter().filter_map(|(value, how, half_width)| Some((value?, how, half_width)));
    let item = |(value, how, half_width): (f32, Code, Option<f32>)| {
        let properties = std::iter::once(derived(how)).chain(uncertainty(half_width, unit)).collect();
        number(Contains, codes::THICKNESS, rounded(value.into()), unit, properties)
    };
    known.map(item).collect()
}

/// The 95 % interval of a value, whose half is `half_width`, as two properties of it.
fn uncertainty(half_width: Option<impl Into<f64>>, unit: Code) -> Vec<Item> {
    let Some(half_width) = half_width.map(Into::into) else { return Vec::new() };
    let bounds = [codes::UPPER_UNCERTAINTY, codes::LOWER_UNCERTAINTY];
    let value = if unit == codes::CUBIC_MILLIMETRE { fine(half_width) } else { rounded(half_width) };
    bounds.map(|bound| number(Property, bound, value, unit, Vec::new())).into()
}

/// Rounds volumes, which are small.
fn fine(value: f64) -> f64 {
    (1e4 * value).round() / 1e4
}

/// The ETDRS values of `of`, each with its coverage.
fn etdrs_grid(of: Measured, measured: &MeasuredGrid) -> Vec<Item> {
    let fields = measured.grid.subfields.iter().filter_map(|field| {
        let mut properties = vec![derived(codes::MEAN), coverage(field.coverage)];
        properties.extend(uncertainty(field.half_width_um, codes::MICROMETRE));
        Some(number(
            Contains,
            codes::subfield(of, field.at),
            rounded(field.mean_um?.into()),
            codes::MICROMETRE,
            properties,
        ))
    });
    // The volume of a part is no volume of the grid.
    let volume = (Coverage::of(measured.grid.coverage) == Coverage::Whole).then(|| {
        let mut properties = vec![coverage(measured.grid.coverage)];
        properties.extend(uncertainty(measured.grid.volume_half_width_mm3, codes::CUBIC_MILLIMETRE));
        let value = fine(measured.grid.volume_mm3);
        number(Contains, codes::grid_volume(of), value, codes::CUBIC_MILLIMETRE, properties)
    });
    fields.chain(volume).collect()
}

fn circle(profile: &CircleProfile) -> Vec<Item> {
    let thickness = |title, um: f32, half_width| {
        let properties = uncertainty(half_width, codes::MICROMETRE);
        number(Contains, title, rounded(um.into()), codes::MICROMETRE, properties)
    };
    let quadrant = |q: &Quadrant| Some(thickness(codes::quadrant(q.side)?, q.mean_um?, q.half_width_um));
    let mean = profile.mean_um.map(|um| thickness(codes::CIRCLE_MEAN, um, profile.mean_half_width_um));
    mean.into_iter().chain(profile.quadrants.iter().filter_map(quadrant)).collect()
}

/// Where the outer boundary of the choroid is not visible, its thickness is inferred.
fn choroid_visible(share: f32) -> Item {
    number(Contains, codes::CHOROID_VISIBLE, rounded(100.0 * f64::from(share)), codes::PERCENT, Vec::new())
}

pub(super) fn coverage(share: f32) -> Item {
    number(Property, codes::COVERAGE, rounded(100.0 * f64::from(share)), codes::PERCENT, Vec::new())
}

/// Rounds to hundredths; measurements are not more precise.
pub(super) fn rounded(value: f64) -> f64 {
    (100.0 * value).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncertainty_is_a_range_to_either_side() {
        let first = |item: &Item, tag: Tag| {
            item.get(tag).and_then(|element| element.items()?.first().cloned()).expect("a sequence of an item")
        };
        let text = |item: &Item, tag: Tag| item.get(tag).expect("an element").to_str().expect("text").trim().to_owned();
        let items = uncertainty(Some(3.214_f32), codes::MICROMETRE);
        let said = items.iter().map(|item| {
            let value = first(item, tags::MEASURED_VALUE_SEQUENCE);
            [
                text(item, tags::RELATIONSHIP_TYPE),
                text(&first(item, tags::CONCEPT_NAME_CODE_SEQUENCE), tags::CODE_VALUE),
                text(&value, tags::NUMERIC_VALUE),
                text(&first(&value, tags::MEASUREMENT_UNITS_CODE_SEQUENCE), tags::CODE_VALUE),
            ]
        });
        let of = |code: &str| ["HAS PROPERTIES", code, "3.21", "um"].map(str::to_owned);
        assert!(said.eq([of("371886008"), of("371885007")]));
        assert!(uncertainty(None::<f32>, codes::MICROMETRE).is_empty());
        let volume = uncertainty(Some(0.012_34), codes::CUBIC_MILLIMETRE);
        assert_eq!(text(&first(&volume[0], tags::MEASURED_VALUE_SEQUENCE), tags::NUMERIC_VALUE), "0.0123");
    }
}
