#!/usr/bin/env python3
"""Prints what two octrls binaries make of the files that stand for kinds which once failed, as a Markdown table.

Usage: compare_cases.py BEFORE AFTER CASES [--memory MIB] [--only NAME...]

Each file or folder of CASES is segmented by itself, with MIB of address space (default 6000). A cell holds the verdict,
the letters of its flags and its notes, or the code of the failure; and for files made from another one, the mean distance
of the retina's lines from those of that one, in rows.
"""

import argparse
import csv
import json
import pathlib
import re
import resource
import subprocess
import tempfile

LINES = ["ILM", "NFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ONL_EZ", "EZ_RPE", "RPE_BM"]
# A file, the one that it was made from (below CASES), and the rows that were cut off above.
MADE_FROM = {
    "Subject05_09__crop20.png": ("../data/tian_healthy/images/Subject05_09.png", 145),
    "Subject05_09__crop40.png": ("../data/tian_healthy/images/Subject05_09.png", 125),
    "white_strip_below.png": ("white_strip_reference.png", 0),
}
FAILED = re.compile(r"\b[EW]-[A-Z0-9]+(?:-[A-Z0-9]+)+")


def run(binary, scan, out, memory):
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (memory << 20, memory << 20))
    words = [binary, "segment", str(scan), "--out", str(out), "--jobs", "1"]
    return subprocess.run(words, capture_output=True, text=True, preexec_fn=limit, stdin=subprocess.DEVNULL)


def lines(folder):
    with open(folder / "boundaries.csv") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if row.get(name) else None for row in rows] for name in LINES}


def distance(found, reference, above):
    pairs = [
        abs(f + above - r)
        for name in LINES
        for f, r in zip(found[name], reference[name])
        if f is not None and r is not None
    ]
    return sum(pairs) / len(pairs) if pairs else None


def outcome(binary, scan, memory, reference=None, above=0):
    with tempfile.TemporaryDirectory() as out:
        done = run(binary, scan, out, memory)
        folders = [path.parent for path in pathlib.Path(out).rglob("result.json")]
        words = []
        for folder in folders[:1]:
            result = json.loads((folder / "result.json").read_text())
            words.append(result["verdict"].replace("_", " "))
            words += [result["no_retina"].replace("_", " ")] if result.get("no_retina") else []
            words += [f"flagged {result['quality']['flags']}"] if result["quality"]["flags"] else []
            words += [note["note"] for note in result.get("notes", [])]
            words += [f["words"] for f in result.get("findings", [])][:3]
            if reference is not None and (folder / "boundaries.csv").exists():
                rows = distance(lines(folder), reference, above)
                words += [f"{rows:.2f} rows off"] if rows is not None else []
        words += [f"{len(folders)} scans"] if len(folders) > 1 else []
        if not folders:
            codes = FAILED.findall(done.stderr + done.stdout)
            killed = f"killed by signal {-done.returncode}" if done.returncode < 0 else None
            words = [killed or (codes[0] if codes else done.stderr.strip().splitlines()[-1][:60])]
        return ", ".join(words)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--memory", type=int, default=6000)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    references = {}
    print("| file | before | after |\n| --- | --- | --- |")
    for scan in sorted(options.cases.iterdir()):
        if scan.name == "README.md" or (options.only and scan.name not in options.only):
            continue
        cells = []
        for binary in (options.before, options.after):
            original, above = MADE_FROM.get(scan.name, (None, 0))
            if original and (binary, original) not in references:
                with tempfile.TemporaryDirectory() as out:
                    run(binary, options.cases / original, out, options.memory)
                    references[binary, original] = lines(next(pathlib.Path(out).rglob("boundaries.csv")).parent)
            cells.append(outcome(binary, scan, options.memory, references.get((binary, original)), above))
        print(f"| `{scan.name}` | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
