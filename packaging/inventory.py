"""What goes into the binary: checks the licences of it, and writes their notices and a bill of materials.

Usage: inventory.py [--notices FILE] [--sbom FILE]
Which licences may be there is the list in deny.toml; it ends with 1 where a package has none of them. The bill of materials
is CycloneDX 1.5.
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
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf")
NOTICE = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright)", re.IGNORECASE)
HEADER = """\
Notices of the software inside the octrls binary
================================================

Besides the packages below, the binary holds the standard library of Rust (MIT or Apache-2.0) and SQLite (public
domain, in libsqlite3-sys). A text that several packages share is here once.
"""


def cargo(*arguments):
    done = subprocess.run(("cargo", *arguments), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def shipped():
    """Name, version and licence of every package in the binary, but our own."""
    packages = set()
    for target in TARGETS:
        arguments = ("tree", "--locked", "--edges", "normal", "--prefix", "none", "--target", target)
        for line in cargo(*arguments, "--format", "{p}|{l}").splitlines():
            package, licence = line.removesuffix(" (*)").split("|")
            name, version = package.split()[:2]
            if name != "octrls":
                packages.add((name, version.removeprefix("v"), licence))
    return sorted(packages)


def permitted(expression, allowed):
    """Whether an SPDX expression can be met with allowed licences; "/" is an old way to say OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either(i):
        value, i = both(i)
        while i < len(tokens) and tokens[i] == "OR":
            other, i = both(i + 1)
            value = value or other
        return value, i

    def both(i):
        value, i = one(i)
        while i < len(tokens) and tokens[i] == "AND":
            other, i = one(i + 1)
            value = value and other
        return value, i

    def one(i):
        if tokens[i] == "(":
            value, i = either(i + 1)
            assert tokens[i] == ")", expression
            return value, i + 1
        if tokens[i + 1 : i + 2] == ["WITH"]:
            return " ".join(tokens[i : i + 3]) in allowed, i + 3
        return tokens[i] in allowed, i + 1

    value, end = either(0)
    assert end == len(tokens), expression
    return value


def sources():
    """Folder and authors of every package, by name and version."""
    platforms = (part for target in TARGETS for part in ("--filter-platform", target))
    return {
        (p["name"], p["version"]): (pathlib.Path(p["manifest_path"]).parent, p["authors"])
        for p in json.loads(cargo("metadata", "--locked", "--format-version", "1", *platforms))["packages"]
    }


def notices(packages):
    """The text of the notices: each package with its licence, then the texts."""
    folders = sources()
    lines, texts, bearers = [HEADER], {}, collections.defaultdict(list)
    for name, version, licence in packages:
        folder, authors = folders[name, version]
        lines.append(f"{name} {version}: {licence}")
        files = sorted(f for f in folder.iterdir() if f.is_file() and NOTICE.match(f.name))
        if not files:
            by = f", by {', '.join(authors)}" if authors else ""
            lines[-1] += f" (no text in the package{by}; the standard text holds)"
        for file in files:
            text = file.read_text(errors="replace").strip()
            # Copies of one text differ in their line breaks.
            key = " ".join(text.split())
            texts.setdefault(key, text)
            bearers[key].append(f"{name} {version}, {file.name}")
    lines += ["", "Standard text of the Apache License 2.0: see the first one below. Standard text of the MIT License:", ""]
    lines.append((ROOT / "LICENSE-MIT").read_text().split("\n\n", 2)[2].strip())
    shared = sorted(((texts[key], names) for key, names in bearers.items()), key=lambda item: (-len(item[1]), item[1]))
    apache = (ROOT / "LICENSE-APACHE").read_text().strip()
    for text, names in [(apache, ["packages without a text of their own"]), *shared]:
        lines += ["", "-" * 100, *names, "-" * 100, "", text]
    return "\n".join(lines) + "\n"


def sbom(packages):
    """The bill of materials; the same for the same sources."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    sums = {(p["name"], p["version"]): p.get("checksum") for p in lock}
    ours = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]

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

    components = [
        component("library", name, version, licence, sums[name, version], f"pkg:cargo/{name}@{version}")
        for name, version, licence in packages
    ]
    # The C library inside a package, under the name by which its faults are known.
    folder = next(folder for (name, _), (folder, _) in sources().items() if name == "libsqlite3-sys")
    header = (folder / "sqlite3/sqlite3.h").read_text()
    sqlite = re.search(r'SQLITE_VERSION\s+"([0-9.]+)"', header)[1]
    components.append(component("library", "sqlite", sqlite, "blessing", purl=f"pkg:generic/sqlite@{sqlite}"))
    for model in sorted((ROOT / "models").glob("*.onnx")):
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        components.append(component("machine-learning-model", model.stem, None, ours["license"], digest))

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
        "components": components,
    }


def main():
    parser = argparse.ArgumentParser(description="What goes into the binary")
    parser.add_argument("--notices", type=pathlib.Path)
    parser.add_argument("--sbom", type=pathlib.Path)
    arguments = parser.parse_args()
    allowed = set(tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"])
    packages = shipped()
    refused = [p for p in packages if not permitted(p[2], allowed)]
    for name, version, licence in refused:
        print(f"{name} {version}: {licence or 'no licence stated'}")
    if refused:
        sys.exit(f"{len(refused)} of {len(packages)} packages have no licence that deny.toml allows")
    print(f"{len(packages)} packages, each with a licence that deny.toml allows")
    if arguments.notices:
        arguments.notices.write_text(notices(packages))
    if arguments.sbom:
        arguments.sbom.write_text(json.dumps(sbom(packages), indent=2) + "\n")


main()
