//! Checks the shipped models on the GPU against the CPU, and times both. Exits with 1 if no GPU computes or the two
//! differ.

use std::{
    error::Error,
    process::ExitCode,
    time::{Duration, Instant},
};

use octrls_core::{
    layer::{Boundary, EzConvention},
    network::{Device, Network, Placement, ShippedModel},
    phantom::{Phantom, PhantomOptions},
    scan::BScan,
    segment::find_surfaces,
    surface::{ExtractOptions, Surfaces, extract},
};

/// Maximum difference of a boundary that both find, in pixels.
const TOLERANCE: f32 = 0.05;
/// Number of B-scans to time.
const RUNS: u64 = 40;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut fine = true;
    for model in ShippedModel::ALL {
        println!("{}", model.name());
        let cpu = Network::shipped(model)?;
        let start = Instant::now();
        let gpu = Network::shipped_on(model, Device::Cuda(0))?;
        if let Some(reason) = gpu.gpu_error() {
            println!("  not on the GPU: {reason}");
            fine = false;
            continue;
        }
        println!("  ready after {} ms", start.elapsed().as_millis());
        if let Some((left, all)) = gpu.operators_on_cpu() {
            println!("  {} of {all} operators on the CPU: {}", left.len(), left.join(", "));
        }
        let scans: Vec<BScan> =
            (1..=8).map(|seed| Phantom::generate(&PhantomOptions::spectralis(), seed).bscan).collect();
        let mut largest = 0.0_f32;
        for scan in &scans {
            let (ours, theirs) = (surfaces(&cpu, scan)?, surfaces(&gpu, scan)?);
            for boundary in Boundary::ALL {
                let pairs = ours.rows(boundary).iter().zip(theirs.rows(boundary));
                largest = pairs.filter_map(|(a, b)| Some((a.as_ref()? - b.as_ref()?).abs())).fold(largest, f32::max);
            }
        }
        println!("  boundaries differ from the CPU's by {largest:.4} px at most");
        let (on_gpu, on_cpu) = (time(&gpu, &scans)?, time(&cpu, &scans)?);
        println!("  one after the other: {} per B-scan on the GPU, {} on the CPU", ms(on_gpu), ms(on_cpu));
        for threads in [2, 4, 8] {
            println!("  {threads} threads: {} per B-scan on the GPU", ms(throughput(&gpu, &scans, threads)));
        }
        fine &= gpu.is_on_gpu() && largest <= TOLERANCE;
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The boundaries in the whole frame; otherwise the CPU would crop it.
fn surfaces(network: &Network, scan: &BScan) -> Result<Surfaces, Box<dyn Error>> {
    let placement = Placement::new(scan.width, scan.height, network.metadata().input);
    let scores = network.run_prepared(&placement, &placement.prepare(scan))?;
    let options = ExtractOptions::for_model(network.metadata(), EzConvention::default());
    Ok(extract(&scores, &placement, &options))
}

fn time(network: &Network, scans: &[BScan]) -> Result<Duration, Box<dyn Error>> {
    find_surfaces(network, &scans[0], None, EzConvention::default())?;
    let start = Instant::now();
    for scan in scans.iter().cycle().take(RUNS as usize) {
        find_surfaces(network, scan, None, EzConvention::default())?;
    }
    Ok(start.elapsed() / RUNS as u32)
}

fn throughput(network: &Network, scans: &[BScan], threads: u32) -> Duration {
    let network = network.clone().with_threads(threads as usize);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| time(&network, scans).map_err(|e| println!("  {e}")));
        }
    });
    start.elapsed() / (RUNS as u32 * threads)
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}
