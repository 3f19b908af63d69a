//! `octrls segment`: segments files and folders once, with a progress bar.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use crossbeam_channel::{Receiver, Sender, unbounded};
use indicatif::{ProgressBar, ProgressStyle};
use walkdir::WalkDir;

use octrls_core::{
    ErrorCode,
    layer::Layer,
    measure::{ThicknessUnit, Verdict},
};
use octrls_dicom_net::ResultSender;
use octrls_engine::{ProcessError, Processor, ScanSummary, ScanTask, Segmenter, digest, lock_results, result_folder};
use octrls_readers::{
    self as readers, ExportParts, Role, ScanFiles, may_be_instance, may_be_scan, may_have_parts, role,
};
use octrls_report::{EarlierResult, holds_results};

use crate::cli::{
    arguments::{
        dicom::SendToArguments,
        follow_up::HistoryArguments,
        heading::{DICOM_NETWORK, FOLDERS, FOLLOW_UP, MODEL, RESULTS, SCANS, SERVICE},
        hook::HookArguments,
        model::{ModelArguments, warn_of_cpu},
        results::ResultArguments,
        tls::TlsArguments,
        watch::default_jobs,
    },
    error::coded,
    exit_code::some_failed_if,
    files::create_folder,
    output::{counted, display_path, display_paths, error_line, file_error_line, line},
};
use crate::service::ResultHook;

#[derive(Args)]
pub(crate) struct SegmentArguments {
    /// Scan files, or folders to search for scans
    #[arg(required = true, value_name = "FILE|DIR")]
    inputs: Vec<PathBuf>,
    /// Treat each folder as one volume: its images are the B-scans, in natural order of their names
    #[arg(long, help_heading = FOLDERS)]
    volume: bool,
    /// Results folder
    #[arg(long, value_name = "DIR", default_value = "octrls-results", help_heading = FOLDERS)]
    out: PathBuf,
    /// Scans to process at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = SCANS)]
    jobs: Option<u16>,
    #[command(flatten, next_help_heading = FOLLOW_UP)]
    history: HistoryArguments,
    #[command(flatten, next_help_heading = DICOM_NETWORK)]
    send: SendToArguments,
    #[command(flatten, next_help_heading = DICOM_NETWORK)]
    tls: TlsArguments,
    #[command(flatten, next_help_heading = SERVICE)]
    hook: HookArguments,
    #[command(flatten, next_help_heading = RESULTS)]
    results: ResultArguments,
    #[command(flatten, next_help_heading = MODEL)]
    model: ModelArguments,
}

/// A scan and the path of its results below the result root.
#[derive(Clone)]
struct Job {
    scan: ScanFiles,
    name: PathBuf,
}

type Outcome = (PathBuf, Result<ScanSummary, ProcessError>);

pub(super) fn run(arguments: &SegmentArguments) -> anyhow::Result<ExitCode> {
    let options = arguments.results.options()?;
    let delivery = arguments.send.delivery(&arguments.tls)?;
    let hook = arguments.hook.options()?;
    let jobs = find_jobs(&arguments.inputs, arguments.volume, &arguments.out)?;
    let network = arguments.model.load()?;
    network.on_gpu_failure(|reason| warn_of_cpu(&reason));
    create_folder(&arguments.out)?;
    let _lock = lock_results(&arguments.out).map_err(|e| coded(e.code(), e))?;
    let history = arguments.history.history()?;
    let segmenter = Segmenter::new(network, options, &arguments.out).with_history(history.clone());
    segmenter.recover().map_err(anyhow::Error::new)?;
    let told = |code, text| error_line(format_args!("octrls: {code}: {text}"));
    let hook = hook.map(|options| ResultHook::start(options, told)).transpose()?;
    let (finished, mut failed) = process_all(arguments, &segmenter, &jobs, hook.as_ref())?;
    if let Some(history) = history {
        // A visit that was processed after a later one changes the comparison of the later one.
        let names = jobs.iter().map(|job| job.name.as_path());
        let names = history.outdated(names).map_err(|e| coded(e.code(), e))?;
        let again: Vec<Job> = jobs.iter().filter(|job| names.contains(&job.name.as_path())).cloned().collect();
        if !again.is_empty() {
            failed += process_all(arguments, &segmenter, &again, hook.as_ref())?.1;
        }
    }
    if !finished.is_empty() {
        let results = counted(finished.len(), "result");
        error_line(format_args!("octrls: {results} in {}", display_path(&arguments.out)));
    }
    let undelivered = delivery.map_or(0, |delivery| deliver(&delivery, &finished));
    Ok(some_failed_if(failed + undelivered > 0))
}

