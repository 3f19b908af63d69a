//! Checks of model, clock, memory, terminal and GPU.

use std::{
    env, fs,
    io::{IsTerminal, stdout},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use jiff::Timestamp;

use octrls_core::{
    layer::EzConvention,
    network::{ModelError, Network},
    phantom::{Phantom, PhantomOptions},
    segment::segment,
};
use octrls_fs::platform;

use super::Finding;

/// Time for one B-scan above which volumes take too long.
const SLOW_BSCAN: Duration = Duration::from_secs(10);
/// Memory that one scan at a time needs, including the operating system, in bytes.
const MIN_MEMORY: u64 = 900 << 20;

/// Loads a model and segments a synthetic B-scan.
pub(crate) fn model(load: impl FnOnce() -> Result<Network, ModelError>) -> (Finding, Option<Network>) {
    const CHECK: &str = "model";
    let start = Instant::now();
    let advice = "run octrls model info --model NAME|FILE for details";
    let network = match load() {
        Ok(network) => network,
        Err(error) => return (Finding::problem(CHECK, format!("{}: {error}", error.code()), advice), None),
    };
    let loaded = start.elapsed();
    let bscan = Phantom::generate(&PhantomOptions::default(), 1).bscan;
    let (width, height) = (bscan.width, bscan.height);
    let start = Instant::now();
    let finding = match segment(&network, 0, bscan, None, EzConvention::default()) {
        Ok(segmented) => {
            let took = start.elapsed();
            let text = format!(
                "{}: loaded in {:.1} s, a B-scan of {width} x {height} takes {:.2} s, quality {}",
                network.metadata().name,
                loaded.as_secs_f64(),
                took.as_secs_f64(),
                segmented.verdict().words()
            );
            if took > SLOW_BSCAN {
                Finding::warning(CHECK, text, "use --model edge, which is faster")
            } else {
                Finding::ok(CHECK, text)
            }
        }
        Err(error) => Finding::problem(CHECK, format!("{}: {error}", error.code()), advice),
    };
    (finding, Some(network))
}

/// Checks that the clock is not behind the program file or the ledger, which were written earlier.
pub(crate) fn clock(ledger: Option<&Path>) -> Finding {
    const CHECK: &str = "clock";
    let now = SystemTime::now();
    let written = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let program = env::current_exe().ok().as_deref().and_then(written);
    let earliest = program.into_iter().chain(ledger.and_then(written)).max();
    // NTP may correct the clock by up to a minute.
    let behind = earliest.and_then(|earliest| earliest.duration_since(now).ok()).filter(|by| by.as_secs() > 60);
    let text = format!("{}", Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC"));
    match behind {
        Some(by) => Finding::problem(
            CHECK,
            format!("{text}, {} minutes behind a file that was written earlier", by.as_secs() / 60),
            "set the clock and keep it synchronised: timedatectl set-ntp true",
        ),
        None => Finding::ok(CHECK, text),
    }
}

/// Checks the memory of the machine.
pub(crate) fn memory() -> Option<Finding> {
    const CHECK: &str = "memory";
    let bytes = platform::total_memory()?;
    let text = format!("{:.1} GiB in total", bytes as f64 / f64::from(1 << 30));
    Some(if bytes < MIN_MEMORY {
        Finding::warning(CHECK, text, "use --model edge --jobs 1")
    } else {
        Finding::ok(CHECK, text)
    })
}

/// Checks the limit of open files; `shortage` says what is missing.
pub(crate) fn open_files(shortage: Option<String>) -> Finding {
    const CHECK: &str = "files";
    match shortage {
        None => Finding::ok(CHECK, "enough open files are allowed"),
        Some(text) => Finding::warning(CHECK, text, "raise LimitNOFILE= of the service, or run ulimit -n 4096"),
    }
}

/// Reports which screen `octrls watch` would show.
pub(crate) fn terminal() -> Finding {
    let kind = env::var("TERM").unwrap_or_default();
    let text = match (stdout().is_terminal(), kind.as_str()) {
        (false, _) => "none; `octrls watch` prints lines".to_owned(),
        (true, "" | "dumb") => "no cursor control; `octrls watch` prints lines".to_owned(),
        (true, kind) => format!("{kind}; `octrls watch` shows the dashboard"),
    };
    Finding::ok("terminal", text)
}

/// Reports whether the loaded network uses a GPU.
pub(crate) fn gpu(network: Option<&Network>) -> Finding {
    const CHECK: &str = "gpu";
    if network.is_some_and(Network::is_on_gpu) {
        return Finding::ok(CHECK, "in use");
    }
    if let Some(reason) = network.and_then(Network::gpu_error) {
        return Finding::warning(
            CHECK,
            format!("not usable, using the CPU: {reason}"),
            "to use no GPU, set --device cpu",
        );
    }
    let has_device = Path::new("/dev/nvidiactl").exists() || Path::new("/dev/nvhost-ctrl-gpu").exists();
    Finding::ok(
        CHECK,
        match (has_device, cfg!(feature = "cuda")) {
            (true, false) => "found, but this build cannot use one",
            (true, true) => "found, but not selected",
            (false, true) => "none found; not needed",
            (false, false) => "none found; this build cannot use one and does not need one",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    #[test]
    fn a_clock_before_the_ledger_is_a_problem() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(clock(Some(file.path())).grade, Grade::Ok);
        file.as_file().set_modified(SystemTime::now() + Duration::from_hours(2)).unwrap();
        assert_eq!(clock(Some(file.path())).grade, Grade::Problem);
    }

    #[test]
    fn a_missing_model_is_a_problem() {
        let (finding, _) = model(|| Network::load(Path::new("/nowhere/model.onnx")));
        assert_eq!(finding.grade, Grade::Problem);
        assert!(finding.text.starts_with("E-MODEL-"), "{finding}");
    }
}
