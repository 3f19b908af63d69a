//! Batches: which scan is drawn, how it is varied, and the tensors that the network and the loss take.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use burn::prelude::*;
use octrls::{layer::CLASSES, measure::accuracy::IGNORE};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    augment::{Crop, Frame, negative, vary},
    data::{BELOW, Sample, phantom},
    loss::{Target, counts},
};

/// Batches that wait for the training step.
const PREFETCHED: usize = 4;

/// What a batch is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchOptions {
    /// Crops in a batch.
    pub size: usize,
    /// Columns of a crop.
    pub width: usize,
    /// Rows of a crop.
    pub height: usize,
    /// Share of crops from phantoms.
    pub phantom_share: f64,
    /// Share of crops that show no retina.
    pub negative_share: f64,
    /// Seed of all that is drawn.
    pub seed: u64,
}

/// Somewhere labelled scans can be drawn from.
pub trait ScanSource: Send + Sync {
    /// Draws one scan.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Arc<Frame>;
}

/// Real scans: every set is equally likely, then every subject of the set, then every scan of the subject.
pub struct RealScans {
    sets: Vec<Vec<Vec<Arc<Frame>>>>,
}

impl RealScans {
    /// Takes the samples of the training part.
    #[must_use]
    pub fn new(samples: &[Sample]) -> Self {
        let mut sets: BTreeMap<&str, BTreeMap<&str, Vec<Arc<Frame>>>> = BTreeMap::new();
        for s in samples {
            sets.entry(&s.set).or_default().entry(&s.subject).or_default().push(Arc::new(Frame::of(s)));
        }
        Self { sets: sets.into_values().map(|subjects| subjects.into_values().collect()).collect() }
    }
}

impl ScanSource for RealScans {
    fn draw(&self, rng: &mut ChaCha8Rng) -> Arc<Frame> {
        let set = self.sets.choose(rng);
        let frame = set.and_then(|s| s.choose(rng)).and_then(|s| s.choose(rng));
        frame.cloned().expect("a training part has samples")
    }
}

/// Phantoms, a new one each time.
pub struct Phantoms;

impl ScanSource for Phantoms {
    fn draw(&self, rng: &mut ChaCha8Rng) -> Arc<Frame> {
        Arc::new(Frame::of(&phantom(rng.random())))
    }
}

/// Draws and varies crops.
pub struct Sampler {
    options: BatchOptions,
    real: Box<dyn ScanSource>,
    phantom: Option<Box<dyn ScanSource>>,
}

impl Sampler {
    /// A sampler; without phantoms, their share falls to the real scans.
    #[must_use]
    pub fn new(options: BatchOptions, real: Box<dyn ScanSource>, phantom: Option<Box<dyn ScanSource>>) -> Self {
        Self { options, real, phantom }
    }

    /// The crops of batch number `step`; the same for the same seed.
    #[must_use]
    pub fn crops(&self, step: u64) -> Vec<Crop> {
        let BatchOptions { size, width, height, phantom_share, negative_share, seed } = self.options;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step);
        (0..size)
            .map(|_| {
                let phantom = self.phantom.as_ref().filter(|_| rng.random_bool(phantom_share));
                let frame = phantom.unwrap_or(&self.real).draw(&mut rng);
                if rng.random_bool(negative_share) {
                    negative(&frame, width, height, &mut rng)
                } else {
                    vary(&frame, width, height, &mut rng)
                }
            })
            .collect()
    }

    /// Makes batches from number `first` on in a thread of its own, a few ahead.
    ///
    /// The thread ends when the receiver is dropped.
    #[must_use]
    pub fn prefetch(self, first: u64) -> Receiver<Batch> {
        let (sender, receiver) = sync_channel(PREFETCHED);
        thread::spawn(move || {
            for step in first.. {
                if sender.send(Batch::new(&self.crops(step))).is_err() {
                    break;
                }
            }
        });
        receiver
    }
}

/// A batch in plain memory, ready to become tensors.
pub struct Batch {
    shape: [usize; 3],
    input: Vec<f32>,
    allowed: Vec<f32>,
    exact: Vec<f32>,
    labelled: Vec<f32>,
    layers: Vec<f32>,
}

impl Batch {
    /// Joins crops of one size.
    ///
    /// # Panics
    /// When there is no crop or the crops differ in size.
    #[must_use]
    pub fn new(crops: &[Crop]) -> Self {
        let (width, height) = (crops[0].width, crops[0].height);
        let pixels = width * height;
        let mut batch = Self {
            shape: [crops.len(), height, width],
            input: Vec::with_capacity(crops.len() * pixels),
            allowed: vec![0.0; crops.len() * CLASSES * pixels],
            exact: Vec::with_capacity(crops.len() * pixels),
            labelled: Vec::with_capacity(crops.len() * pixels),
            layers: Vec::with_capacity(crops.len() * CLASSES),
        };
        for (crop, allowed) in crops.iter().zip(batch.allowed.chunks_exact_mut(CLASSES * pixels)) {
            assert_eq!((crop.width, crop.height), (width, height), "crops of one batch have one size");
            batch.input.extend(&crop.input);
            batch.exact.extend(crop.codes.iter().map(|&c| f32::from(u8::from(usize::from(c) < CLASSES))));
            batch.labelled.extend(crop.codes.iter().map(|&c| f32::from(u8::from(c != IGNORE))));
            batch.layers.extend((0..CLASSES).map(|c| f32::from(u8::from(counts(c, crop.choroid_labelled)))));
            for (i, &code) in crop.codes.iter().enumerate() {
                match code {
                    IGNORE => (0..CLASSES).for_each(|c| allowed[c * pixels + i] = 1.0),
                    BELOW => [0, CLASSES - 1].into_iter().for_each(|c| allowed[c * pixels + i] = 1.0),
                    class => allowed[usize::from(class) * pixels + i] = 1.0,
                }
            }
        }
        batch
    }

    /// The input `[N, 1, H, W]` and the target on `device`.
    #[must_use]
    pub fn into_tensors(self, device: &Device) -> (Tensor<4>, Target) {
        let [n, h, w] = self.shape;
        let tensor = |values, channels| Tensor::from_data(TensorData::new(values, [n, channels, h, w]), device);
        let target = Target {
            allowed: tensor(self.allowed, CLASSES),
            exact: tensor(self.exact, 1),
            labelled: tensor(self.labelled, 1),
            layers: Tensor::from_data(TensorData::new(self.layers, [n, CLASSES, 1, 1]), device),
        };
        (tensor(self.input, 1), target)
    }
}
