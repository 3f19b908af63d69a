//! The loss: cross-entropy against the classes allowed by a label and soft Dice, for layers and for lesions, and
//! divergence from a teacher.

use burn::{prelude::*, tensor::activation::log_softmax};
use octrls_core::{layer::CLASSES, lesion::LESION_CLASSES};

use crate::{
    ablation::{Ablation, RecipeStep},
    model::Scores,
};

/// Logit added to a forbidden class; its probability underflows to zero in single precision.
const FORBIDDEN: f32 = -1e4;
/// The layers above the choroid.
const INNER: std::ops::Range<usize> = 1..CHOROID;
const CHOROID: usize = CLASSES - 1;
/// Smoothing of Dice for classes with few pixels, in pixels.
const SMOOTHING: f32 = 20.0;

/// What the labels of a batch allow of one output.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// `[N, classes, H, W]`: 1 if the label allows the class, else 0. An unlabelled pixel allows all.
    pub allowed: Tensor<4>,
    /// `[N, 1, H, W]`: 1 if the label allows exactly one class.
    pub exact: Tensor<4>,
    /// `[N, 1, H, W]`: 1 if the label forbids any class.
    pub labelled: Tensor<4>,
}

/// What the labels of a batch allow.
#[derive(Clone, Debug)]
pub struct Target {
    /// The layers.
    pub layers: Allowed,
    /// The lesions.
    pub lesions: Allowed,
    /// `[N, 9, 1, 1]`: added to the logits of the layers, so that the lower boundary of the ellipsoid zone follows the
    /// label's convention, which the network need not recognise.
    pub bias: Tensor<4>,
}

/// The parts of the loss, each a scalar.
pub struct Loss {
    /// Mean negative log-probability of the allowed classes over labelled pixels.
    pub cross_entropy: Tensor<1>,
    /// One minus the mean Dice of the layers that occur in the batch.
    pub dice: Tensor<1>,
    /// The same two for the lesions, if the network has that output.
    pub lesions: Option<[Tensor<1>; 2]>,
}

impl Loss {
    /// The loss of `scores`.
    #[must_use]
    pub fn new(scores: Scores, target: &Target) -> Self {
        let log_p = log_softmax(scores.layers + target.bias.clone(), 1);
        let Allowed { exact, labelled, .. } = &target.layers;
        // Where background and choroid are both allowed, any other layer is an error, but choroid is not.
        let weight = labelled.clone() * selection::<CLASSES>(|c| INNER.contains(&c), &log_p)
            + exact.clone() * selection::<CLASSES>(|c| c == CHOROID, &log_p);
        let lesions = scores.lesions.map(|logits| {
            let log_p = log_softmax(logits, 1);
            let weight = target.lesions.exact.clone() * selection::<LESION_CLASSES>(|c| c > 0, &log_p);
            [
                cross_entropy(&log_p, &target.lesions.allowed, target.lesions.labelled.clone()),
                dice_loss::<LESION_CLASSES>(&log_p, &target.lesions, weight),
            ]
        });
        Self {
            cross_entropy: cross_entropy(&log_p, &target.layers.allowed, labelled.clone()),
            dice: dice_loss::<CLASSES>(&log_p, &target.layers, weight),
            lesions,
        }
    }

    /// The sum to minimise; without the Dice of the layers if the ablation leaves it out.
    #[must_use]
    pub fn total(&self, ablation: Ablation) -> Tensor<1> {
        let mut total = self.cross_entropy.clone();
        if !ablation.omits(RecipeStep::Dice) {
            total = total + self.dice.clone();
        }
        if let Some([cross_entropy, dice]) = &self.lesions {
            total = total + cross_entropy.clone() + dice.clone();
        }
        total
    }
}

/// Mean negative log-probability of the allowed classes over pixels of the given weights.
fn cross_entropy(log_p: &Tensor<4>, allowed: &Tensor<4>, weights: Tensor<4>) -> Tensor<1> {
    let pixels = weights.clone().sum().clamp_min(1.0);
    let forbidden = (allowed.clone() - 1.0) * -FORBIDDEN;
    let log_allowed = log_sum_exp(log_p.clone() + forbidden);
    (log_allowed * weights).sum().neg() / pixels
}

