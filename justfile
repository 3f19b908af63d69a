# Recipes for everyday work; `just` lists them.

default:
    @just --list

# The demo: synthetic scans arrive and the dashboard shows them
demo:
    cargo run --release -- demo

# All tests and lints of the runtime
test:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# Tests and lints of the training crate, on its pure-Rust backend
test-training:
    cd training && cargo fmt --check && cargo clippy --all-targets -- -D warnings && cargo test

training := "cargo run --release --manifest-path training/Cargo.toml --no-default-features --features tch --"

# Train, calibrate and export models/unet-640.onnx anew, in `runs/unet-640`; LIBTORCH names LibTorch 2.9.0
train-unet-640 minutes="110":
    {{training}} train --run training/runs/unet-640 --minutes {{minutes}} --learning-rate 0.002
    {{training}} export training/runs/unet-640 training/runs/unet-640.onnx
    {{training}} calibrate --model training/runs/unet-640.onnx training/runs/unet-640.json
    {{training}} export training/runs/unet-640 models/unet-640.onnx --calibration training/runs/unet-640.json

# The figures of the model's card, and a page with its worst scans, in `training/runs`
evaluate-unet-640:
    {{training}} evaluate --model models/unet-640.onnx --part test --out training/runs/unet-640-test

# Everything that CI runs
ci:
    .ci/run

# Cross-compile for ARM boxes
cross target="aarch64-unknown-linux-gnu":
    CROSS_CONFIG=cross.toml cross build --release --target {{target}}

# What each stage of a scan costs
bench:
    cargo bench
