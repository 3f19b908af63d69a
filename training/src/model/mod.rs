//! The network: a U-Net of five levels whose outputs have the size of its input.

mod norms;

use burn::{
    module::{Module, ModuleMapper, Param},
    nn::{
        BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig},
        pool::{MaxPool2d, MaxPool2dConfig},
    },
    prelude::*,
    tensor::activation::relu,
};
use octrls_core::{layer::CLASSES, lesion::LESION_CLASSES};
use serde::{Deserialize, Serialize};

/// Width and height of an input must be multiples of this, because of four 2 x 2 poolings.
pub const STRIDE: usize = 16;

/// Weight of a batch's statistics in the running average; small, since batches are small.
const NORM_MOMENTUM: f64 = 0.03;

/// Configuration of a [`UNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UNetConfig {
    /// Feature maps at full resolution; each level below has twice as many.
    pub width: usize,
    /// Whether a batch normalisation follows each 3 x 3 convolution, before its ReLU. It is folded into the convolution
    /// at export.
    pub batch_norm: bool,
    /// Whether the network has the output for lesions. Networks before version 4 of the shipped models lack it.
    #[serde(default = "yes")]
    pub lesions: bool,
}

const fn yes() -> bool {
    true
}

impl Default for UNetConfig {
    fn default() -> Self {
        Self { width: 16, batch_norm: true, lesions: true }
    }
}

impl UNetConfig {
    /// Creates a network with random weights on `device`.
    #[must_use]
    pub fn init(&self, device: &Device) -> UNet {
        let w = |level: usize| self.width << level;
        let block = |from, to| DoubleConv::new(from, to, self.batch_norm, device);
        UNet {
            down: (0..4).map(|l| block(if l == 0 { 1 } else { w(l - 1) }, w(l))).collect(),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            bottom: block(w(3), w(4)),
            up: (0..4)
                .rev()
                .map(|l| ConvTranspose2dConfig::new([w(l + 1), w(l)], [2, 2]).with_stride([2, 2]).init(device))
                .collect(),
            merge: (0..4).rev().map(|l| block(w(l + 1), w(l))).collect(),
            head: Conv2dConfig::new([w(0), CLASSES], [1, 1]).init(device),
            lesions: self.lesions.then(|| lesion_head(w(0), device)),
        }
    }
}

fn lesion_head(width: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([width, LESION_CLASSES], [1, 1]).init(device)
}

/// Unnormalised class scores of a batch.
#[derive(Clone, Debug)]
pub struct Scores {
    /// Layers, `[N, 9, H, W]`.
    pub layers: Tensor<4>,
    /// Lesions, `[N, 6, H, W]`, if the network has that output.
    pub lesions: Option<Tensor<4>>,
}

/// The U-Net: `[N, 1, H, W]` standardised intensities to [`Scores`], H and W multiples of [`STRIDE`].
#[derive(Module, Debug)]
pub struct UNet {
    down: Vec<DoubleConv>,
    pool: MaxPool2d,
    bottom: DoubleConv,
    up: Vec<ConvTranspose2d>,
    merge: Vec<DoubleConv>,
    head: Conv2d,
    lesions: Option<Conv2d>,
}

impl UNet {
    /// Unnormalised class scores of a batch of inputs.
    #[must_use]
    pub fn forward(&self, input: Tensor<4>) -> Scores {
        self.forward_observed(input, &mut |_| {})
    }

    /// [`UNet::forward`]; `observe` sees the output of each 3 x 3 convolution before normalisation.
    fn forward_observed(&self, input: Tensor<4>, observe: &mut dyn FnMut(&Tensor<4>)) -> Scores {
        let mut x = input;
        let mut skips = Vec::with_capacity(self.down.len());
        for block in &self.down {
            let features = block.forward(x, observe);
            x = self.pool.forward(features.clone());
            skips.push(features);
        }
        x = self.bottom.forward(x, observe);
        for ((up, merge), skip) in self.up.iter().zip(&self.merge).zip(skips.into_iter().rev()) {
            x = merge.forward(Tensor::cat(vec![skip, up.forward(x)], 1), observe);
        }
        Scores { lesions: self.lesions.as_ref().map(|head| head.forward(x.clone())), layers: self.head.forward(x) }
    }

    /// The same network with an output for lesions, of random weights if it had none.
    #[must_use]
    pub fn with_lesions(mut self) -> Self {
        let [_, width, _, _] = self.head.weight.dims();
        self.lesions.get_or_insert_with(|| lesion_head(width, &self.head.weight.device()));
        self
    }

    /// The same network with frozen batch normalisations, which use their running statistics without updating them.
    ///
    /// Used in the last part of a training, so that the network adapts to the statistics used at inference.
    #[must_use]
    pub fn with_frozen_norms(self) -> Self {
        self.map(&mut FreezeNorms::default())
    }
}

/// Two 3 x 3 convolutions of the same width.
#[derive(Module, Debug)]
struct DoubleConv {
    first: Conv2d,
    first_norm: Option<BatchNorm>,
    second: Conv2d,
    second_norm: Option<BatchNorm>,
}

impl DoubleConv {
    fn new(from: usize, to: usize, batch_norm: bool, device: &Device) -> Self {
        let conv = |from| {
            Conv2dConfig::new([from, to], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                // The normalisation has its own shift.
                .with_bias(!batch_norm)
                .with_initializer(Initializer::KaimingNormal { gain: std::f64::consts::SQRT_2, fan_out_only: false })
                .init(device)
        };
        let norm = || batch_norm.then(|| BatchNormConfig::new(to).with_momentum(NORM_MOMENTUM).init(device));
        Self { first: conv(from), first_norm: norm(), second: conv(to), second_norm: norm() }
    }

    fn forward(&self, x: Tensor<4>, observe: &mut dyn FnMut(&Tensor<4>)) -> Tensor<4> {
        let mut stage = |conv: &Conv2d, norm: Option<&BatchNorm>, x| {
            let x = conv.forward(x);
            observe(&x);
            relu(match norm {
                Some(norm) => norm.forward(x),
                None => x,
            })
        };
        let x = stage(&self.first, self.first_norm.as_ref(), x);
        stage(&self.second, self.second_norm.as_ref(), x)
    }
}

/// Turns off the training flag of every batch normalisation.
#[derive(Default)]
struct FreezeNorms {
    containers: Vec<String>,
}

impl ModuleMapper for FreezeNorms {
    fn enter_module(&mut self, _name: &str, container_type: &str) {
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.containers.pop();
    }

    fn map_flag(&mut self, flag: Param<burn::module::Flag>) -> Param<burn::module::Flag> {
        if self.containers.iter().any(|c| c.contains("BatchNorm")) { flag.with_value(false) } else { flag }
    }
}
