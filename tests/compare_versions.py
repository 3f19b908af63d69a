#!/usr/bin/env python3
"""Compares the results of two octrls binaries, file by file.

Usage: compare_versions.py BEFORE AFTER DATA... [--out DIR] [--model edge|unet-640] [--jobs N] [-- SEGMENT OPTIONS]

Both binaries segment every scan below the DATA folders, one call of `segment` for each folder, with the same options.
Label folders (LABELS) are left out. Two more sets are made with BEFORE: `synthetic` has phantoms, among them a TIFF
volume with places and a DICOM volume; `broken` has one file of each format, cut in half, so that error codes are
compared as well.

Files must have the same bytes, except for these fields:

- result.json: the program's version, `created`, `seconds`, `network_seconds`, `surface_seconds`, and the DICOM
  identifiers that octrls makes (2.25.N). Identifiers follow from the program's version, so they are numbered in the
  order in which a result folder mentions them, and the numbers must agree.
- *.dcm: the same identifiers, the program's version, content date and time, and the encoding of lengths. An
  encapsulated PDF is compared as report.pdf is.
- report.pdf: only the number of pages and the page sizes. Words, fonts and drawing may differ.
- TEXTS, FILES, ADDED and REVISED below: changes made on purpose.

Exit codes of `segment` and the error codes of failed scans must agree; the words of an error may differ.

Exit code: 0 no unexplained difference, 1 differences, 2 wrong arguments or nothing to compare.
"""

import argparse
import collections
import contextlib
import fnmatch
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

# Texts in results that changed on purpose: old, new. Applied to what BEFORE wrote, in JSON, CSV and DICOM.
TEXTS = [
    # ("old words", "new words"),
]
CHOROID = "the choroid is given where it cannot be seen, too"
# Files that may differ on purpose: pattern of the file's name, reason.
FILES = [
    # ("overlay*.png", "the legend has new words"),
    ("report.*", "the report begins with verdict and findings"),
    *((f"{name}*", CHOROID) for name in ("mask", "overlay", "surfaces", "measures", "label", "thickness-")),
]

# Keys of result.json and columns of tables that only AFTER has.
ADDED = {"findings", "lesions", "choroid_visible", "EZ_END", "RPE_OUTER", "CSB_kind", "visible"}
# The choroid is given in every A-scan with a retina: its columns, and its entries in lists, are left out.
REVISED = {"CSB", "choroid_um", "choroid_px"}
SCHEMAS = {"octrls.result/2": "octrls.result/1"}

# Folders of DATA with labels: images that are not scans.
LABELS = ("masks*", "lesions", "other", "fluid", "boundaries*", "confidence", "*_traced")
SCANS = {
    *(".bmp", ".dcm", ".dicom", ".e2e", ".fda", ".fds", ".img", ".jpeg", ".jpg"),
    *(".oct", ".png", ".tif", ".tiff", ".vol", ".xml"),
}
TIMES = ("created", "seconds", "network_seconds", "surface_seconds")

FAILED = re.compile(rb"^(?P<scan>.*?) {2}(?P<code>[EW]-[A-Z0-9-]+)", re.MULTILINE)
CODE = re.compile(rb"\bE-[A-Z0-9]+(?:-[A-Z0-9]+)+")
OWN_UID = re.compile(rb"\b2\.25\.[0-9]+")


# ---- The two runs


def version(binary):
    printed = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout
    return printed.split()[1]


def groups(data):
    """The topmost folders that hold scans themselves; `segment` searches them with all below."""
    found = []
    for folder, below, files in os.walk(data):
        if any(pathlib.Path(name).suffix.lower() in SCANS for name in files):
            found.append(pathlib.Path(folder))
            below.clear()
        below[:] = sorted(n for n in below if not any(fnmatch.fnmatch(n, label) for label in LABELS))
    return found


Run = collections.namedtuple("Run", "status failed codes")


def segment(binary, inputs, out, options):
    """Exit code, code of every failed scan, and all codes printed, in the order of their names."""
    words = [binary, "segment", *map(str, inputs), "--out", str(out), *options]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True)
    failed = {m["scan"].decode(): m["code"].decode() for m in FAILED.finditer(done.stderr)}
    return Run(done.returncode, failed, sorted(code.decode() for code in CODE.findall(done.stderr)))


# ---- Scans made here


