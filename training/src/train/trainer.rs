//! The training loop.

use std::{
    path::Path,
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

use super::{
    average::WeightAverage,
    history::{Epoch, Validation},
    progress::Progress,
    report::write_report,
    run_dir::{RunDir, State},
    settings::Settings,
    validate::validate,
};
use crate::{
    batch::{Batch, Sampler},
    data::Sample,
    import::Imported,
    loss::{Loss, distillation_loss},
    model::UNet,
};

/// A run in progress.
pub struct Trainer {
    settings: Settings,
    dir: RunDir,
    device: Device,
    model: UNet,
    /// The network to start from; taken when training begins.
    source: Option<UNet>,
    teacher: Option<UNet>,
    average: WeightAverage,
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
        let source = settings.from.as_deref().map(|path| load_network(path, device)).transpose()?;
        let teacher = teacher(&settings, device)?;
        dir.write_settings(&settings)?;
        let average = WeightAverage::new(model.valid(), 0);
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
        let average = WeightAverage::new(dir.averaged(&settings.network, device)?, state.step);
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
            progress.message(&format!("starting from Dice {:.4}, {:.3} px", start.dice, start.boundary_px));
        }
        let batches = sampler.prefetch(self.state.step);
        let mut frozen = false;
        while !self.state.finished && !self.stop.load(Ordering::Relaxed) {
            if !frozen && self.progress() >= self.settings.freeze_norms_at {
                self.model = self.model.clone().with_frozen_norms();
                frozen = true;
                progress.message("batch normalisations frozen");
            }
            let (mut sums, mut steps) = ([0.0; 4], 0);
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
                lesion_loss: Some(mean(sums[2])),
                distillation: self.teacher.is_some().then(|| mean(sums[3])),
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
                progress.message("stopped early: no progress");
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

    /// Does one step. Returns, of before the step, cross-entropy, Dice loss, loss of the lesions and divergence from the
    /// teacher (0 without one).
    fn step(&mut self, batch: Batch, rate: f64) -> Result<[f64; 4]> {
        let (input, target) = batch.into_tensors(self.settings.ez_shift, &self.device.clone().autodiff());
        let scores = self.model.forward(input.clone());
        let loss = Loss::new(scores.clone(), &target);
        let distillation = self.teacher.as_ref().map(|teacher| {
            let taught = teacher.forward(input.inner());
            let layers = distillation_loss(scores.layers, Tensor::from_inner(taught.layers));
            let lesions = scores.lesions.zip(taught.lesions);
            let lesions = lesions.map(|(scores, taught)| distillation_loss(scores, Tensor::from_inner(taught)));
            lesions.into_iter().fold(layers, |sum, part| sum + part)
        });
        let value = |l: &Tensor<1>| f64::from(l.clone().into_scalar::<f32>());
        let lesions = loss.lesions.as_ref().map_or(0.0, |parts| parts.iter().map(value).sum());
        let distilled = distillation.as_ref().map_or(0.0, value);
        let values = [value(&loss.cross_entropy), value(&loss.dice), lesions, distilled];
        anyhow::ensure!(values.iter().all(|v| v.is_finite()), "the loss is not finite at step {}", self.state.step);
        let total = loss.total(self.settings.batch.ablation);
        let total = distillation.into_iter().fold(total, |total, part| total + part);
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
            source.with_norms(&(0..NORM_BATCHES).map(input).collect::<Vec<_>>())
        } else {
            source
        };
        let source = if self.settings.network.lesions { source.with_lesions() } else { source };
        let autodiff = self.device.clone().autodiff();
        self.model = self.settings.network.init(&autodiff).load_record(source.clone().into_record());
        self.average = WeightAverage::new(source, 0);
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
const NORM_BATCHES: u64 = 24;

fn load_network(path: &Path, device: &Device) -> Result<UNet> {
    let imported =
        Imported::read(path, device).with_context(|| format!("cannot load a network from {}", path.display()))?;
    Ok(imported.model)
}

fn teacher(settings: &Settings, device: &Device) -> Result<Option<UNet>> {
    let Some(path) = &settings.teacher else { return Ok(None) };
    if path.is_file() {
        return load_network(path, device).map(Some);
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