/// Processes `jobs` and prints a line for each; returns the result folders of the successful ones and the number of
/// failures.
fn process_all(
    arguments: &SegmentArguments,
    segmenter: &Segmenter,
    jobs: &[Job],
    hook: Option<&ResultHook>,
) -> anyhow::Result<(Vec<PathBuf>, usize)> {
    let workers = arguments.jobs.map_or_else(default_jobs, usize::from).min(jobs.len());
    let bar = progress_bar(jobs.len());
    let (outcomes, results) = unbounded();
    let (todo, queue) = unbounded();
    for job in jobs {
        todo.send(job.clone()).context("internal error: the job queue is closed")?;
    }
    drop(todo);
    let ended = std::thread::scope(|scope| {
        for _ in 0..workers {
            let (queue, outcomes) = (queue.clone(), outcomes.clone());
            scope.spawn(move || work(segmenter, &arguments.out, &queue, &outcomes));
        }
        drop(outcomes);
        print_outcomes(&results, &bar, hook)
    });
    bar.finish_and_clear();
    Ok(ended)
}

/// Delivers finished results; returns how many folders were not delivered completely.
fn deliver(delivery: &ResultSender, folders: &[PathBuf]) -> usize {
    let mut undelivered = 0;
    for (index, folder) in folders.iter().enumerate() {
        match delivery.deliver(folder) {
            Ok(outcomes) => {
                let failures: Vec<_> =
                    outcomes.iter().filter_map(|o| Some((&o.path, o.result.as_ref().err()?))).collect();
                for (path, error) in &failures {
                    file_error_line(path, error.code(), &error);
                }
                undelivered += usize::from(!failures.is_empty());
            }
            Err(error) => {
                // The node is unreachable, so the others would fail too, each after all its retries.
                error_line(format_args!("{}: {error}; the results stay in the results folder", error.code()));
                return undelivered + folders.len() - index;
            }
        }
    }
    undelivered
}

fn work(segmenter: &Segmenter, out: &Path, queue: &Receiver<Job>, outcomes: &Sender<Outcome>) {
    for Job { scan, name } in queue {
        let result = digest(&scan, &name).and_then(|sha256| {
            let out = out.join(result_folder(&name));
            let earlier = &EarlierResult::read(&out);
            let task = ScanTask { files: &scan, name: &name, sha256: &sha256, digests: &[], out: &out, earlier };
            segmenter.process(&task, &mut |_| ControlFlow::Continue(()))
        });
        if outcomes.send((name, result)).is_err() {
            return;
        }
    }
}

/// Prints one line per finished scan; returns the result folders of the successful ones and the number of failures.
fn print_outcomes(results: &Receiver<Outcome>, bar: &ProgressBar, hook: Option<&ResultHook>) -> (Vec<PathBuf>, usize) {
    let (mut finished, mut failed) = (Vec::new(), 0);
    for (name, result) in results {
        match result {
            Ok(summary) => {
                bar.suspend(|| {
                    // A closed pipe must not stop the others.
                    let _ = line(format_args!("{}  {}", name.display(), summary_line(&summary)));
                });
                if let Some(hook) = hook {
                    hook.published(&summary);
                }
                finished.push(summary.out);
            }
            Err(error) => {
                failed += 1;
                bar.suspend(|| error_line(format_args!("{}  {error}", name.display())));
            }
        }
        bar.inc(1);
    }
    (finished, failed)
}

/// One line with the mean thickness of every layer, the verdict, the findings and the confidence.
pub(super) fn summary_line(summary: &ScanSummary) -> String {
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
        Verdict::NotARetina => {
            summary.no_retina.map_or("not a retina".to_owned(), |reason| format!("not a retina: {}", reason.words()))
        }
        verdict => {
            let findings: Vec<_> = summary.findings.iter().map(|finding| finding.short()).collect();
            let findings = if findings.is_empty() { String::new() } else { format!(" ({})", findings.join(", ")) };
            let flags = if summary.flags.is_empty() { String::new() } else { format!(", flagged {}", summary.flags) };
            let follow_up = summary.follow_up.as_ref().map_or_else(String::new, |words| format!("; {words}"));
            let series = if summary.series > 1 { format!("{} series: ", summary.series) } else { String::new() };
            let line = format!(
                "{series}{layers} {unit}, {}{findings}{flags}, confidence {:.2}{follow_up}",
                verdict.words(),
                summary.confidence
            );
            std::iter::once(line.into())
                .chain(summary.notes.iter().map(|note| note.words()))
                .collect::<Vec<_>>()
                .join("; ")
        }
    }
}