/// One minus the mean soft Dice of the classes that occur; `weight` selects the classes and pixels that count.
fn dice_loss<const C: usize>(log_p: &Tensor<4>, target: &Allowed, weight: Tensor<4>) -> Tensor<1> {
    let p = log_p.clone().exp() * weight.clone();
    let t = target.allowed.clone() * target.exact.clone() * weight;
    let per_class = |x: Tensor<4>| x.sum_dims(&[0, 2, 3]).reshape([C as i32]);
    let labelled = per_class(t.clone());
    let dice = (per_class(p.clone() * t) * 2.0 + SMOOTHING) / (per_class(p) + labelled.clone() + SMOOTHING);
    let occurs = labelled.greater_elem(0.0).float();
    let classes = occurs.clone().sum().clamp_min(1.0);
    ((dice.neg() + 1.0) * occurs).sum() / classes
}

/// Divergence of `logits` from those of a teacher, both `[N, 9, H, W]`: Kullback-Leibler divergence of the class
/// probabilities, mean over pixels (Hinton, Vinyals and Dean 2015, at temperature 1).
#[must_use]
pub fn distillation_loss(logits: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
    let [n, _, height, width] = logits.dims();
    let taught = log_softmax(teacher, 1);
    let divergence = taught.clone().exp() * (taught - log_softmax(logits, 1));
    divergence.sum() / (n * height * width) as f32
}

/// `log(sum(exp(x)))` over the classes. Subtracts the maximum first, for numerical stability.
fn log_sum_exp(x: Tensor<4>) -> Tensor<4> {
    let largest = x.clone().detach().max_dim(1);
    (x - largest.clone()).exp().sum_dim(1).log() + largest
}

