//! Batches: draws scans, varies them, and builds the tensors for the network and the loss.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use burn::prelude::*;
use octrls_core::{
    layer::{CLASSES, EzConvention, Layer},
    lesion::LESION_CLASSES,
};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    ablation::{Ablation, RecipeStep},
    augment::{Crop, Frame, negative_crop, plain_crop, varied_crop},
    data::{PixelLabel, Sample, phantom},
    loss::{Allowed, Target},
};

/// Number of batches prepared ahead.
const PREFETCHED: usize = 4;

/// Composition of a batch.
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
    /// Share of crops without a retina.
    pub negative_share: f64,
    /// Share of the other crops that are used as scanned, without variation.
    #[serde(default)]
    pub plain_share: f64,
    /// Seed of all draws.
    pub seed: u64,
    /// Steps to leave out.
    #[serde(default, rename = "without", skip_serializing_if = "Ablation::is_empty")]
    pub ablation: Ablation,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            size: 2,
            width: 224,
            height: 320,
            phantom_share: 0.2,
            negative_share: 0.05,
            plain_share: 0.4,
            seed: 1,
            ablation: Ablation::default(),
        }
    }
}

/// A source of labelled scans.
pub trait ScanSource: Send + Sync {
    /// Draws one scan.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Arc<Frame>;
}

/// Real scans. Draws a set by its weight (equal by default), then a subject by the square root of its number of scans,
/// then any scan of the subject. Thus a subject with a single scan neither vanishes nor is overfitted. For a share of
/// the draws, a lesion is drawn first, each as likely, then a set by its weight, and then any of its scans that shows the
/// lesion. Thus no set's way of drawing a lesion outweighs the others.
pub struct RealScans {
    sets: Vec<SetScans>,
    /// The scans with each lesion that occurs, by set.
    lesions: Vec<Vec<LesionScans>>,
}

/// Share of the draws that start from a lesion.
const LESION_SHARE: f64 = 0.3;

/// The scans of a set, grouped by subject.
struct SetScans {
    weight: f64,
    subjects: Vec<Vec<Arc<Frame>>>,
}

/// The scans of a set that show a lesion.
struct LesionScans {
    weight: f64,
    scans: Vec<Arc<Frame>>,
}

/// Weight of each set by name; 1 if missing.
pub type SetWeights = BTreeMap<String, f64>;

impl RealScans {
    /// Uses the given samples, balanced by set and subject.
    #[must_use]
    pub fn new(samples: &[Sample], weights: &SetWeights) -> Self {
        let mut sets: BTreeMap<&str, BTreeMap<&str, Vec<Arc<Frame>>>> = BTreeMap::new();
        let weight = |name: &str| weights.get(name).copied().unwrap_or(1.0);
        let mut lesions = vec![BTreeMap::<&str, Vec<Arc<Frame>>>::new(); LESION_CLASSES];
        for s in samples {
            let frame = Arc::new(Frame::of(s));
            for (class, frames) in (0_u8..).zip(&mut lesions).skip(1) {
                if frame.labels.iter().any(|label| label.lesion() == Some(class)) {
                    frames.entry(&s.set).or_default().push(frame.clone());
                }
            }
            sets.entry(&s.set).or_default().entry(&s.subject).or_default().push(frame);
        }
        lesions.retain(|sets| !sets.is_empty());
        let lesion_scans = |(set, scans)| LesionScans { weight: weight(set), scans };
        let lesions = lesions.into_iter().map(|sets| sets.into_iter().map(lesion_scans).collect()).collect();
        let set = |(name, subjects): (&str, BTreeMap<&str, _>)| SetScans {
            weight: weight(name),
            subjects: subjects.into_values().collect(),
        };
        Self { sets: sets.into_iter().map(set).collect(), lesions }
    }

    /// Uses the given samples, each equally likely.
    #[must_use]
    pub fn unbalanced(samples: &[Sample]) -> Self {
        let frames = samples.iter().map(|s| Arc::new(Frame::of(s))).collect();
        Self { sets: vec![SetScans { weight: 1.0, subjects: vec![frames] }], lesions: Vec::new() }
    }
}

impl ScanSource for RealScans {
    fn draw(&self, rng: &mut ChaCha8Rng) -> Arc<Frame> {
        if !self.lesions.is_empty() && rng.random_bool(LESION_SHARE) {
            let sets = self.lesions.choose(rng);
            let set = sets.and_then(|sets| sets.choose_weighted(rng, |set| set.weight).ok());
            if let Some(frame) = set.and_then(|set| set.scans.choose(rng)) {
                return frame.clone();
            }
        }
        let set = self.sets.choose_weighted(rng, |s| s.weight).ok();
        let subject = set.and_then(|s| s.subjects.choose_weighted(rng, |scans| (scans.len() as f64).sqrt()).ok());
        let frame = subject.and_then(|s| s.choose(rng));
        frame.cloned().expect("a training part has samples")
    }
}

