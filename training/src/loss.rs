//! The loss: cross-entropy against the classes that a label allows, and soft Dice over the layers.

use burn::{prelude::*, tensor::activation::log_softmax};
use octrls::layer::{CLASSES, Layer};

/// Logit added to a class that a label forbids; its probability then vanishes in single precision.
const FORBIDDEN: f32 = -1e4;
/// Keeps the Dice of a class with few pixels from jumping, in pixels.
const SMOOTHING: f32 = 20.0;

/// What the labels of a batch allow.
#[derive(Clone, Debug)]
pub struct Target {
    /// `[N, 9, H, W]`: 1 where the label allows the class, else 0. A pixel that nobody labelled allows all.
    pub allowed: Tensor<4>,
    /// `[N, 1, H, W]`: 1 where the label allows exactly one class.
    pub exact: Tensor<4>,
    /// `[N, 1, H, W]`: 1 where the label forbids any class.
    pub labelled: Tensor<4>,
    /// `[N, 9, 1, 1]`: 1 for the layers whose Dice counts in the sample; the choroid only where it is labelled.
    pub layers: Tensor<4>,
}

/// The two parts of the loss, each a scalar.
pub struct Loss {
    /// Mean over labelled pixels of the negative log-probability that the class is an allowed one.
    pub cross_entropy: Tensor<1>,
    /// One minus the mean Dice of the layers that occur in the batch.
    pub dice: Tensor<1>,
}

impl Loss {
    /// The loss of `logits`, shape `[N, 9, H, W]`.
    #[must_use]
    pub fn new(logits: Tensor<4>, target: &Target) -> Self {
        let log_p = log_softmax(logits, 1);
        let pixels = target.labelled.clone().sum().clamp_min(1.0);
        let forbidden = (target.allowed.clone() - 1.0) * -FORBIDDEN;
        let log_allowed = log_sum_exp(log_p.clone() + forbidden);
        let cross_entropy = (log_allowed * target.labelled.clone()).sum().neg() / pixels;

        let weight = target.labelled.clone() * target.layers.clone();
        let p = log_p.exp() * weight.clone();
        let t = target.allowed.clone() * target.exact.clone() * weight;
        let per_class = |x: Tensor<4>| x.sum_dims(&[0, 2, 3]).reshape([CLASSES as i32]);
        let labelled = per_class(t.clone());
        let dice = (per_class(p.clone() * t) * 2.0 + SMOOTHING) / (per_class(p) + labelled.clone() + SMOOTHING);
        let occurs = labelled.greater_elem(0.0).float();
        let classes = occurs.clone().sum().clamp_min(1.0);
        let dice = ((dice.neg() + 1.0) * occurs).sum() / classes;
        Self { cross_entropy, dice }
    }

    /// The sum that training minimises.
    #[must_use]
    pub fn total(&self) -> Tensor<1> {
        self.cross_entropy.clone() + self.dice.clone()
    }
}

/// `log(sum(exp(x)))` over the classes of non-positive `x`: the largest is taken out first.
fn log_sum_exp(x: Tensor<4>) -> Tensor<4> {
    let largest = x.clone().detach().max_dim(1);
    (x - largest.clone()).exp().sum_dim(1).log() + largest
}

/// Whether the Dice of `class` counts for a sample, with or without a labelled choroid.
#[must_use]
pub fn counts(class: usize, choroid_labelled: bool) -> bool {
    class != 0 && (class != usize::from(Layer::Choroid.class()) || choroid_labelled)
}
