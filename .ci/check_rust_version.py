"""Fails if a dependency needs a newer Rust than `rust-version` in Cargo.toml, or if our crates do not agree on it.

Needs no compiler of that version: Cargo knows the minimum that each package states.
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
command = ("cargo", "metadata", "--locked", "--format-version", "1")
metadata = json.loads(subprocess.check_output(command, cwd=ROOT))


def number(version):
    return [int(part) for part in version.split("-")[0].split(".")]


own = [p for p in metadata["packages"] if p["id"] in metadata["workspace_members"]]
ours = next(p["rust_version"] for p in own if p["name"] == "octrls")
wrong = [f"{p['name']} states {p['rust_version']}, octrls {ours}" for p in own if p["rust_version"] != ours]
for package in metadata["packages"]:
    needs = package["rust_version"]
    if needs and number(needs)[:2] > number(ours)[:2]:
        wrong.append(f"{package['name']} {package['version']} needs Rust {needs}")
if wrong:
    sys.exit("\n".join(wrong))
print(f"{len(metadata['packages'])} packages build with Rust {ours}, as they state")