def synthetic(binary, folder):
    """Phantoms: B-scans of several scanners, a TIFF volume with places, and a DICOM volume."""

    def phantom(*words):
        subprocess.run([binary, "phantom", *words], check=True, stdout=subprocess.DEVNULL)

    folder.mkdir()
    for options in (["--count", "3", "--varied"], ["--count", "1", "--seed", "50", "--bscans", "7"]):
        phantom(folder, *options)
    with tempfile.TemporaryDirectory() as frames:
        phantom(frames, "--count", "3", "--seed", "90")
        images = [grey_png(path.read_bytes()) for path in sorted(pathlib.Path(frames).glob("*.png"))]
    (folder / "volume.dcm").write_bytes(tomography(images))


def broken(scans, folder):
    """The first half of the smallest file of each format."""
    folder.mkdir()
    smallest = {}
    for path in sorted(scans, key=lambda path: (path.stat().st_size, path)):
        smallest.setdefault(path.suffix.lower(), path)
    for suffix, path in sorted(smallest.items()):
        data = path.read_bytes()
        (folder / f"half{suffix}").write_bytes(data[: len(data) // 2])
    (folder / "empty.png").touch()
    (folder / "text.dcm").write_text("no image\n")


def grey_png(data):
    """Width, height and pixels of an 8-bit grey PNG without interlacing."""
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, colour, interlaced) == (8, 0, 0), "not an 8-bit grey PNG"
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    rows, pixels, above = zlib.decompress(packed), bytearray(), bytes(width)
    for y in range(height):
        start = y * (width + 1)
        how, row = rows[start], bytearray(rows[start + 1 : start + 1 + width])
        for x in range(width if how else 0):
            left, up, corner = (row[x - 1], above[x], above[x - 1]) if x else (0, above[x], 0)
            nearest = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
            row[x] = (row[x] + (left, up, (left + up) // 2, nearest)[how - 1]) & 255
        pixels += row
        above = row
    return width, height, bytes(pixels)


def tomography(images):
    """An Ophthalmic Tomography object of these B-scans, half a millimetre apart."""

    def element(tag, vr, value):
        if isinstance(value, str):
            value = value.encode() + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
        head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
        return head + (struct.pack("<HI", 0, len(value)) if vr in LONG else struct.pack("<H", len(value))) + value

    def sequence(tag, *items):
        return element(tag, "SQ", b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(i)) + i for i in items))

    width, height, _ = images[0]
    word = struct.Struct("<H").pack
    root = "1.2.826.0.1.3680043.8.498."
    kind = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
    shared = (
        sequence(0x00209071, element(0x00209072, "CS", "R"))
        + sequence(0x00209116, element(0x00200037, "DS", "1\\0\\0\\0\\1\\0"))
        + sequence(0x00289110, element(0x00280030, "DS", "0.00387\\0.0113"))
    )
    places = (f"-4.3\\0\\{0.5 * (1 - i)}" for i in range(len(images)))
    frames = (sequence(0x00209113, element(0x00200032, "DS", place)) for place in places)
    elements = [
        element(0x00080016, "UI", kind),
        element(0x00080018, "UI", f"{root}3"),
        element(0x00080020, "DA", "20260102"),
        element(0x00080030, "TM", "101500"),
        element(0x00080060, "CS", "OPT"),
        element(0x00100010, "PN", "Phantom^Compared"),
        element(0x00100020, "LO", "P-1"),
        element(0x00100030, "DA", "19500101"),
        element(0x00100040, "CS", "F"),
        element(0x0020000D, "UI", f"{root}1"),
        element(0x0020000E, "UI", f"{root}2"),
        element(0x00200052, "UI", f"{root}4"),
        element(0x00280002, "US", word(1)),
        element(0x00280004, "CS", "MONOCHROME2"),
        element(0x00280008, "IS", str(len(images))),
        element(0x00280010, "US", word(height)),
        element(0x00280011, "US", word(width)),
        element(0x00280100, "US", word(8)),
        element(0x00280101, "US", word(8)),
        element(0x00280102, "US", word(7)),
        element(0x00280103, "US", word(0)),
        sequence(0x52009229, shared),
        sequence(0x52009230, *frames),
        element(0x7FE00010, "OB", b"".join(pixels for _, _, pixels in images)),
    ]
    meta = (
        element(0x00020001, "OB", b"\0\1")
        + element(0x00020002, "UI", kind)
        + element(0x00020003, "UI", f"{root}3")
        + element(0x00020010, "UI", "1.2.840.10008.1.2.1")
    )
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + b"".join(elements)


# ---- Comparing files


class Side:
    """What one version wrote into one result folder: the fields that may differ are put aside."""

    def __init__(self, program, texts=()):
        self.program, self.texts = program.encode(), texts
        self.uids, self.used = {}, collections.Counter()

    def neutral(self, data):
        data = OWN_UID.sub(lambda m: self.uids.setdefault(m[0], b"<uid %d>" % (len(self.uids) + 1)), data)
        for old, new in self.texts:
            if old.encode() in data:
                self.used[old] += 1
                data = data.replace(old.encode(), new.encode())
        return data

    def json(self, data):
        data = re.sub(rb'("octrls": *)"%s"' % re.escape(self.program), rb'\1"<version>"', data)
        data = re.sub(rb'("(?:%s)": *)(?:"[^"]*"|[-+.eE0-9]+)' % "|".join(TIMES).encode(), rb"\1<time>", data)
        return self.neutral(data)

    def dicom(self, data):
        """Path and value of every element, as (path, VR, bytes); a PDF as its pages."""
        elements = []
        for path, vr, value in dicom(data):
            tag = path.rsplit("/", 1)[-1]
            if tag in DICOM_TIMES or tag == GROUP_LENGTH:
                value = b""
            elif tag == PDF and value.startswith(b"%PDF"):
                value = str(pages(value)).encode()
            elif vr in TEXT:
                value = self.neutral(value.rstrip(b"\0 "))
                value = re.sub(rb"(octrls[ _]|^)%s\b" % re.escape(self.program), rb"\1<version>", value, flags=re.I)
            elements.append((path, vr, value))
        return elements


LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
TEXT = ("AE", "AS", "CS", "DS", "IS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT")
DICOM_TIMES = ("(0008,0023)", "(0008,0033)")
# The length of the identifiers moves it.
GROUP_LENGTH = "(0002,0000)"
# The length of an encapsulated document is an element of its own.
PDF, PDF_LENGTH = "(0042,0011)", "(0042,0015)"


def dicom(data):
    """Every element of a file in explicit VR little endian as (path, VR, value)."""
    assert data[128:132] == b"DICM", "not a DICOM file"
    whole = 0xFFFFFFFF

    def walk(at, end, path):
        index = 0
        while at < end:
            group, tag = struct.unpack_from("<HH", data, at)
            if group == 0xFFFE:
                (length,) = struct.unpack_from("<I", data, at + 4)
                at += 8
                if tag != 0xE000:
                    return at
                inner = f"{path}[{index}]/"
                index += 1
                at = yield from walk(at, end if length == whole else at + length, inner)
                continue
            vr = data[at + 4 : at + 6].decode()
            long = vr in LONG
            (length,) = struct.unpack_from("<I" if long else "<H", data, at + (8 if long else 6))
            at += 12 if long else 8
            name = f"{path}({group:04X},{tag:04X})"
            if vr == "SQ":
                yield name, vr, b""
                at = yield from walk(at, end if length == whole else at + length, name)
                continue
            if length == whole:
                raise ValueError(f"{name} has no length")
            if name.rsplit("/", 1)[-1] != PDF_LENGTH:
                yield name, vr, data[at : at + length]
            at += length
        return at

    yield from walk(132, len(data), "")


def pages(data):
    """Number of pages of a PDF, and their sizes in points."""
    parts = [data]
    for m in re.finditer(rb"/ObjStm\b.*?stream\r?\n", data, re.DOTALL):
        with contextlib.suppress(zlib.error):
            parts.append(zlib.decompressobj().decompress(data[m.end() :]))
    count, sizes = 0, set()
    for part in parts:
        count += len(re.findall(rb"/Type\s*/Page\b", part))
        for box in re.findall(rb"/MediaBox\s*\[([^\]]*)\]", part):
            left, lower, right, upper = map(float, box.split())
            sizes.add((round(right - left), round(upper - lower)))
    return count, sorted(sizes)


def comparable(value):
    """A value of result.json without what changed on purpose."""

    def is_revised(item):
        named = isinstance(item, dict) and [item.get(key) for key in ("layer", "boundary", "criterion", "measure")]
        return named and any(isinstance(n, str) and (n in REVISED or "choroid" in n) for n in named)

    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items() if key not in ADDED}
    if isinstance(value, list):
        return [comparable(item) for item in value if not is_revised(item)]
    return SCHEMAS.get(value, value) if isinstance(value, str) else value


