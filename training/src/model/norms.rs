//! Adds batch normalisations to a network whose own were folded into its convolutions.

use burn::{
    module::{Param, RunningState},
    nn::{BatchNorm, BatchNormConfig, conv::Conv2d},
    prelude::*,
};

use super::{DoubleConv, NORM_MOMENTUM, UNet};

/// Mean and variance of each channel.
type Moments = (Tensor<1>, Tensor<1>);

impl UNet {
    /// The same function with a batch normalisation after every 3 x 3 convolution.
    ///
    /// Running statistics are those of the convolution on `inputs`, averaged as in training; scale and shift cancel
    /// them. Thus the normalisations change nothing at inference, and little in training as long as batches are like
    /// `inputs`. Without inputs, or if normalisations are present, returns the network unchanged.
    #[must_use]
    pub fn with_norms(mut self, inputs: &[Tensor<4>]) -> Self {
        let mut all: Vec<Moments> = Vec::new();
        for input in inputs {
            let mut at = 0;
            self.forward_observed(input.clone(), &mut |output| {
                let (mean, variance) = moments(output);
                if let Some(sum) = all.get_mut(at) {
                    *sum = (sum.0.clone() + mean, sum.1.clone() + variance);
                } else {
                    all.push((mean, variance));
                }
                at += 1;
            });
        }
        let share = 1.0 / inputs.len().max(1) as f64;
        let mut all = all.into_iter().map(|(mean, variance)| (mean * share, variance * share));
        for block in self.blocks_mut() {
            let DoubleConv { first, first_norm, second, second_norm } = block;
            for (conv, norm) in [(first, first_norm), (second, second_norm)] {
                if let (None, Some(moments)) = (&norm, all.next()) {
                    *norm = Some(neutral_norm(conv, moments));
                }
            }
        }
        self
    }

    /// The blocks in the order of the forward pass.
    fn blocks_mut(&mut self) -> impl Iterator<Item = &mut DoubleConv> {
        self.down.iter_mut().chain([&mut self.bottom]).chain(&mut self.merge)
    }
}

fn moments(output: &Tensor<4>) -> Moments {
    let [n, channels, height, width] = output.dims();
    let values = output.clone().swap_dims(0, 1).reshape([channels, n * height * width]);
    let (variance, mean) = values.var_mean_bias(1);
    (mean.reshape([channels]), variance.reshape([channels]))
}

/// A normalisation without effect at inference. It takes over the bias of `conv`, whose outputs have the given
/// `moments`.
fn neutral_norm(conv: &mut Conv2d, (mean, variance): Moments) -> BatchNorm {
    let [channels] = mean.dims();
    let norm = BatchNormConfig::new(channels).with_momentum(NORM_MOMENTUM).init(&mean.device());
    let bias = conv.bias.take().map_or_else(|| mean.zeros_like(), |bias| bias.val());
    BatchNorm {
        gamma: Param::from_tensor((variance.clone() + norm.epsilon).sqrt()),
        beta: Param::from_tensor(mean.clone()),
        running_mean: RunningState::new(mean - bias),
        running_var: RunningState::new(variance),
        ..norm
    }
}
