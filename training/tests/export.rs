//! Tests of export: the runtime computes what Burn computes.

mod common;

use burn::{module::Module, prelude::*};
use common::{SetVectors, description, input, model};
use octrls_core::{
    network::{Calibration, InputSize, Network},
    scan::BScan,
};
use octrls_training::{
    device::device,
    export::{Description, ExportError, Precision, blend, export, halve},
    model::{UNet, UNetConfig},
};

fn largest_difference(config: UNetConfig, width: usize, height: usize) -> f32 {
    let model = model(config);
    let input = input([width, height]);
    let data = TensorData::new(input.clone(), [1, 1, height, width]);
    let scores = model.forward(Tensor::from_data(data, &device()));
    let outputs = [Some(scores.layers), scores.lesions].into_iter().flatten();
    let burn: Vec<f32> =
        outputs.flat_map(|scores| scores.into_data().try_to_vec::<f32>().expect("floats")).collect();

    let bytes = export(&model, &description([width, height])).expect("an exportable network");
    let network = Network::from_bytes(&bytes).expect("a model that the runtime loads");
    let onnx = network.run_input(&input).expect("a run");
    assert_eq!(onnx.values().len(), burn.len());
    assert!(burn.iter().any(|v| (v - burn[0]).abs() > 1e-2), "the output is constant");
    onnx.values().iter().zip(&burn).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn runtime_matches_burn() {
    let difference = largest_difference(UNetConfig::default(), 48, 64);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn a_network_without_lesions_has_one_output() {
    let difference = largest_difference(UNetConfig { lesions: false, ..UNetConfig::default() }, 48, 64);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn runtime_matches_burn_without_batch_normalisation() {
    let difference = largest_difference(UNetConfig { width: 4, batch_norm: false, lesions: true }, 32, 16);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn file_has_its_metadata_and_weight_digest() {
    let config = UNetConfig { width: 4, batch_norm: true, lesions: true };
    let metadata = |model: &UNet| {
        let bytes = export(model, &description([32, 32])).expect("an exportable network");
        Network::from_bytes(&bytes).expect("a model that the runtime loads").metadata().clone()
    };
    let model = model(config);
    let one = metadata(&model);
    assert_eq!(
        (one.name.as_str(), one.calibration.temperature, one.input),
        ("test", 1.25, InputSize { width: 32, height: 32 })
    );
    assert_eq!(one.weights_sha256, metadata(&model).weights_sha256);
    let other = model.map(&mut SetVectors(1.0));
    assert_ne!(one.weights_sha256, metadata(&other).weights_sha256);
}

#[test]
fn halving_a_file_equals_exporting_at_half_precision() {
    let model = model(UNetConfig { width: 4, batch_norm: true, lesions: true });
    let single = export(&model, &description([32, 32])).expect("an exportable network");
    let half = Description { precision: Precision::Half, ..description([32, 32]) };
    let half = export(&model, &half).expect("an exportable network");
    let digest = |file: &[u8]| Network::from_bytes(file).expect("a model").metadata().weights_sha256.clone();
    assert_eq!(digest(&halve(&single, None).expect("an exported file")), digest(&half));
    assert_ne!(digest(&single), digest(&half));
    let newer = halve(&single, Some("7")).expect("an exported file");
    assert_eq!(Network::from_bytes(&newer).expect("a model").metadata().version, "7");
    assert!(halve(&half, None).expect("an exported file") == half, "nothing to convert");
    assert!(half.len() < single.len() * 2 / 3, "{} of {} bytes", half.len(), single.len());
    assert!(matches!(halve(b"not a model", None), Err(ExportError::NotExported(_))));
}

#[test]
fn blend_differs_from_its_networks_and_is_uncalibrated() {
    let of = |width: usize| {
        let model = model(UNetConfig { width, batch_norm: true, lesions: true });
        export(&model, &description([32, 32])).expect("an exportable network")
    };
    let (first, second) = (of(4), of(4));
    let run = |file: &[u8]| {
        let network = Network::from_bytes(file).expect("a model");
        (network.metadata().calibration, network.metadata().weights_sha256.clone())
    };
    let itself = blend(&first, &[first.clone(), first.clone()], None).expect("alike");
    assert_eq!(run(&itself).1, run(&first).1);
    let between = blend(&first, std::slice::from_ref(&second), Some("7")).expect("alike");
    assert_eq!(run(&between).0, Calibration::default());
    assert!(run(&between).1 != run(&first).1 && run(&between).1 != run(&second).1);
    assert_eq!(Network::from_bytes(&between).expect("a model").metadata().version, "7");
    assert!(matches!(blend(&first, &[of(8)], None), Err(ExportError::Mismatch(_))));
    assert!(matches!(blend(&first, &[b"not a model".to_vec()], None), Err(ExportError::NotExported(_))));
}

#[test]
fn export_leaves_the_network_trainable() {
    let config = UNetConfig { width: 4, batch_norm: true, lesions: true };
    let model = config.init(&device().autodiff());
    let _ = export(&model, &description([32, 32])).expect("an exportable network");
    let x = Tensor::<4>::ones([1, 1, 32, 32], &device().autodiff());
    let _ = model.forward(x).layers.sum().backward();
}

#[test]
fn rejects_an_input_size_off_the_stride() {
    let model = UNetConfig { width: 4, batch_norm: true, lesions: true }.init(&device());
    assert!(matches!(export(&model, &description([40, 32])), Err(ExportError::InputSize { .. })));
}

#[test]
fn runtime_runs_an_exported_network_on_a_scan() {
    let bytes = export(&model(UNetConfig { width: 4, batch_norm: true, lesions: true }), &description([64, 448])).expect("exportable");
    let network = Network::from_bytes(&bytes).expect("a model that the runtime loads");
    let bscan = BScan { width: 50, height: 420, intensity: (0..21_000).map(|i| (i % 97) as f32 / 97.0).collect() };
    let (logits, placement) = network.run(&bscan).expect("a run");
    assert_eq!((logits.width(), placement.width, placement.height), (64, 50, 420));
}
