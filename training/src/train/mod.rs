//! The training loop with its schedule and checkpoints.

mod average;
mod checkpoint;
mod progress;
mod report;
mod schedule;
mod validate;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use burn::{
    grad_clipping::GradientClippingConfig,
    module::Module,
    optim::{AdamWConfig, GradientsParams, ModuleOptimizer},
    prelude::*,
};
use serde::{Deserialize, Serialize};

pub use checkpoint::{RunDir, State, write_atomically};
pub use report::write_report;
pub use schedule::{Budget, Schedule};
pub use validate::{segment, validate};

use crate::{
    batch::{Batch, BatchOptions, Sampler, SetWeights},
    data::Sample,
    import::Imported,
    loss::{Loss, imitation},
    model::{UNet, UNetConfig},
    score::{Score, SetScore},
};
use average::Average;
use progress::Progress;

/// All settings of a run except its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The network.
    pub network: UNetConfig,
    /// The batches.
    pub batch: BatchOptions,
    /// Length and learning rate.
    pub schedule: Schedule,
    /// Weight decay at learning rate 1.
    pub weight_decay: f32,
    /// Largest gradient norm of one weight tensor.
    pub clip: f32,
    /// Shift of the ellipsoid zone score against that of the RPE by a set's convention, in logits.
    #[serde(default)]
    pub ez_shift: f32,
    /// Weight of each set when drawing scans.
    #[serde(default, skip_serializing_if = "SetWeights::is_empty")]
    pub set_weights: SetWeights,
    /// The exported network to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// The teacher: a run, whose averaged network is used, or an exported network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<PathBuf>,
    /// Steps per epoch; each epoch ends with a checkpoint.
    pub epoch_steps: u64,
    /// Epochs between validations.
    pub validate_every: usize,
    /// Validations without progress before training stops.
    pub patience: usize,
    /// Progress after which batch normalisations use their running statistics.
    pub freeze_norms_at: f64,
}

/// One epoch in `history.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Steps since the start of the run.
    pub step: u64,
    /// Seconds of training in the current schedule.
    pub seconds: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean cross-entropy of the epoch.
    pub cross_entropy: f64,
    /// Mean Dice loss of the epoch.
    pub dice_loss: f64,
    /// Mean divergence from the teacher, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imitation: Option<f64>,
    /// Accuracy on the validation part, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// Accuracy on the validation part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean Dice of the seven layers, averaged over the sets; selects the best checkpoint.
    pub dice: f64,
    /// Mean IoU of background and the seven layers, averaged over the sets.
    pub mean_iou: f64,
    /// Mean absolute boundary error in pixels, averaged over the sets.
    pub boundary_px: f64,
    /// Share of labelled pixels with the correct class, averaged over the sets.
    pub pixel_accuracy: f64,
    /// IoU of each class, background first, averaged over the sets.
    pub iou: Vec<f64>,
    /// Mean Dice of the seven layers in each set.
    pub sets: BTreeMap<String, f64>,
}

impl Validation {
    /// Extracts the validation results from a score.
    #[must_use]
    pub fn of(score: &Score) -> Self {
        let figure = |f: &dyn Fn(&SetScore) -> Option<f64>| score.over_sets(f).unwrap_or(0.0);
        Self {
            dice: figure(&SetScore::mean_dice),
            mean_iou: figure(&SetScore::mean_iou),
            boundary_px: figure(&SetScore::mean_absolute),
            pixel_accuracy: figure(&|s| s.overlap.pixel_accuracy()),
            iou: crate::score::LABELLED_CLASSES.map(|c| figure(&|s| s.overlap.iou(c))).collect(),
            sets: score.0.iter().filter_map(|(n, s)| Some((n.clone(), s.mean_dice()?))).collect(),
        }
    }
}

/// A run in progress.
pub struct Trainer {
    settings: Settings,
    dir: RunDir,
    device: Device,
    model: UNet,
    /// The network to start from; taken when training begins.
    source: Option<UNet>,
    teacher: Option<UNet>,
    average: Average,
    optimizer: ModuleOptimizer,
    state: State,
    history: Vec<Epoch>,
    stop: Arc<AtomicBool>,
}

