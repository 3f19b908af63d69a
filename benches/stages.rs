//! Cost of each stage of a scan: `cargo bench --bench stages`.

use criterion::{Criterion, criterion_group, criterion_main};
use octrls_core::{
    layer::EzConvention,
    measure::Thicknesses,
    network::{Network, ShippedModel},
    phantom::{Phantom, PhantomOptions},
    surface::{ExtractOptions, extract},
};

fn stages(c: &mut Criterion) {
    let scan = Phantom::generate(&PhantomOptions::spectralis(), 1);
    let network = Network::shipped(ShippedModel::default()).expect("the shipped model");
    let (logits, placement) = network.run(&scan.bscan).expect("a run");
    let options = ExtractOptions::for_model(network.metadata(), EzConvention::default());
    let surfaces = extract(&logits, &placement, &options);

    let mut group = c.benchmark_group("spectralis 768 x 496");
    group.sample_size(10);
    group.bench_function("placement", |b| b.iter(|| placement.input_of(&scan.bscan)));
    group.bench_function("network, placement included", |b| b.iter(|| network.run(&scan.bscan).expect("a run")));
    group.bench_function("surfaces", |b| b.iter(|| extract(&logits, &placement, &options)));
    group.bench_function("thickness", |b| b.iter(|| Thicknesses::measure(&surfaces, None)));
    group.bench_function("mask", |b| b.iter(|| surfaces.mask()));
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
