//! `octrls segment`: segments files and folders once, with a progress bar.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use crossbeam_channel::{Receiver, Sender, unbounded};
use indicatif::{ProgressBar, ProgressStyle};
use walkdir::WalkDir;

use octrls_core::{
    layer::Layer,
    measure::{ThicknessUnit, Verdict},
};
use octrls_engine::{ProcessError, Processor, ScanSummary, ScanTask, Segmenter, digest, lock_results};
use octrls_readers as scan;
use octrls_readers::{ExportParts, ScanFiles, has_scan_extension, may_have_parts};

use super::{SOME_FAILED, args::SegmentArguments, coded, default_jobs, load_network, make_folder, on_cpu};

/// A scan and the path of its results below the result root.
struct Job {
    scan: ScanFiles,
    name: PathBuf,
}

type Outcome = (PathBuf, Result<ScanSummary, ProcessError>);

pub(super) fn run(arguments: &SegmentArguments) -> anyhow::Result<ExitCode> {
    let options = arguments.results.options()?;
    let jobs = find_jobs(&arguments.inputs, arguments.volume, &arguments.out)?;
    let network = load_network(&arguments.model)?;
    network.on_gpu_failure(|reason| eprintln!("octrls: {}", on_cpu(&reason)));
    make_folder(&arguments.out)?;
    let _lock = lock_results(&arguments.out).map_err(|e| coded(e.code(), e))?;
    let history = arguments.history.history()?;
    let segmenter = Segmenter::new(network, options, &arguments.out).with_history(history);
    segmenter.recover().map_err(anyhow::Error::new)?;
    let workers = arguments.jobs.map_or_else(default_jobs, usize::from).min(jobs.len());

    let bar = progress_bar(jobs.len());
    let (outcomes, results) = unbounded();
    let (todo, queue) = unbounded();
    for job in jobs {
        todo.send(job).context("internal error: the job queue is closed")?;
    }
    drop(todo);
    let (finished, failed) = std::thread::scope(|scope| {
        for _ in 0..workers {
            let (queue, outcomes) = (queue.clone(), outcomes.clone());
            let segmenter = &segmenter;
            scope.spawn(move || work(segmenter, &arguments.out, &queue, &outcomes));
        }
        drop(outcomes);
        show(&results, &bar)
    });
    bar.finish_and_clear();
    let undelivered = arguments.net.deliver(&finished);
    Ok(if failed + undelivered == 0 { ExitCode::SUCCESS } else { ExitCode::from(SOME_FAILED) })
}

fn work(segmenter: &Segmenter, out: &Path, queue: &Receiver<Job>, outcomes: &Sender<Outcome>) {
    for Job { scan, name } in queue {
        let result = digest(&scan, &name).and_then(|sha256| {
            let task = ScanTask { files: &scan, name: &name, sha256: &sha256, out: &out.join(&name) };
            segmenter.process(&task, &mut |_| ControlFlow::Continue(()))
        });
        if outcomes.send((name, result)).is_err() {
            return;
        }
    }
}

/// Prints one line per finished scan; returns the result folders of the successful ones and the number of failures.
fn show(results: &Receiver<Outcome>, bar: &ProgressBar) -> (Vec<PathBuf>, usize) {
    let (mut finished, mut failed) = (Vec::new(), 0);
    for (name, result) in results {
        match result {
            Ok(summary) => {
                bar.suspend(|| println!("{}  {}", name.display(), figures(&summary)));
                finished.push(summary.out);
            }
            Err(error) => {
                failed += 1;
                bar.suspend(|| eprintln!("{}  {error}", name.display()));
            }
        }
        bar.inc(1);
    }
    (finished, failed)
}

/// One line with the mean thickness of every layer, the verdict and the confidence.
fn figures(summary: &ScanSummary) -> String {
    let unit = match summary.unit {
        ThicknessUnit::Micrometres => "um",
        ThicknessUnit::Pixels => "px",
    };
    let layers = Layer::ALL.iter().zip(summary.mean_thickness).map(|(layer, mean)| match mean {
        Some(mean) => format!("{} {mean:.1}", layer.name()),
        None => format!("{} -", layer.name()),
    });
    let layers = layers.collect::<Vec<_>>().join("  ");
    match summary.verdict {
        Verdict::NotARetina => "not a retina".to_owned(),
        verdict => {
            let flags = if summary.flags.is_empty() { String::new() } else { format!(", flagged {}", summary.flags) };
            let since = summary.follow_up.as_ref().map_or_else(String::new, |words| format!("; {words}"));
            let series = if summary.series > 1 { format!("{} series: ", summary.series) } else { String::new() };
            format!("{series}{layers} {unit}, {}{flags}, confidence {:.2}{since}", verdict.words(), summary.confidence)
        }
    }
}

/// Finds the scans in `inputs`. A folder stands for the scans below it, or, with `volumes`, is one scan itself.
/// Instances of one DICOM series in one folder are one scan.
fn find_jobs(inputs: &[PathBuf], volumes: bool, out: &Path) -> anyhow::Result<Vec<Job>> {
    let out = std::path::absolute(out)?;
    let mut by_name = BTreeMap::new();
    let mut add = |scan: PathBuf, name: PathBuf| match by_name.insert(name.clone(), scan.clone()) {
        Some(other) if other != scan => bail!(
            "E-ARGS-CLASH: {} and {} would both write their results to {}; segment them into different folders",
            other.display(),
            scan.display(),
            name.display()
        ),
        _ => Ok(()),
    };
    for input in inputs {
        let kind = std::fs::metadata(input).with_context(|| format!("E-READ-IO: cannot read {}", input.display()))?;
        if volumes || !kind.is_dir() {
            let name = input.file_name().with_context(|| format!("{} has no file name", input.display()))?;
            add(input.clone(), name.into())?;
            continue;
        }
        // The results folder may lie below the input folder; its images are not scans.
        let below = WalkDir::new(input)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|e| std::path::absolute(e.path()).is_ok_and(|p| p != out));
        for entry in below {
            let entry = entry.with_context(|| format!("E-READ-IO: cannot search {}", input.display()))?;
            if entry.file_type().is_file() && has_scan_extension(entry.path()) {
                let name = entry.path().strip_prefix(input)?.to_owned();
                add(entry.into_path(), name)?;
            }
        }
    }
    let exports: Vec<ExportParts> = by_name.values().filter(|s| may_have_parts(s)).map(|s| scan::parts(s)).collect();
    by_name.retain(|_, scan| !exports.iter().any(|parts| parts.contains(scan)));
    if by_name.is_empty() {
        bail!("E-ARGS-EMPTY: no scans found");
    }
    let files: BTreeSet<PathBuf> = by_name.values().cloned().collect();
    let scans = scan::group_scans(files).into_iter().map(|scan| (scan.path().to_owned(), scan));
    let scans: HashMap<PathBuf, ScanFiles> = scans.collect();
    // A series is listed once, under the file that names it; its other files are dropped.
    let jobs = by_name.into_iter().filter_map(|(name, file)| Some(Job { scan: scans.get(&file)?.clone(), name }));
    Ok(jobs.collect())
}

fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} scans  {elapsed} elapsed, {eta} left");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
