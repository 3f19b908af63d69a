//! Tests of import: an exported network, read back, computes the same, with or without batch normalisations.

mod common;

use std::path::Path;

use burn::prelude::*;
use common::{description, input, model};
use octrls_core::network::Network;
use octrls_training::{
    ablation::Ablation,
    augment::{Frame, plain_crop},
    data::phantom,
    device::device,
    export::{Description, Precision, export},
    import::{ImportError, Imported},
    model::{UNet, UNetConfig},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SIDES: [usize; 2] = [48, 64];

fn tensor(values: &[f32], device: &Device) -> Tensor<4> {
    let [width, height] = SIDES;
    Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, height, width]), device)
}

fn output(model: &UNet, device: &Device) -> Vec<f32> {
    let scores = model.forward(tensor(&input(SIDES), device));
    let outputs = [Some(scores.layers), scores.lesions].into_iter().flatten();
    outputs.flat_map(|scores| scores.into_data().try_to_vec::<f32>().expect("floats")).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn exported(model: &UNet) -> Vec<u8> {
    export(model, &description(SIDES)).expect("an exportable network")
}

/// With weights of 16 bits.
fn halved(model: &UNet) -> Vec<u8> {
    export(model, &Description { precision: Precision::Half, ..description(SIDES) }).expect("an exportable network")
}

fn imported(bytes: &[u8]) -> Imported {
    Imported::from_bytes(bytes, &device()).expect("an exported network")
}

#[test]
fn import_restores_the_exported_network() {
    let source = model(UNetConfig { width: 6, batch_norm: true, lesions: true });
    let bytes = exported(&source);
    let back = imported(&bytes);
    assert_eq!((back.config.width, back.metadata.ez_shift), (6, 6.0));
    assert!(largest_difference(&output(&source, &device()), &output(&back.model, &device())) < 1e-4);
    let sha = |bytes: &[u8]| Network::from_bytes(bytes).expect("a model").metadata().weights_sha256.clone();
    assert_eq!(sha(&exported(&back.model)), sha(&bytes), "exported again, it has the same weights");
}

#[test]
fn import_restores_16_bit_weights() {
    let source = model(UNetConfig { width: 6, batch_norm: true, lesions: true });
    let bytes = halved(&source);
    let back = imported(&bytes);
    assert!(largest_difference(&output(&source, &device()), &output(&back.model, &device())) < 1e-2);
    let network = Network::from_bytes(&bytes).expect("a model that the runtime loads");
    let runtime = network.run_input(&input(SIDES)).expect("a run");
    assert!(largest_difference(&output(&back.model, &device()), runtime.values()) < 1e-4, "both use the same weights");
    let sha = |bytes: &[u8]| Network::from_bytes(bytes).expect("a model").metadata().weights_sha256.clone();
    assert_eq!(sha(&halved(&back.model)), sha(&bytes), "exported again, it has the same weights");
}

#[test]
fn recreated_normalisations_keep_the_output() {
    let back = imported(&exported(&model(UNetConfig { width: 6, batch_norm: true, lesions: true }))).model;
    let before = output(&back, &device());
    let normed = back.clone().with_norms(&[tensor(&input(SIDES), &device())]);
    assert!(largest_difference(&before, &output(&normed, &device())) < 1e-4);
    let network = Network::from_bytes(&exported(&normed)).expect("a model that the runtime loads");
    let again = network.run_input(&input(SIDES)).expect("a run");
    assert!(largest_difference(&before, again.values()) < 1e-4);

    // In training a normalisation uses the statistics of its batch; here they are those that were measured.
    let device = device().autodiff();
    let config = UNetConfig { width: 6, batch_norm: true, lesions: true };
    let training = config.init(&device).load_record(normed.into_record());
    assert!(largest_difference(&before, &output(&training, &device)) < 1e-3);
}

#[test]
fn rejects_files_of_other_networks() {
    let bytes = exported(&model(UNetConfig { width: 4, batch_norm: false, lesions: true }));
    let error = |bytes: &[u8]| Imported::from_bytes(bytes, &device()).expect_err("no network");
    assert!(matches!(error(b"not a model"), ImportError::Decode(_)));
    assert!(matches!(error(&[]), ImportError::Metadata(_)));
    let renamed = |from: &str, to: &str| {
        let mut bytes = bytes.clone();
        while let Some(at) = bytes.windows(from.len()).position(|w| w == from.as_bytes()) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
        bytes
    };
    for (weight, other) in [("head.weight", "tail.weight"), ("up.1.bias", "up.9.bias")] {
        assert!(matches!(error(&renamed(weight, other)), ImportError::MissingWeight(name) if name == weight));
    }
}

#[test]
fn shipped_models_import_and_keep_their_weights() {
    for name in ["unet-640", "edge"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../models/{name}.onnx"));
        let shipped = Imported::read(&path, &device()).expect("a shipped model");
        let again = Network::from_bytes(&halved(&shipped.model)).expect("a model").metadata().weights_sha256.clone();
        assert_eq!(again, shipped.metadata.weights_sha256, "{name}");

        let crops: Vec<_> = (0..4).map(crop).collect();
        let normed = shipped.model.clone().with_norms(&crops);
        for crop in crops {
            let logits =
                |model: &UNet| model.forward(crop.clone()).layers.into_data().try_to_vec::<f32>().expect("floats");
            let difference = largest_difference(&logits(&shipped.model), &logits(&normed));
            assert!(difference < 1e-4, "{name}: {difference}");
        }
    }
}

/// A crop of a phantom.
fn crop(seed: u64) -> Tensor<4> {
    let [width, height] = [64, 96];
    let frame = Frame::of(&phantom(seed));
    let crop = plain_crop(&frame, width, height, Ablation::default(), &mut ChaCha8Rng::seed_from_u64(seed));
    Tensor::from_data(TensorData::new(crop.input, [1, 1, height, width]), &device())
}