/// Phantoms, a new one per draw.
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
    /// A sampler; without phantoms, real scans take their share.
    #[must_use]
    pub fn new(options: BatchOptions, real: Box<dyn ScanSource>, phantom: Option<Box<dyn ScanSource>>) -> Self {
        Self { options, real, phantom }
    }

    /// The crops of batch number `step`, determined by the seed.
    #[must_use]
    pub fn crops(&self, step: u64) -> Vec<Crop> {
        let BatchOptions { size, width, height, seed, ablation, .. } = self.options;
        let share = |of, step| if ablation.omits(step) { 0.0 } else { of };
        let phantom_share = share(self.options.phantom_share, RecipeStep::Phantoms);
        let negative_share = share(self.options.negative_share, RecipeStep::Negatives);
        let plain_share = share(self.options.plain_share, RecipeStep::PlainCrops);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(step);
        (0..size)
            .map(|_| {
                let phantom = self.phantom.as_ref().filter(|_| rng.random_bool(phantom_share));
                let frame = phantom.unwrap_or(&self.real).draw(&mut rng);
                if rng.random_bool(negative_share) {
                    negative_crop(&frame, width, height, ablation, &mut rng)
                } else if rng.random_bool(plain_share) {
                    plain_crop(&frame, width, height, ablation, &mut rng)
                } else {
                    varied_crop(&frame, width, height, ablation, &mut rng)
                }
            })
            .collect()
    }

    /// Prepares batches in a thread, starting with number `first`, a few ahead.
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

/// A batch in main memory, ready to become tensors.
pub struct Batch {
    shape: [usize; 3],
    input: Vec<f32>,
    layers: Marks,
    lesions: Marks,
    conventions: Vec<EzConvention>,
}

/// The labels of one output: 0 or 1 for each class and pixel.
struct Marks {
    classes: usize,
    allowed: Vec<f32>,
    exact: Vec<f32>,
    labelled: Vec<f32>,
}

impl Marks {
    fn of(labels: &[&[PixelLabel]], classes: usize, allows: impl Fn(PixelLabel, usize) -> bool) -> Self {
        let pixels = labels[0].len();
        let mark = |holds: bool| f32::from(u8::from(holds));
        let count = |label: &PixelLabel| (0..classes).filter(|&c| allows(*label, c)).count();
        let mut allowed = Vec::with_capacity(labels.len() * classes * pixels);
        for labels in labels {
            for class in 0..classes {
                allowed.extend(labels.iter().map(|&label| mark(allows(label, class))));
            }
        }
        let counts: Vec<usize> = labels.iter().flat_map(|labels| labels.iter().map(count)).collect();
        let exact = counts.iter().map(|&n| mark(n == 1)).collect();
        Self { classes, allowed, exact, labelled: counts.iter().map(|&n| mark(n < classes)).collect() }
    }

    fn into_tensors(self, [n, h, w]: [usize; 3], device: &Device) -> Allowed {
        let tensor = |values, channels| Tensor::from_data(TensorData::new(values, [n, channels, h, w]), device);
        Allowed {
            allowed: tensor(self.allowed, self.classes),
            exact: tensor(self.exact, 1),
            labelled: tensor(self.labelled, 1),
        }
    }
}

impl Batch {
    /// Joins crops of equal size.
    ///
    /// # Panics
    /// If there are no crops or their sizes differ.
    #[must_use]
    pub fn new(crops: &[Crop]) -> Self {
        let (width, height) = (crops[0].width, crops[0].height);
        assert!(
            crops.iter().all(|crop| (crop.width, crop.height) == (width, height)),
            "crops of one batch have one size"
        );
        let labels: Vec<&[PixelLabel]> = crops.iter().map(|crop| crop.labels.as_slice()).collect();
        Self {
            shape: [crops.len(), height, width],
            input: crops.iter().flat_map(|crop| crop.input.iter().copied()).collect(),
            layers: Marks::of(&labels, CLASSES, PixelLabel::allows_layer),
            lesions: Marks::of(&labels, LESION_CLASSES, PixelLabel::allows_lesion),
            conventions: crops.iter().map(|c| c.ez).collect(),
        }
    }

    /// The input `[N, 1, H, W]` and the target on `device`. Conventions shift the score of the ellipsoid zone against
    /// that of the RPE by `ez_shift`.
    #[must_use]
    pub fn into_tensors(self, ez_shift: f32, device: &Device) -> (Tensor<4>, Target) {
        let [n, h, w] = self.shape;
        let mut bias = vec![0.0; n * CLASSES];
        for (bias, ez) in bias.chunks_exact_mut(CLASSES).zip(&self.conventions) {
            let half = ez.bias(ez_shift);
            bias[usize::from(Layer::Ez.class())] = half;
            bias[usize::from(Layer::Rpe.class())] = -half;
        }
        let target = Target {
            layers: self.layers.into_tensors(self.shape, device),
            lesions: self.lesions.into_tensors(self.shape, device),
            bias: Tensor::from_data(TensorData::new(bias, [n, CLASSES, 1, 1]), device),
        };
        (Tensor::from_data(TensorData::new(self.input, [n, 1, h, w]), device), target)
    }
}

