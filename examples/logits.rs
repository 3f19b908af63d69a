//! Runs a model with tract on a raw input, for comparison with other runtimes.
//!
//! `logits MODEL INPUT OUTPUT`: INPUT and OUTPUT hold little-endian 32-bit floats, `height * width` of them in and
//! `9 * height * width` out, or `15 * height * width` of a model that knows lesions.

use std::{error::Error, path::Path};

use octrls_core::network::Network;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [model, input, output] = arguments.as_slice() else {
        return Err("usage: logits MODEL INPUT OUTPUT".into());
    };
    let network = Network::load(Path::new(model))?;
    let bytes = std::fs::read(input)?;
    let (samples, _) = bytes.as_chunks::<4>();
    let input: Vec<f32> = samples.iter().map(|&b| f32::from_le_bytes(b)).collect();
    let logits = network.run_input(&input)?;
    std::fs::write(output, logits.values().iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())?;
    Ok(())
}
