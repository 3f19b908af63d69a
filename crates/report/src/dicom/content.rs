//! Content items of a structured report (PS3.3, C.17.3).

use dicom_core::VR;
use dicom_dictionary_std::tags;
use octrls_readers::DicomReference;

use super::{
    codes::{self, Code},
    elements::{Element, Item, decimal, item, sequence, string},
    object::referenced,
};

/// Relationship of an item to its parent.
#[derive(Clone, Copy)]
pub(super) enum Relation {
    Contains,
    Modifies,
    Context,
    Property,
}

impl Relation {
    fn element(self) -> Element {
        let words = match self {
            Self::Contains => "CONTAINS",
            Self::Modifies => "HAS CONCEPT MOD",
            Self::Context => "HAS OBS CONTEXT",
            Self::Property => "HAS PROPERTIES",
        };
        string(tags::RELATIONSHIP_TYPE, VR::CS, words)
    }
}

fn value_type(name: &str) -> Element {
    string(tags::VALUE_TYPE, VR::CS, name)
}

fn concept_name(name: Code) -> Element {
    name.sequence(tags::CONCEPT_NAME_CODE_SEQUENCE)
}

/// The template number (PS3.16).
pub(super) fn template(number: &str) -> Element {
    let template =
        item([string(tags::MAPPING_RESOURCE, VR::CS, "DCMR"), string(tags::TEMPLATE_IDENTIFIER, VR::CS, number)]);
    sequence(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template])
}

/// The elements that make an item a container of `content`.
pub(super) fn container(title: Code, content: Vec<Item>) -> [Element; 4] {
    [
        value_type("CONTAINER"),
        concept_name(title),
        string(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE"),
        sequence(tags::CONTENT_SEQUENCE, content),
    ]
}

pub(super) fn contained(title: Code, content: Vec<Item>) -> Item {
    item(container(title, content).into_iter().chain([Relation::Contains.element()]))
}

pub(super) fn coded(relation: Relation, title: Code, value: Code) -> Item {
    item([relation.element(), value_type("CODE"), concept_name(title), value.sequence(tags::CONCEPT_CODE_SEQUENCE)])
}

pub(super) fn text(relation: Relation, title: Code, value: &str) -> Item {
    item([relation.element(), value_type("TEXT"), concept_name(title), string(tags::TEXT_VALUE, VR::UT, value)])
}

pub(super) fn identifier(relation: Relation, title: Code, uid: String) -> Item {
    item([relation.element(), value_type("UIDREF"), concept_name(title), string(tags::UID, VR::UI, uid)])
}

/// References to the scan's objects.
pub(super) fn images(reference: &DicomReference) -> Vec<Item> {
    let image = |instance| {
        let instance = sequence(tags::REFERENCED_SOP_SEQUENCE, vec![instance]);
        item([Relation::Contains.element(), value_type("IMAGE"), instance])
    };
    referenced(reference).into_iter().map(image).collect()
}

/// A measured value with its properties.
pub(super) fn number(relation: Relation, title: Code, value: f64, unit: Code, properties: Vec<Item>) -> Item {
    let measured = item([
        string(tags::NUMERIC_VALUE, VR::DS, decimal(value)),
        unit.sequence(tags::MEASUREMENT_UNITS_CODE_SEQUENCE),
    ]);
    let mut number = item([
        relation.element(),
        value_type("NUM"),
        concept_name(title),
        sequence(tags::MEASURED_VALUE_SEQUENCE, vec![measured]),
    ]);
    if !properties.is_empty() {
        number.put(sequence(tags::CONTENT_SEQUENCE, properties));
    }
    number
}

/// The derivation of a value from many.
pub(super) fn derived(how: Code) -> Item {
    coded(Relation::Modifies, codes::DERIVATION, how)
}

/// The eye as the finding site, with its side if known.
pub(super) fn site(eye: Option<octrls_core::scan::Eye>) -> Item {
    let mut site = coded(Relation::Modifies, codes::FINDING_SITE, codes::EYE);
    if let Some(eye) = eye {
        let side = coded(Relation::Modifies, codes::LATERALITY, codes::laterality(eye));
        site.put(sequence(tags::CONTENT_SEQUENCE, vec![side]));
    }
    site
}