impl Trainer {
    /// Starts a run in `dir`. Setting `stop` ends it after the current step.
    ///
    /// # Errors
    /// If the folder cannot be written, or the teacher or source network cannot be read.
    pub fn start(settings: Settings, dir: RunDir, device: &Device, stop: Arc<AtomicBool>) -> Result<Self> {
        device.seed(settings.batch.seed);
        let model = settings.network.init(&device.clone().autodiff());
        let source = settings.from.as_deref().map(|path| imported(path, device)).transpose()?;
        let teacher = teacher(&settings, device)?;
        dir.write_settings(&settings)?;
        let average = Average::new(model.valid(), 0);
        let optimizer = optimizer(&settings);
        let (state, history) = (State::default(), Vec::new());
        let device = device.clone();
        Ok(Self { settings, dir, device, model, source, teacher, average, optimizer, state, history, stop })
    }

    /// Continues the run in `dir` with `settings`; a schedule that differs from the stored one restarts.
    ///
    /// # Errors
    /// If the run cannot be read.
    pub fn resume(settings: Settings, dir: RunDir, device: &Device, stop: Arc<AtomicBool>) -> Result<Self> {
        let before = dir.settings()?;
        anyhow::ensure!(before.network == settings.network, "the run has another network");
        let mut state = dir.state()?;
        if before.schedule != settings.schedule {
            state = State { step: state.step, best: state.best, ..State::default() };
        }
        let autodiff = device.clone().autodiff();
        let model = dir.read_model("last.bpk", &settings.network, &autodiff)?;
        let teacher = teacher(&settings, device)?;
        let average = Average::new(dir.averaged(&settings.network, device)?, state.step);
        let optimizer = dir.load_optimizer(optimizer(&settings))?;
        let history = dir.history()?;
        dir.write_settings(&settings)?;
        let (device, source) = (device.clone(), None);
        Ok(Self { settings, dir, device, model, source, teacher, average, optimizer, state, history, stop })
    }

