//! Tests of training: runs, resumed runs, and the files that other commands need.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use octrls_core::{
    layer::LAYERS,
    network::{Calibration, InputSize},
    scan::BScan,
};
use octrls_training::{
    batch::{BatchOptions, RealScans, Sampler, SetWeights},
    data::Sample,
    device::device,
    export::{Description, Precision, export},
    model::UNetConfig,
    train::{Budget, Epoch, RunDir, Schedule, Settings, Trainer},
};

const SIDE: usize = 64;

/// Bands of five rows, each brighter than the one above, from row 12 on.
fn sample() -> Sample {
    let class = |y: usize| y.checked_sub(12).map_or(0, |d| d / 5 + 1);
    let class = |y: usize| if class(y) < LAYERS { class(y) } else { 0 };
    let rows = |of: &dyn Fn(usize) -> f32| (0..SIDE * SIDE).map(|i| of(i / SIDE)).collect::<Vec<_>>();
    let intensity = rows(&|y| class(y) as f32 / 8.0);
    let mask = (0..SIDE * SIDE).map(|i| class(i / SIDE) as u8).collect();
    Sample { set: "bands".to_owned(), ..Sample::new(BScan { width: SIDE, height: SIDE, intensity }, mask) }
}

fn settings(steps: u64, peak: f64) -> Settings {
    Settings {
        network: UNetConfig { width: 2, batch_norm: true, lesions: true },
        batch: BatchOptions {
            size: 1,
            width: SIDE,
            height: SIDE,
            phantom_share: 0.0,
            negative_share: 0.0,
            plain_share: 0.5,
            seed: 7,
            ..BatchOptions::default()
        },
        schedule: Schedule { budget: Budget::Steps(steps), peak, warm_up: 1 },
        epoch_steps: 2,
        validate_every: 1,
        ..Settings::default()
    }
}

fn train(dir: &Path, settings: Settings, resume: bool) -> Vec<Epoch> {
    let stop = Arc::new(AtomicBool::new(false));
    let samples = [sample()];
    let sampler = Sampler::new(settings.batch, Box::new(RealScans::new(&samples, &SetWeights::new())), None);
    let trainer = if resume {
        Trainer::resume(settings, RunDir::open(dir).expect("a run"), &device(), stop)
    } else {
        Trainer::start(settings, RunDir::create(dir).expect("a new run"), &device(), stop)
    };
    trainer.expect("a trainer").run(sampler, &samples).expect("a training")
}

#[test]
fn resumes_a_run_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("run");
    let first = train(&dir, settings(4, 1e-3), false);
    assert_eq!(first.iter().map(|e| e.step).collect::<Vec<_>>(), [2, 4]);
    assert!(RunDir::create(&dir).is_err(), "a run is not overwritten");

    let run = RunDir::open(&dir).expect("a run");
    assert!(run.state().expect("a state").finished);
    let all = train(&dir, settings(2, 5e-4), true);
    assert_eq!(all.iter().map(|e| e.step).collect::<Vec<_>>(), [2, 4, 6]);
    for epoch in &all {
        let validation = epoch.validation.as_ref().expect("a validation every epoch");
        assert!(epoch.cross_entropy.is_finite() && (0.0..=1.0).contains(&validation.dice));
    }
    for name in ["best.bpk", "average.bpk", "last.bpk"] {
        assert!(run.read_model(name, &settings(2, 1e-3).network, &device()).is_ok(), "{name}");
    }
    for name in ["report.json", "loss.svg", "accuracy.svg", "layers.svg"] {
        assert!(run.file(name).exists(), "{name}");
    }
}

#[test]
fn rejects_resuming_with_another_network() {
    let folder = tempfile::tempdir().expect("a folder");
    train(folder.path(), settings(1, 1e-3), false);
    let other = Settings { network: UNetConfig { width: 4, batch_norm: true, lesions: true }, ..settings(1, 1e-3) };
    let run = RunDir::open(folder.path()).expect("a run");
    assert!(Trainer::resume(other, run, &device(), Arc::new(AtomicBool::new(false))).is_err());
}

/// Writes the best weights of the run in `dir` as an ONNX file.
fn exported(dir: &Path, network: &UNetConfig) -> PathBuf {
    let model = RunDir::open(dir).and_then(|run| run.read_model("best.bpk", network, &device())).expect("weights");
    let description = Description {
        name: "test".to_owned(),
        version: "1".to_owned(),
        calibration: Calibration::default(),
        ez_shift: 6.0,
        training_data: "bands".to_owned(),
        input: InputSize { width: SIDE, height: SIDE },
        precision: Precision::default(),
    };
    let path = dir.join("network.onnx");
    std::fs::write(&path, export(&model, &description).expect("an exportable network")).expect("a file");
    path
}

#[test]
fn trains_from_and_with_an_exported_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = train(&folder.path().join("first"), settings(40, 1e-3), false);
    let accuracy = |epoch: &Epoch| epoch.validation.as_ref().expect("a validation").pixel_accuracy;
    let reached = first.last().map(accuracy).expect("an epoch");
    let file = exported(&folder.path().join("first"), &settings(1, 1e-3).network);
    let continued = Settings { from: Some(file.clone()), ..settings(2, 1e-9) };
    let second = train(&folder.path().join("second"), continued, false);
    // `import` tests the weights themselves. The output of a network this small depends on its batch statistics.
    let kept = accuracy(&second[0]);
    assert!((kept - reached).abs() < 0.2, "{reached} {kept}");
    let taught = Settings { teacher: Some(file), ..settings(2, 1e-3) };
    let third = train(&folder.path().join("third"), taught, false);
    assert!(third[0].distillation.is_some_and(|i| i > 0.0 && i.is_finite()));
}
