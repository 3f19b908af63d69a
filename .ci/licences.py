"""Checks the licences of everything that goes into the binary, and writes the notices that they ask for.

Usage: licences.py [NOTICES]
Which licences may be there is the list in deny.toml. Ends with 1 where a package has none of them.
"""

import collections
import json
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


def notices(packages):
    """The text of the notices: each package with its licence, then the texts."""
    platforms = (part for target in TARGETS for part in ("--filter-platform", target))
    folders = {
        (p["name"], p["version"]): (pathlib.Path(p["manifest_path"]).parent, p["authors"])
        for p in json.loads(cargo("metadata", "--locked", "--format-version", "1", *platforms))["packages"]
    }
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


def main():
    allowed = set(tomllib.loads((ROOT / "deny.toml").read_text())["licenses"]["allow"])
    packages = shipped()
    refused = [p for p in packages if not permitted(p[2], allowed)]
    for name, version, licence in refused:
        print(f"{name} {version}: {licence or 'no licence stated'}")
    if refused:
        sys.exit(f"{len(refused)} of {len(packages)} packages have no licence that deny.toml allows")
    print(f"{len(packages)} packages, each with a licence that deny.toml allows")
    if len(sys.argv) > 1:
        pathlib.Path(sys.argv[1]).write_text(notices(packages))


main()