    /// Trains to the end of the schedule, validating on `validation`, and writes the report.
    ///
    /// # Errors
    /// If the loss is not finite, or a checkpoint cannot be written.
    pub fn run(mut self, sampler: Sampler, validation: &[Sample]) -> Result<Vec<Epoch>> {
        let mut progress = Progress::new(&self.settings);
        if let Some(source) = self.source.take() {
            self.start_from(source, &sampler);
            let start = self.validate(validation)?;
            progress.say(&format!("starting from Dice {:.4}, {:.3} px", start.dice, start.boundary_px));
        }
        let batches = sampler.prefetch(self.state.step);
        let mut frozen = false;
        while !self.state.finished && !self.stop.load(Ordering::Relaxed) {
            if !frozen && self.progress() >= self.settings.freeze_norms_at {
                self.model = self.model.clone().with_frozen_norms();
                frozen = true;
                progress.say("batch normalisations frozen");
            }
            let (mut sums, mut steps) = ([0.0; 3], 0);
            let mut rate = 0.0;
            while steps < self.settings.epoch_steps && self.progress() < 1.0 && !self.stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                let batch = batches.recv().context("the batch thread ended unexpectedly")?;
                rate = self.rate();
                let loss = self.step(batch, rate)?;
                sums.iter_mut().zip(loss).for_each(|(sum, l)| *sum += l);
                steps += 1;
                self.state.step += 1;
                self.state.schedule_step += 1;
                self.state.schedule_seconds += started.elapsed().as_secs_f64();
                progress.step(&self.state, self.progress(), loss);
            }
            let epochs = self.history.len() + 1;
            self.state.finished = self.progress() >= 1.0;
            let due = epochs.is_multiple_of(self.settings.validate_every) || self.state.finished;
            let mean = |sum: f64| sum / f64::from(u32::try_from(steps.max(1)).unwrap_or(u32::MAX));
            let mut epoch = Epoch {
                step: self.state.step,
                seconds: self.state.schedule_seconds,
                learning_rate: rate,
                cross_entropy: mean(sums[0]),
                dice_loss: mean(sums[1]),
                imitation: self.teacher.is_some().then(|| mean(sums[2])),
                validation: None,
            };
            if due {
                let started = Instant::now();
                epoch.validation = Some(self.validate(validation)?);
                self.state.schedule_seconds += started.elapsed().as_secs_f64();
            }
            progress.epoch(&epoch, &self.state);
            self.history.push(epoch);
            self.dir.save(&self.model, self.average.model(), &self.optimizer, &self.state, &self.history)?;
            if self.state.since_best >= self.settings.patience {
                progress.say("stopped early: no progress");
                break;
            }
        }
        progress.finish(&self.state);
        write_report(&self.dir, &self.history)?;
        Ok(self.history)
    }

    /// The settings of the run.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.state.schedule_seconds)
    }

    fn progress(&self) -> f64 {
        self.settings.schedule.progress(self.state.schedule_step, self.elapsed())
    }

    fn rate(&self) -> f64 {
        self.settings.schedule.rate(self.state.schedule_step, self.elapsed())
    }

    /// Does one step. Returns cross-entropy, Dice loss and divergence from the teacher (0 without one) before the step.
    fn step(&mut self, batch: Batch, rate: f64) -> Result<[f64; 3]> {
        let (input, target) = batch.into_tensors(self.settings.ez_shift, &self.device.clone().autodiff());
        let logits = self.model.forward(input.clone());
        let loss = Loss::new(logits.clone(), &target);
        let imitation = self.teacher.as_ref().map(|teacher| {
            let taught = teacher.forward(input.inner());
            imitation(logits, Tensor::from_inner(taught))
        });
        let value = |l: &Tensor<1>| f64::from(l.clone().into_scalar::<f32>());
        let values = [value(&loss.cross_entropy), value(&loss.dice), imitation.as_ref().map_or(0.0, value)];
        anyhow::ensure!(values.iter().all(|v| v.is_finite()), "the loss is not finite at step {}", self.state.step);
        let total = loss.total(self.settings.batch.without);
        let total = imitation.into_iter().fold(total, |total, part| total + part);
        let gradients = GradientsParams::from_grads(total.backward(), &self.model);
        self.model = self.optimizer.step(rate, self.model.clone(), gradients);
        self.average.update(&self.model);
        Ok(values)
    }

    /// Takes over the weights of `source`. Its folded normalisations are recreated, with statistics from crops of
    /// `sampler`.
    fn start_from(&mut self, source: UNet, sampler: &Sampler) {
        let input = |i| Batch::new(&sampler.crops(u64::MAX - i)).into_tensors(0.0, &self.device).0;
        let source = if self.settings.network.batch_norm {
            source.with_norms(&(0..MEASURED_BATCHES).map(input).collect::<Vec<_>>())
        } else {
            source
        };
        let autodiff = self.device.clone().autodiff();
        self.model = self.settings.network.init(&autodiff).load_record(source.clone().into_record());
        self.average = Average::new(source, 0);
    }

    fn validate(&mut self, samples: &[Sample]) -> Result<Validation> {
        let result = Validation::of(&validate(self.average.model(), samples, self.settings.ez_shift, &self.device)?);
        if self.state.best.is_none_or(|best| result.dice > best) {
            self.state.best = Some(result.dice);
            self.state.since_best = 0;
            self.dir.write_model("best.bpk", self.average.model())?;
        } else {
            self.state.since_best += 1;
        }
        Ok(result)
    }
}

/// Number of batches to measure the statistics of recreated normalisations.
const MEASURED_BATCHES: u64 = 24;

fn imported(path: &Path, device: &Device) -> Result<UNet> {
    let imported =
        Imported::read(path, device).with_context(|| format!("cannot load a network from {}", path.display()))?;
    Ok(imported.model)
}

fn teacher(settings: &Settings, device: &Device) -> Result<Option<UNet>> {
    let Some(path) = &settings.teacher else { return Ok(None) };
    if path.is_file() {
        return imported(path, device).map(Some);
    }
    let run = RunDir::open(path)?;
    let network = run.settings()?.network;
    run.averaged(&network, device).map(Some)
}

fn optimizer(settings: &Settings) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(settings.weight_decay)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(settings.clip)))
        .init()
}

/// Default folder of a run.
#[must_use]
pub fn default_run() -> PathBuf {
    PathBuf::from("runs/latest")
}
