use dicom_core::{DataElement, PrimitiveValue, Tag, VR, smallvec::SmallVec, value::DataSetSequence};

use super::*;

type Element = DataElement<InMemDicomObject>;

fn numbers_of(tag: Tag, values: &[f64]) -> Element {
    let text: Vec<String> = values.iter().map(f64::to_string).collect();
    DataElement::new(tag, VR::DS, PrimitiveValue::Strs(text.into()))
}

fn string(tag: Tag, value: &str) -> Element {
    DataElement::new(tag, VR::CS, PrimitiveValue::from(value))
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> Element {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

fn object(elements: impl IntoIterator<Item = Element>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

fn table(descriptor: [u16; 3], data: &[u16]) -> InMemDicomObject {
    let words = |v: &[u16]| PrimitiveValue::U16(SmallVec::from_slice(v));
    object([
        DataElement::new(tags::LUT_DESCRIPTOR, VR::US, words(&descriptor)),
        DataElement::new(tags::LUT_DATA, VR::US, words(data)),
    ])
}

/// Intensities of one frame of `values` of 16 bits.
fn shown(elements: impl IntoIterator<Item = Element>, values: &[f32], possible: (f32, f32)) -> Vec<f32> {
    let intensity = Intensity::of(&object(elements), 1);
    let stored = Stored { values: values.to_vec(), possible };
    let shown = Intensity::shown(&[(&intensity, 0, &stored)]);
    intensity.display(0, values, shown)
}

const WORDS: (f32, f32) = (0.0, 65_535.0);
const BYTES: (f32, f32) = (0.0, 255.0);

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32]) {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "{found:?} for {expected:?}");
}

#[test]
fn without_a_window_the_depth_or_the_range_of_values_counts() {
    assert_near(&shown([], &[0.0, 51.0, 255.0], BYTES), &[0.0, 0.2, 1.0]);
    assert_near(&shown([], &[0.0, 25.0, 100.0], WORDS), &[0.0, 0.25, 1.0]);
    assert_near(&shown([], &[20_000.0, 20_025.0, 20_100.0], WORDS), &[0.0, 0.25, 1.0]);
    assert_near(&shown([], &[-50.0, 0.0, 50.0], (-32_768.0, 32_767.0)), &[0.0, 0.5, 1.0]);
    assert_near(&shown([], &[0.0, 13_107.0, 65_535.0], WORDS), &[0.0, 0.2, 1.0]);
    assert_near(&shown([], &[7.0, 7.0], BYTES), &[7.0 / 255.0; 2]);
    assert_near(&shown([], &[0.0, 0.0], WORDS), &[0.0; 2]);
}

#[test]
fn a_hot_pixel_and_padding_do_not_darken_the_others() {
    let mut values: Vec<f32> = (0..5000).map(|i| (i % 101) as f32).collect();
    values[7] = 65_535.0;
    let found = shown([], &values, WORDS);
    assert_near(&found[48..52], &[0.48, 0.49, 0.5, 0.51]);
    assert_near(&found[7..8], &[1.0]);
    let padded: Vec<f32> = values.iter().enumerate().map(|(i, &v)| if i < 2000 { 60_000.0 } else { v }).collect();
    let padding = DataElement::new(tags::PIXEL_PADDING_VALUE, VR::US, PrimitiveValue::from(60_000_u16));
    assert_near(&shown([padding], &padded, WORDS)[2070..2072], &[0.5, 0.51]);
}

#[test]
fn windows_of_all_functions() {
    let window = |centre: f64, width: f64| {
        [numbers_of(tags::WINDOW_CENTER, &[centre, 7.0]), numbers_of(tags::WINDOW_WIDTH, &[width, 9.0])]
    };
    let function = |name: &str| string(tags::VOILUT_FUNCTION, name);
    let values = [0.0, 40.0, 50.0, 60.0, 200.0];
    let linear = shown(window(50.5, 101.0), &values, BYTES);
    assert_near(&linear, &[0.0, 0.4, 0.5, 0.6, 1.0]);
    let exact = shown(window(50.0, 100.0).into_iter().chain([function("LINEAR_EXACT")]), &values, BYTES);
    assert_near(&exact, &[0.0, 0.4, 0.5, 0.6, 1.0]);
    let sigmoid = shown(window(50.0, 100.0).into_iter().chain([function("SIGMOID")]), &values, BYTES);
    assert_near(&sigmoid, &[0.119_20, 0.401_31, 0.5, 0.598_69, 0.997_53]);
    // The window is one of rescaled values.
    let rescaled =
        window(5.05, 10.1).into_iter().chain([numbers_of(tags::RESCALE_SLOPE, &[0.1]), function("LINEAR_EXACT")]);
    assert_near(&shown(rescaled, &[0.0, 50.5, 101.0], BYTES), &[0.0, 0.5, 1.0]);
    let fraction = window(0.5, 1.0).into_iter().chain([numbers_of(tags::RESCALE_SLOPE, &[1.0 / 255.0])]);
    assert_near(&shown(fraction, &[0.0, 51.0, 255.0], BYTES), &[0.0, 0.2, 1.0]);
}