#[cfg(test)]
mod tests {
    use octrls_core::scan::BScan;

    use super::*;
    use crate::data::BELOW_RPE;

    fn sample(set: &str, subject: &str, value: f32) -> Sample {
        let bscan = BScan { width: 1, height: 1, intensity: vec![value] };
        Sample { set: set.to_owned(), subject: subject.to_owned(), ..Sample::new(bscan, vec![1]) }
    }

    #[test]
    fn draws_balance_sets_and_subjects() {
        let many = (0..9).map(|_| sample("a", "many", 0.0));
        let samples: Vec<_> = many.chain([sample("a", "one", 0.5), sample("b", "x", 1.0)]).collect();
        assert_shares(&RealScans::new(&samples, &SetWeights::new()), [0.375, 0.125, 0.5]);
        let thrice = SetWeights::from([("b".to_owned(), 3.0)]);
        assert_shares(&RealScans::new(&samples, &thrice), [0.1875, 0.0625, 0.75]);
        assert_shares(&RealScans::unbalanced(&samples), [9.0 / 11.0, 1.0 / 11.0, 1.0 / 11.0]);
    }

    #[test]
    fn a_rare_lesion_is_drawn_often() {
        let many = (0..30).map(|_| sample("a", "healthy", 0.0));
        let ill = Sample { lesions: Some(vec![2]), ..sample("a", "healthy", 0.5) };
        let scans = RealScans::new(&many.chain([ill]).collect::<Vec<_>>(), &SetWeights::new());
        let share = LESION_SHARE as f32 + (1.0 - LESION_SHARE as f32) / 31.0;
        assert_shares(&scans, [1.0 - share, share, 0.0]);
    }

    #[test]
    fn sets_share_a_lesion_by_their_weights() {
        let ill = |set: &str, value| Sample { lesions: Some(vec![1]), ..sample(set, "ill", value) };
        let samples: Vec<_> = (0..20).map(|_| ill("a", 0.0)).chain([ill("b", 1.0)]).collect();
        assert_shares(&RealScans::new(&samples, &SetWeights::from([("b".to_owned(), 3.0)])), [0.25, 0.0, 0.75]);
    }

    /// Asserts the shares of draws of scans with intensity 0, 0.5 and 1.
    fn assert_shares(scans: &RealScans, expected: [f32; 3]) {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let drawn: Vec<f32> = (0..4000).map(|_| scans.draw(&mut rng).bscan.intensity[0]).collect();
        let share = |value: f32| drawn.iter().filter(|v| (**v - value).abs() < 0.1).count() as f32 / 4000.0;
        for (value, expected) in [0.0, 0.5, 1.0].into_iter().zip(expected) {
            assert!((share(value) - expected).abs() < 0.03, "{value}: {}", share(value));
        }
    }

    #[test]
    fn same_seed_and_step_give_the_same_batch() {
        let scans = || Box::new(RealScans::new(&[phantom(1), phantom(2)], &SetWeights::new()));
        let shares =
            BatchOptions { phantom_share: 0.0, negative_share: 0.2, plain_share: 0.3, ..BatchOptions::default() };
        let options = BatchOptions { width: 64, height: 96, seed: 4, ..shares };
        let crops = |step| Sampler::new(options, scans(), None).crops(step);
        let (one, again, other) = (crops(7), crops(7), crops(8));
        assert!(one.iter().zip(&again).all(|(a, b)| a.input == b.input && a.labels == b.labels));
        assert!(one[0].input != other[0].input);
    }

    #[test]
    fn labels_become_marks_of_the_allowed_classes() {
        let labels = vec![
            PixelLabel::of_code(3).with_lesion(2),
            PixelLabel::of_code(BELOW_RPE),
            PixelLabel::UNKNOWN,
            PixelLabel::BACKGROUND,
        ];
        let crop = Crop { width: 4, height: 1, input: vec![0.0; 4], labels, ez: EzConvention::default() };
        let Batch { layers, lesions, .. } = Batch::new(&[crop]);
        let allowed = |marks: &Marks, x: usize| -> Vec<usize> {
            (0..marks.classes).filter(|c| marks.allowed[c * 4 + x] > 0.0).collect()
        };
        assert_eq!(allowed(&layers, 0), [3]);
        assert_eq!(allowed(&layers, 1), [0, CLASSES - 1]);
        assert_eq!(allowed(&layers, 2).len(), CLASSES);
        assert_eq!(allowed(&layers, 3), [0]);
        assert_eq!((layers.exact, layers.labelled), (vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 1.0, 0.0, 1.0]));
        assert_eq!((allowed(&lesions, 0), allowed(&lesions, 1).len()), (vec![2], LESION_CLASSES));
        assert_eq!((lesions.exact, lesions.labelled), (vec![1.0, 0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0, 1.0]));
    }
}
