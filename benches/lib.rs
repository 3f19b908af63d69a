//! Nothing: the benchmarks are in `stages.rs`.
