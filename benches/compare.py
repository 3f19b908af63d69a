"""Times octrls beside onnxruntime, OpenVINO and a straight Python pipeline, all in one run, and prints the tables of
docs/performance.md.

Usage: compare.py OCTRLS EXAMPLES [--rounds N] [--curves]
OCTRLS is the release binary, EXAMPLES the folder of the release examples. Run it on an idle machine, with the packages of
requirements.txt; `just bench` does all of that. Whatever is compared takes turns, so that a slow moment hits all alike;
figures are medians.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
import openvino

ROOT = pathlib.Path(__file__).resolve().parent.parent
PIPELINE = ROOT / "benches" / "pipeline.py"
MODELS = {name: str(ROOT / "models" / f"{name}.onnx") for name in ("unet-640", "edge")}
# Multiplications and additions of the convolutions, counted by their definition, for a full frame.
GFLOP = {"unet-640": 37.8, "edge": 9.5}
CORES = os.cpu_count()


# Runs a program from a small process: the system counts what the parent holds as memory of the child.
RUNNER = """
import os, sys, time
start = time.perf_counter()
silent = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent), 0)
seconds = time.perf_counter() - start
print(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def command(*words):
    """Seconds, processor seconds and most memory in MB of a program, and what it printed."""
    run = subprocess.run([sys.executable, "-ISc", RUNNER, *map(str, words)], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{words} ended with {run.returncode}")
    return *map(float, run.stderr.split()), run.stdout


def table(title, head, rows):
    print(f"\n**{title}**\n")
    print("| " + " | ".join(head) + " |")
    print("| --- |" + " ---: |" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(str(v) for v in row) + " |", flush=True)


def ms(values):
    return f"{statistics.median(values):.1f}"


def ratio(ours, theirs):
    return f"{statistics.median(ours) / statistics.median(theirs):.2f}"


def session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def openvino_request(model, threads):
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    return openvino.Core().compile_model(model, "CPU", settings).create_infer_request()


def timed(call):
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def networks(examples, rounds):
    x = np.random.default_rng(1).standard_normal((1, 1, 640, 640), dtype=np.float32)
    times, ratios, shares = [], [], []
    for threads in (1, 2):
        sessions = {name: session(model, threads) for name, model in MODELS.items()}
        requests = {name: openvino_request(model, threads) for name, model in MODELS.items()}
        reference, intel = ({name: [] for name in MODELS} for _ in range(2))
        ours, surfaces, tract, loads, firsts = ({name: [] for name in MODELS} for _ in range(5))
        peaks = []
        for _ in range(rounds):
            peaks.append(float(command(examples / "peak", threads)[3]))
            for name, model in MODELS.items():
                for _ in range(4):
                    reference[name].append(
                        timed(lambda: sessions[name].run(None, {sessions[name].get_inputs()[0].name: x})))
                for _ in range(4):
                    intel[name].append(timed(lambda: requests[name].infer([x])))
                for line in command(examples / "time_network", model, threads, 4)[3].splitlines():
                    kind, *values = line.split()
                    if kind == "run":
                        ours[name].append(float(values[0]))
                        surfaces[name].append(float(values[1]))
                    else:
                        (loads if kind == "load" else firsts)[name].append(float(values[0]))
                for line in command(examples / "time_network", model, threads, 1, "tract")[3].splitlines():
                    if line.startswith("run"):
                        tract[name].append(float(line.split()[1]))
        peak = statistics.median(peaks)
        for name in MODELS:
            times.append([f"{name}, {threads}", ms(ours[name]), ms(reference[name]), ms(intel[name]), ms(tract[name]),
                          ratio(ours[name], reference[name]), ratio(ours[name], intel[name]),
                          ratio(ours[name], tract[name])])
            rate = GFLOP[name] / statistics.median(ours[name]) * 1e3
            theirs = GFLOP[name] / statistics.median(reference[name]) * 1e3
            shares.append([f"{name}, {threads}", f"{peak:.0f}", f"{rate:.0f}", f"{100 * rate / peak:.0f} %",
                           f"{100 * theirs / peak:.0f} %"])
            ratios.append([f"{name}, {threads}", ms(surfaces[name]), ratio(surfaces[name], reference["unet-640"]),
                           ms(loads[name]), ms(firsts[name])])
    table("The network alone, full frame, ms", ["model, threads", "ours", "onnxruntime", "OpenVINO",
          "tract's operators", "ours / onnxruntime", "ours / OpenVINO", "ours / tract"], times)
    table("Rate of the convolutions, GFLOP/s, counted by their definition", ["model, threads", "peak", "ours",
          "ours of peak", "onnxruntime of peak"], shares)
    table("From pixels to surfaces, ms (a phantom of 768 x 496)", ["model, threads", "ours",
          "ours / onnxruntime's unet-640 alone", "load", "first scan"], ratios)


def scans(octrls, folder, count, *more):
    command(octrls, "phantom", folder, "--count", count, *more)
    return sorted(folder.glob("*.png"))


def files(octrls, rounds, folder):
    paths = scans(octrls, folder / "scans", 20, "--varied")
    rows = []
    keras = subprocess.run([sys.executable, "-c", "import tensorflow"], stderr=subprocess.DEVNULL).returncode == 0
    for number in (1, 20):
        some = paths[:number]
        ours, theirs, seed = {name: [] for name in MODELS}, [], []
        memory = {name: [] for name in MODELS}
        for _ in range(rounds):
            shutil.rmtree(folder / "py", ignore_errors=True)
            theirs.append(command(sys.executable, PIPELINE, MODELS["unet-640"], CORES, folder / "py", *some)[0] * 1e3)
            if keras:
                shutil.rmtree(folder / "py", ignore_errors=True)
                seed.append(command(sys.executable, PIPELINE, "keras", CORES, folder / "py", *some)[0] * 1e3)
            for name in MODELS:
                shutil.rmtree(folder / "rs", ignore_errors=True)
                seconds, _, peak, _ = command(octrls, "segment", "--model", name, "--out", folder / "rs", *some)
                ours[name].append(seconds * 1e3)
                memory[name].append(peak)
        for name in MODELS:
            rows.append([f"{name}, {number}", ms(ours[name]), ms(theirs), ratio(ours[name], theirs),
                         *((ms(seed), ratio(ours[name], seed)) if keras else ("TensorFlow is not here", "")),
                         f"{max(memory[name]):.0f}"])
    table("From files to all results on disk, whole program, ms", ["model, scans", "octrls", "Python with unet-640",
          "octrls / Python", "Python with Keras", "octrls / Keras", "octrls, MB at most"], rows)


def one_at_a_time(octrls, folder):
    paths = scans(octrls, folder / "alone", 3, "--varied")
    rows = []
    for name in MODELS:
        _, _, peak, _ = command(octrls, "segment", "--model", name, "--jobs", 1, "--out", folder / "alone-out", *paths)
        rows.append([name, f"{peak:.0f}"])
    table("Most memory, one scan at a time, MB", ["model", "MB"], rows)


def volumes(octrls, folder, sizes):
    rows = []
    for size in sizes:
        volume = folder / f"volume-{size}"
        for path in scans(octrls, volume, size):
            path.with_suffix(".png.toml").unlink(missing_ok=True)
        for name in MODELS:
            shutil.rmtree(folder / "vol", ignore_errors=True)
            seconds, processor, peak, _ = command(octrls, "segment", "--volume", "--model", name, "--out", folder / "vol", volume)
            rows.append([f"{name}, {size}", f"{seconds:.2f}", f"{size / seconds:.1f}", f"{100 * processor / seconds / CORES:.0f} %",
                         f"{peak:.0f}"])
        shutil.rmtree(volume)
    table("Volumes", ["model, B-scans", "s", "B-scans a second", "of all cores", "MB at most"], rows)


def queues(octrls, folder, sizes):
    rows = []
    for size in sizes:
        watched = folder / f"watched-{size}"
        scans(octrls, watched, size, "--varied")
        first = command(octrls, "watch", "--once", "--plain", "--stable", "0.1", "--model", "edge", "--out", folder / f"out-{size}", watched)
        again = command(octrls, "watch", "--once", "--plain", "--stable", "0.1", "--model", "edge", "--out", folder / f"out-{size}", watched)
        rows.append([size, f"{first[0]:.2f}", f"{first[0] / size * 1e3:.0f}", f"{first[2]:.0f}", f"{again[0]:.2f}", f"{again[1]:.2f}"])
        shutil.rmtree(watched)
        shutil.rmtree(folder / f"out-{size}")
    table("A watched folder with the model edge", ["scans", "s", "ms a scan", "MB at most", "s when all is done already",
          "processor s of these"], rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("octrls", type=pathlib.Path)
    parser.add_argument("examples", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--curves", action="store_true", help="also how cost grows with the number of scans and B-scans")
    arguments = parser.parse_args()
    octrls = arguments.octrls.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        networks(arguments.examples.resolve(), arguments.rounds)
        files(octrls, arguments.rounds, folder)
        one_at_a_time(octrls, folder)
        volumes(octrls, folder, (1, 10, 49, 400) if arguments.curves else (49,))
        queues(octrls, folder, (1, 10, 100, 1000) if arguments.curves else (20,))


main()
