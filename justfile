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

# Everything that CI runs
ci:
    .ci/run

# Cross-compile for ARM boxes
cross target="aarch64-unknown-linux-gnu":
    CROSS_CONFIG=cross.toml cross build --release --target {{target}}