/// `[1, C, 1, 1]` on the device of `like`: 1 for the selected classes, else 0.
fn selection<const C: usize>(selects: impl Fn(usize) -> bool, like: &Tensor<4>) -> Tensor<4> {
    let values: Vec<f32> = (0..C).map(|c| f32::from(u8::from(selects(c)))).collect();
    Tensor::from_data(TensorData::new(values, [1, C, 1, 1]), &like.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::device;

    /// A row of pixels, given the classes that each label allows.
    fn target(pixels: &[&[usize]], device: &Device) -> Target {
        let n = pixels.len();
        let row = |channels: usize, value: &dyn Fn(usize, &[usize]) -> bool| {
            let values = (0..channels).flat_map(|c| pixels.iter().map(move |p| f32::from(u8::from(value(c, p)))));
            Tensor::<4>::from_data(TensorData::new(values.collect::<Vec<_>>(), [1, channels, 1, n]), device)
        };
        let layers = Allowed {
            allowed: row(CLASSES, &|c, p| p.contains(&c)),
            exact: row(1, &|_, p| p.len() == 1),
            labelled: row(1, &|_, p| p.len() < CLASSES),
        };
        // The first pixel has subretinal fluid, the others are unlabelled.
        let lesions = Allowed {
            allowed: Tensor::cat(
                vec![
                    row(LESION_CLASSES, &|c, _| c == 2).slice([0..1, 0..LESION_CLASSES, 0..1, 0..1]),
                    Tensor::ones([1, LESION_CLASSES, 1, n - 1], device),
                ],
                3,
            ),
            exact: Tensor::cat(vec![Tensor::ones([1, 1, 1, 1], device), Tensor::zeros([1, 1, 1, n - 1], device)], 3),
            labelled: Tensor::cat(vec![Tensor::ones([1, 1, 1, 1], device), Tensor::zeros([1, 1, 1, n - 1], device)], 3),
        };
        Target { layers, lesions, bias: Tensor::zeros([1, CLASSES, 1, 1], device) }
    }

    /// The loss of layers alone.
    fn loss(logits: Tensor<4>, target: &Target) -> Loss {
        Loss::new(Scores { layers: logits, lesions: None }, target)
    }

    /// Logits that give almost all probability to one class per pixel.
    fn confident_logits(classes: &[usize], device: &Device) -> Tensor<4> {
        let n = classes.len();
        let values = (0..CLASSES).flat_map(|c| classes.iter().map(move |&p| if p == c { 20.0_f32 } else { 0.0 }));
        Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), [1, CLASSES, 1, n]), device)
    }

    fn scalar(x: &Tensor<1>) -> f32 {
        x.clone().into_scalar()
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_class_count() {
        let loss = loss(Tensor::zeros([1, CLASSES, 1, 2], &device()), &target(&[&[1], &[3]], &device()));
        assert!((scalar(&loss.cross_entropy) - (CLASSES as f32).ln()).abs() < 1e-4);
    }

    #[test]
    fn right_classes_cost_little_and_wrong_ones_much() {
        let target = target(&[&[0], &[1], &[7]], &device());
        let right = loss(confident_logits(&[0, 1, 7], &device()), &target);
        let wrong = loss(confident_logits(&[0, 2, 6], &device()), &target);
        assert!(scalar(&right.total(Ablation::default())) < 1e-3);
        assert!(scalar(&wrong.cross_entropy) > 10.0 && scalar(&wrong.dice) > scalar(&right.dice) + 0.04);
        let ablation = Ablation::from_iter([RecipeStep::Dice]);
        assert!((scalar(&wrong.total(ablation)) - scalar(&wrong.cross_entropy)).abs() < 1e-6);
    }

    #[test]
    fn lesions_count_where_they_are_labelled() {
        let target = target(&[&[0], &[1], &[7]], &device());
        let of = |class: usize| {
            let layers = confident_logits(&[0, 1, 7], &device());
            let lesions = layers.clone().slice([0..1, 0..LESION_CLASSES, 0..1, 0..3]) * 0.0;
            let shape = [1, LESION_CLASSES, 1, 3];
            let values: Vec<f32> = (0..LESION_CLASSES * 3).map(|i| if i / 3 == class { 20.0 } else { 0.0 }).collect();
            let lesions = lesions + Tensor::from_data(TensorData::new(values, shape), &device());
            scalar(&Loss::new(Scores { layers, lesions: Some(lesions) }, &target).total(Ablation::default()))
        };
        assert!(of(2) < 1e-3 && of(0) > 10.0, "{} {}", of(2), of(0));
    }

    #[test]
    fn either_of_two_allowed_classes_is_right() {
        let target = target(&[&[0, CHOROID], &[0, CHOROID], &[1]], &device());
        for class in [0, CHOROID] {
            let loss = loss(confident_logits(&[class, class, 1], &device()), &target);
            assert!(scalar(&loss.total(Ablation::default())) < 1e-3, "{class}");
        }
        assert!(scalar(&loss(confident_logits(&[3, 3, 1], &device()), &target).cross_entropy) > 10.0);
    }

    #[test]
    fn distillation_loss_is_zero_for_equal_logits() {
        let [a, b] = [&[0, 1, 7], &[0, 2, 6]].map(|classes| confident_logits(classes, &device()));
        assert!(scalar(&distillation_loss(a.clone(), a.clone())).abs() < 1e-5);
        // Two of three pixels differ, by 20 logits each.
        assert!((scalar(&distillation_loss(a, b)) - 40.0 / 3.0).abs() < 1e-3);
    }

    #[test]
    fn unlabelled_pixels_have_no_gradient() {
        let device = device().autodiff();
        let all: Vec<usize> = (0..CLASSES).collect();
        let logits = confident_logits(&[4, 2], &device).require_grad();
        let gradients = loss(logits.clone(), &target(&[&all, &[1]], &device)).total(Ablation::default()).backward();
        let gradient = logits.grad(&gradients).expect("a gradient").abs().sum_dim(1);
        let [unlabelled, labelled]: [f32; 2] =
            gradient.into_data().try_to_vec().expect("floats").try_into().expect("two pixels");
        assert!(unlabelled < 1e-6 && labelled > 1e-2, "{unlabelled} {labelled}");
    }
}