/// Finds the scans in `inputs`. A folder stands for the scans below it, or, with `volumes`, is one scan itself.
/// Instances of one DICOM series in one folder are one scan.
fn find_jobs(inputs: &[PathBuf], volumes: bool, out: &Path) -> anyhow::Result<Vec<Job>> {
    let out = std::path::absolute(out)?;
    let mut by_name = BTreeMap::new();
    let mut passed_by = 0;
    let mut add = |scan: PathBuf, name: PathBuf| match by_name.insert(name.clone(), scan.clone()) {
        Some(other) if other != scan => bail!(
            "{}: {} and {} would both write their results to {}; segment them into different folders",
            ErrorCode::ArgsClash,
            other.display(),
            scan.display(),
            name.display()
        ),
        _ => Ok(()),
    };
    for input in inputs {
        let kind = std::fs::metadata(input)
            .with_context(|| format!("{}: cannot read {}", ErrorCode::ReadIo, input.display()))?;
        if volumes || !kind.is_dir() {
            let name = input.file_name().with_context(|| format!("{} has no file name", input.display()))?;
            add(input.clone(), name.into())?;
            continue;
        }
        // The results folder may lie below the input folder, and so may others; their images are not scans.
        let below = WalkDir::new(input).sort_by_file_name().into_iter().filter_entry(|e| {
            let holds_results = e.depth() > 0 && e.file_type().is_dir() && holds_results(e.path());
            !holds_results && std::path::absolute(e.path()).is_ok_and(|p| p != out)
        });
        for entry in below {
            let entry = entry.with_context(|| format!("{}: cannot search {}", ErrorCode::ReadIo, input.display()))?;
            if entry.file_type().is_file() && may_be_scan(entry.path()) {
                let name = entry.path().strip_prefix(input)?.to_owned();
                add(entry.into_path(), name)?;
            } else if entry.file_type().is_file() && looks_like_a_scan(entry.path()) {
                passed_by += 1;
            }
        }
    }
    by_name.retain(|name, scan| !is_passed_by(name, scan));
    let exports: Vec<ExportParts> = by_name.values().filter(|s| may_have_parts(s)).map(|s| readers::parts(s)).collect();
    by_name.retain(|_, scan| !exports.iter().any(|parts| parts.holds(scan)));
    let passed = match passed_by {
        0 => None,
        1 => Some("1 file is no scan".to_owned()),
        _ => Some(format!("{passed_by} files are no scans")),
    };
    if by_name.is_empty() {
        let passed = passed.map_or(String::new(), |words| format!(" ({words})"));
        bail!("{}: no scans found in {}{passed}", ErrorCode::ArgsEmpty, display_paths(inputs));
    }
    if let Some(words) = passed {
        error_line(format_args!("octrls: {words}"));
    }
    let files: BTreeSet<PathBuf> = by_name.values().cloned().collect();
    let scans = readers::group_scans(files).into_iter().map(|scan| (scan.path().to_owned(), scan));
    let scans: HashMap<PathBuf, ScanFiles> = scans.collect();
    // A series is listed once, under the file that names it; its other files are dropped.
    let jobs = by_name.into_iter().filter_map(|(name, file)| Some(Job { scan: scans.get(&file)?.clone(), name }));
    Ok(jobs.collect())
}

/// Whether the file `scan` is a picture that belongs to scans and has no B-scans itself; if so, says that it is left out.
fn is_passed_by(name: &Path, scan: &Path) -> bool {
    let is_companion = may_be_instance(scan) && matches!(role(scan), Ok(Role::Companion));
    if is_companion {
        error_line(format_args!(
            "{}  {}: a photograph or en-face image without B-scans; it appears in the reports of scans that refer to it",
            name.display(),
            ErrorCode::ReadCompanion
        ));
    }
    is_companion
}

/// Whether a file that is no scan is one that the operator may take for a scan; hidden files and sidecars are not.
fn looks_like_a_scan(file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && file.extension().is_none_or(|extension| extension != "toml")
}

fn progress_bar(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} scans  {elapsed} elapsed, {eta} left");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