def comparable_lines(table):
    """A CSV table without what changed on purpose."""
    lines = [line.split(b",") for line in table.splitlines()]
    names = [name.decode() for name in lines[0]] if lines else []
    kept = [i for i, name in enumerate(names) if name not in ADDED | REVISED]
    lines = (line for line in lines if line[0] != b"choroid")
    return b"\n".join(b",".join(line[i] for i in kept) for line in lines)


def first_of_json(a, b, path=""):
    """The first place at which two values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        if list(a) != list(b):
            only = [*(f"-{key}" for key in a if key not in b), *(f"+{key}" for key in b if key not in a)]
            return f"{path or 'top'}: keys {' '.join(only) or 'in another order'}"
        steps = ((f"{path}.{key}".lstrip("."), a[key], b[key]) for key in a)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        steps = ((f"{path}[{i}]", x, y) for i, (x, y) in enumerate(zip(a, b)))
    else:
        return None if a == b else f"{path}: {short(a)} -> {short(b)}"
    return next(filter(None, (first_of_json(x, y, where) for where, x, y in steps)), None)


def short(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def first_of_bytes(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"byte {at} of {len(a)} -> {len(b)}"


def first_of_lines(a, b):
    a, b = a.decode(errors="replace").splitlines(), b.decode(errors="replace").splitlines()
    for number, (x, y) in enumerate(zip(a, b), 1):
        if x != y:
            cells = zip(x.split(","), y.split(","))
            column, (old, new) = next(((i, c) for i, c in enumerate(cells, 1) if c[0] != c[1]), (0, (x, y)))
            return f"line {number}, column {column}: {short(old)} -> {short(new)}"
    return f"{len(a)} -> {len(b)} lines" if len(a) != len(b) else "line endings"


def difference(name, before, after, a, b):
    """The first difference of two files; `a` and `b` put aside what may differ."""
    if name.endswith(".json"):
        x, y = a.json(before), b.json(after)
        if x == y:
            return None
        loaded = [comparable(json.loads(text.replace(b"<time>", b"0"))) for text in (x, y)]
        return first_of_json(*loaded)
    if name.endswith(".dcm"):
        x, y = a.dicom(before), b.dicom(after)
        if x == y:
            return None
        old, new = next(((p, q) for p, q in zip(x, y) if p != q), (None, None))
        if old is None:
            return f"{len(x)} -> {len(y)} elements"
        return f"{old[0]} {old[1]} {short(old[2])} -> {new[0]} {new[1]} {short(new[2])}"
    if name.endswith(".pdf"):
        x, y = pages(before), pages(after)
        return None if x == y and x[0] else f"pages {x} -> {y}"
    if name.endswith(".csv"):
        x, y = comparable_lines(a.neutral(before)), comparable_lines(b.neutral(after))
        return None if x == y else first_of_lines(x, y)
    return None if before == after else first_of_bytes(before, after)


class Report:
    """What was compared, and what differs."""

    def __init__(self):
        self.same, self.scans, self.failed, self.pdfs = 0, 0, 0, [0, 0, 0]
        self.differ, self.explained = collections.defaultdict(list), collections.Counter()
        self.used = collections.Counter()

    def wrong(self, kind, where, what):
        self.differ[kind].append((where, what))

    def folder(self, label, names, before, after, versions):
        """Compares the files of one result folder."""
        a, b = Side(versions[0], TEXTS), Side(versions[1])
        alike = True
        for name in names:
            # One line of the summary for all masks of a volume.
            kind = re.sub(r"-\d+(?=\.)", "-N", name)
            paths = before / name, after / name
            missing = [which for which, path in zip(("before", "after"), paths) if not path.is_file()]
            if missing:
                self.wrong(kind, label, f"not there {missing[0]}")
                alike = False
                continue
            old, new = (path.read_bytes() for path in paths)
            try:
                what = difference(name, old, new, a, b)
            except (ValueError, AssertionError, struct.error, UnicodeDecodeError) as error:
                what = f"cannot be compared: {error}" if old != new else None
            if name.endswith(".pdf"):
                self.pdfs = [n + m for n, m in zip(self.pdfs, (old != new, len(old), len(new)))]
            reason = next((reason for pattern, reason in FILES if fnmatch.fnmatch(name, pattern)), None)
            if what and reason:
                self.explained[reason] += 1
            elif what:
                self.wrong(kind, label, what)
                alike = False
        self.used += a.used
        self.scans += 1
        self.same += alike

    def group(self, label, runs, outs, versions):
        """Compares two runs over one folder of scans."""
        before, after = runs
        if before.status != after.status:
            self.wrong("exit code", label, f"{before.status} -> {after.status} ({' '.join(after.codes[:3])})")
        elif not before.failed and before.codes != after.codes:
            self.wrong("error code", label, f"{before.codes} -> {after.codes}")
        for scan in sorted({*before.failed, *after.failed}):
            self.failed += 1
            old, new = before.failed.get(scan, "done"), after.failed.get(scan, "done")
            if old != new:
                self.wrong("error code", f"{label}/{scan}", f"{old} -> {new}")
        found = collections.defaultdict(set)
        for out in outs:
            for path in out.rglob("*") if out.is_dir() else ():
                below = path.relative_to(out)
                if path.is_file() and not any(part.startswith(".") for part in below.parts):
                    found[below.parent].add(below.name)
        for folder, names in sorted(found.items()):
            # The order decides the numbers of the identifiers.
            names = sorted(names, key=lambda name: (name != "result.json", name))
            self.folder(f"{label}/{folder}", names, outs[0] / folder, outs[1] / folder, versions)

    def print(self):
        print(f"\n{self.scans} result folders: {self.same} identical, {self.scans - self.same} different")
        print(f"{self.failed} scans failed; their error codes were compared")
        changed, old, new = self.pdfs
        print(f"report.pdf: {changed} have other bytes but are compared by pages alone; {old} -> {new} bytes in all")
        for text, count in self.used.most_common():
            print(f"changed on purpose: {short(text)!r} in {count} files")
        for old, _ in TEXTS:
            if not self.used[old]:
                print(f"note: {short(old)!r} of TEXTS occurs nowhere")
        for reason, count in self.explained.most_common():
            print(f"changed on purpose: {count} files: {reason}")
        for kind, places in sorted(self.differ.items(), key=lambda item: -len(item[1])):
            print(f"DIFFERENT {kind}: {len(places)}")
            for where, what in places[:5]:
                print(f"    {where}: {what}")
        return bool(self.differ)


def main():
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    own, more = sys.argv[1:at], sys.argv[at + 1 :]
    parser = argparse.ArgumentParser(
        description="Compares the results of two octrls binaries, file by file",
        epilog="Options after -- go to `segment`, of both binaries.",
    )
    parser.add_argument("before", metavar="BEFORE", type=pathlib.Path)
    parser.add_argument("after", metavar="AFTER", type=pathlib.Path)
    parser.add_argument("data", metavar="DATA", type=pathlib.Path, nargs="+", help="folders with scans")
    parser.add_argument("--out", type=pathlib.Path, help="keep the results here (default: a temporary folder)")
    parser.add_argument("--model", choices=("edge", "unet-640"), default="edge")
    parser.add_argument("--jobs", type=int, default=1, help="scans at once (default: 1)")
    arguments = parser.parse_args(own)
    binaries = [str(path.resolve()) for path in (arguments.before, arguments.after)]
    for binary in binaries:
        if not os.access(binary, os.X_OK):
            parser.error(f"{binary} is not a program")
    versions = [version(binary) for binary in binaries]
    options = ["--model", arguments.model, "--device", "cpu", "--jobs", str(arguments.jobs), *more]

    with contextlib.ExitStack() as stack:
        work = arguments.out or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        for name in ("made", "before", "after"):
            if (work / name).exists():
                parser.error(f"{work / name} already exists")
        data = [path.resolve() for path in arguments.data]
        inputs = [(str(folder.relative_to(root.parent)), folder) for root in data for folder in groups(root)]
        if not inputs:
            parser.error("no scans found")
        made = work / "made"
        made.mkdir()
        synthetic(binaries[0], made / "synthetic")
        scans = (p for _, folder in inputs for p in folder.iterdir() if p.suffix.lower() in SCANS and p.is_file())
        broken([*scans, made / "synthetic" / "volume.dcm"], made / "broken")
        inputs += [(name, made / name) for name in ("synthetic", "broken")]

        report, start = Report(), time.monotonic()
        for number, (label, folder) in enumerate(inputs):
            outs = [work / side / f"{number:03}-{folder.name}" for side in ("before", "after")]
            runs = [segment(binary, [folder], out, options) for binary, out in zip(binaries, outs)]
            report.group(label, runs, outs, versions)
            first, seconds = runs[0], time.monotonic() - start
            print(f"[{seconds:6.1f} s] {label}: exit {first.status}, {len(first.failed)} failed", flush=True)
            if not arguments.out:
                for out in outs:
                    shutil.rmtree(out, ignore_errors=True)
        print(f"\n{' -> '.join(versions)}, model {arguments.model}", end="")
        return 1 if report.print() else 0


if __name__ == "__main__":
    sys.exit(main())
