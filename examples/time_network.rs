//! Times a network, for comparison with other runtimes.
//!
//! `time_network MODEL THREADS RUNS [tract]` prints milliseconds: for loading the model, for the first run, and then,
//! one line for each further run, for the network alone and for all steps from a phantom's pixels to its surfaces. With
//! `tract`, tract's own operators compute.

use std::{error::Error, fs, time::Instant};

use octrls_core::{
    layer::EzConvention,
    network::{CpuOperators, Device, Network, Placement},
    phantom::{Phantom, PhantomOptions},
    segment::find_surfaces,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (operators, arguments) = match arguments.as_slice() {
        [rest @ .., last] if last == "tract" => (CpuOperators::Tract, rest),
        all => (CpuOperators::Fastest, all),
    };
    let [model, threads, runs] = arguments else { return Err("usage: time_network MODEL THREADS RUNS [tract]".into()) };
    let bytes = fs::read(model)?;
    let bscan = Phantom::generate(&PhantomOptions::spectralis(), 1).bscan;

    let start = Instant::now();
    let network = Network::from_bytes_with(&bytes, operators, Device::Cpu)?.with_threads(threads.parse()?);
    println!("load {:.2}", milliseconds(start));
    let start = Instant::now();
    find_surfaces(&network, &bscan, None, EzConvention::default())?;
    println!("first {:.2}", milliseconds(start));

    let input = Placement::new(bscan.width, bscan.height, network.metadata().input).input_of(&bscan);
    for _ in 0..runs.parse()? {
        let start = Instant::now();
        network.run_input(&input)?;
        let network_alone = milliseconds(start);
        let start = Instant::now();
        find_surfaces(&network, &bscan, None, EzConvention::default())?;
        println!("run {network_alone:.2} {:.2}", milliseconds(start));
    }
    Ok(())
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
