//! Training progress: a bar on a terminal, and a line per epoch.

use std::{fmt::Write, io::IsTerminal, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{history::Epoch, run_dir::State, schedule::Budget, settings::Settings};

/// Ticks of the bar from start to end.
const BAR_LENGTH: u64 = 10_000;

/// Progress of a run on standard error.
pub(super) struct Progress {
    bar: ProgressBar,
    budget: Budget,
    started: Instant,
    first_step: Option<u64>,
}

impl Progress {
    pub(super) fn new(settings: &Settings) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(BAR_LENGTH) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed} + {eta}  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, budget: settings.schedule.budget, started: Instant::now(), first_step: None }
    }

    pub(super) fn step(&mut self, state: &State, progress: f64, [cross_entropy, dice, _, _]: [f64; 4]) {
        self.first_step.get_or_insert(state.step - 1);
        self.bar.set_position((progress * BAR_LENGTH as f64) as u64);
        self.bar.set_message(format!("step {}  CE {cross_entropy:.3}  Dice loss {dice:.3}", state.step));
    }

    pub(super) fn epoch(&self, epoch: &Epoch, state: &State) {
        let mut line = format!(
            "step {:>6}  {:>5.1} min  lr {:.1e}  CE {:.4}  Dice loss {:.4}",
            epoch.step,
            epoch.seconds / 60.0,
            epoch.learning_rate,
            epoch.cross_entropy,
            epoch.dice_loss
        );
        if let Some(lesions) = epoch.lesion_loss {
            let _ = write!(line, "  lesions {lesions:.4}");
        }
        if let Some(distillation) = epoch.distillation {
            let _ = write!(line, "  from teacher {distillation:.4}");
        }
        if let Some(v) = &epoch.validation {
            let sets: Vec<_> = v.sets.iter().map(|(name, dice)| format!("{name} {dice:.3}")).collect();
            let _ = write!(
                line,
                "  | val Dice {:.4}{}  mIoU {:.4}  boundaries {:.2} px  ({})",
                v.dice,
                if state.since_best == 0 { " *" } else { "" },
                v.mean_iou,
                v.boundary_px,
                sets.join(", ")
            );
            for (set, dice) in &v.lesions {
                let dice: Vec<String> = dice.iter().map(|(name, dice)| format!("{name} {dice:.3}")).collect();
                let _ = write!(line, "\n         lesions of {set}: {}", dice.join(", "));
            }
            for (set, px) in &v.choroid_px {
                let _ = write!(line, "\n         choroid of {set}: {px:.2} px");
            }
        }
        self.message(&line);
    }

    pub(super) fn message(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn finish(&self, state: &State) {
        self.bar.finish_and_clear();
        let steps = state.step - self.first_step.unwrap_or(state.step);
        let each = self.started.elapsed().as_secs_f64() / steps.max(1) as f64;
        let end = match (state.finished, self.budget) {
            (true, Budget::Steps(n)) => format!("all {n} steps done"),
            (true, Budget::Minutes(m)) => format!("{m} minutes used"),
            (false, _) => "stopped; continue with --resume".to_owned(),
        };
        eprintln!("{end}: {steps} steps, {each:.3} s each with validation");
    }
}