#[test]
fn a_window_that_shows_nothing_is_not_used() {
    let window = |centre: f64, width: f64| {
        [numbers_of(tags::WINDOW_CENTER, &[centre]), numbers_of(tags::WINDOW_WIDTH, &[width])]
    };
    let by_range = [0.0, 0.25, 1.0];
    for (centre, width) in [(128.0, 256.0), (50_000.0, 10_000.0), (5.0, 0.0), (5.0, -3.0), (f64::NAN, 10.0)] {
        let found = shown(window(centre, width), &[1000.0, 5250.0, 18_000.0], WORDS);
        assert_near(&found, &by_range);
    }
    // So wide that all is black.
    assert_near(&shown(window(32_768.0, 65_536.0), &[0.0, 25.0, 100.0], WORDS), &by_range);
}

#[test]
fn numbers_too_large_to_mean_anything_count_as_missing() {
    let values = [0.0, 51.0, 255.0];
    for (tag, number) in [
        (tags::RESCALE_SLOPE, 2.0_f64.powi(1023)),
        (tags::RESCALE_SLOPE, -1e38),
        (tags::RESCALE_INTERCEPT, 1e300),
        (tags::WINDOW_CENTER, 1e300),
    ] {
        let width = numbers_of(tags::WINDOW_WIDTH, &[1e5]);
        assert_near(&shown([numbers_of(tag, &[number]), width], &values, BYTES), &[0.0, 0.2, 1.0]);
    }
}

#[test]
fn slopes_and_tables_come_before_the_window() {
    let negative = [numbers_of(tags::RESCALE_SLOPE, &[-1.0]), numbers_of(tags::RESCALE_INTERCEPT, &[255.0])];
    assert_near(&shown(negative, &[255.0, 204.0, 0.0], BYTES), &[0.0, 0.2, 1.0]);
    let none = [numbers_of(tags::RESCALE_SLOPE, &[0.0])];
    assert_near(&shown(none, &[0.0, 51.0, 255.0], BYTES), &[0.0, 0.2, 1.0]);
    let modality = [sequence(tags::MODALITY_LUT_SEQUENCE, vec![table([3, 0, 16], &[300, 100, 200])])];
    assert_near(&shown(modality, &[0.0, 1.0, 2.0], BYTES), &[1.0, 0.0, 0.5]);
    let voi = [sequence(tags::VOILUT_SEQUENCE, vec![table([3, 10, 8], &[0, 51, 255])])];
    assert_near(&shown(voi, &[0.0, 10.0, 11.0, 99.0], BYTES), &[0.0, 0.0, 0.2, 1.0]);
}

#[test]
fn large_values_are_dark_if_one_or_both_elements_say_so() {
    let monochrome = || string(tags::PHOTOMETRIC_INTERPRETATION, "MONOCHROME1");
    let shape = || string(tags::PRESENTATION_LUT_SHAPE, "INVERSE");
    for elements in [vec![monochrome()], vec![shape()], vec![monochrome(), shape()]] {
        assert_near(&shown(elements, &[0.0, 51.0, 255.0], BYTES), &[1.0, 0.8, 0.0]);
    }
    let identity = [string(tags::PRESENTATION_LUT_SHAPE, "IDENTITY")];
    assert_near(&shown(identity, &[0.0, 51.0, 255.0], BYTES), &[0.0, 0.2, 1.0]);
}

#[test]
fn frames_have_their_own_slopes_and_windows() {
    let group = |slope: f64, centre: f64| {
        let transformation = object([numbers_of(tags::RESCALE_SLOPE, &[slope])]);
        let window = object([
            numbers_of(tags::WINDOW_CENTER, &[centre]),
            numbers_of(tags::WINDOW_WIDTH, &[100.0]),
            string(tags::VOILUT_FUNCTION, "LINEAR_EXACT"),
        ]);
        object([
            sequence(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, vec![transformation]),
            sequence(tags::FRAME_VOILUT_SEQUENCE, vec![window]),
        ])
    };
    let frames = sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![group(1.0, 50.0), group(2.0, 100.0)]);
    let intensity = Intensity::of(&object([frames]), 2);
    let stored = Stored { values: vec![0.0, 25.0, 50.0, 75.0, 100.0], possible: BYTES };
    let shown = Intensity::shown(&[(&intensity, 0, &stored), (&intensity, 1, &stored)]);
    assert_near(&intensity.display(0, &stored.values, shown), &[0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_near(&intensity.display(1, &stored.values, shown), &[0.0, 0.0, 0.5, 1.0, 1.0]);
}
