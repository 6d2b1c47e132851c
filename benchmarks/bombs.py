"""Memory and seconds of four commands on files that are made to cost far too much.

Each command runs in a process of its own. Asked: at most 2 GB and 20 s of processor
time, and one line on stderr for what is refused.

    python benchmarks/bombs.py
"""

import argparse
import io
import os
import resource
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

SCRIPT = "import sys; from tf_sphereface.commands.main import main; sys.exit(main())"
MOST_BYTES, MOST_SECONDS = 2 << 30, 20
COMMANDS = {
    "match": "match {bundle} {file} {file}",
    "embed": "embed {model} --images {folder} --out {out}.npz",
    "align": "align {folder} --out {out} --processes 1",
    "records": "records {folder} --out {out}",
}


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="for the bombs (default: temp)")
    parser.add_argument("--make", action="store_true", help="make the bombs, no more")
    parser.add_argument("--only", nargs="+", metavar="BOMB", help="names of bombs")
    return parser


def png(width, height, bits, colours, whole):
    """A black PNG, streamed; without its pixels unless it is to be whole."""
    row = bytes(1 + width * bits * {0: 1, 2: 3, 6: 4}[colours] // 8)
    packer, packed = zlib.compressobj(9), []
    for _ in range(height if whole else 1):
        packed.append(packer.compress(row))
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    data = b"".join(packed) + packer.flush()
    chunks = (b"IHDR", header), (b"IDAT", data), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def encoded(kind, size, **options):
    from PIL import Image

    content = io.BytesIO()
    Image.new("RGB", size).save(content, kind, **options)
    return content.getvalue()


def honest_jpeg(width, height):
    """A photo's worth of detail: noise that was enlarged."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3))
    content, image = io.BytesIO(), Image.fromarray(noise.astype(np.uint8))
    image.resize((width, height), Image.Resampling.BILINEAR).save(content, "JPEG")
    return content.getvalue()


def many_scans(side, scans):
    """A progressive JPEG whose last scan occurs so many times more."""
    content = encoded("JPEG", (side, side), progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * scans + content[-2:]


def jpeg_header(width, height):
    content = encoded("JPEG", (64, 64))
    place = content.index(b"\xff\xc0") + 5
    sides = struct.pack(">HH", height, width)
    return content[:place] + sides + content[place + 4 :]


def avif_header(side):
    content = encoded("AVIF", (64, 64), speed=10)
    sides = struct.pack(">II", 64, 64)
    return content.replace(b"ispe\0\0\0\0" + sides, b"ispe\0\0\0\0" + 2 * side)


def tiff(side, strip_bytes):
    """Grey, of one strip that says to have so many bytes."""
    fields = [
        *((256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1)),
        *((273, 4, 8), (277, 3, 1), (278, 4, side), (279, 4, strip_bytes)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in fields)
    return (
        b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(fields)) + entries
        + bytes(4)
    )  # fmt: skip


def zip_bomb(size):
    content, piece = io.BytesIO(), bytes(1 << 24)
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("Ada/1.png", "w", force_zip64=True) as member,
    ):
        for _ in range(size >> 24):
            member.write(piece)
    return content.getvalue()


def tar_of(size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo("Ada/1.png")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def npz(shape, rows=0):
    """Embeddings of that shape by the header; zeros for some rows."""
    from numpy.lib import format as npy

    header, content = io.BytesIO(), io.BytesIO()
    fields = {"descr": "<f4", "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(header, fields)
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("embeddings.npy", "w", force_zip64=True) as member:
            member.write(header.getvalue())
            for _ in range(rows):
                member.write(bytes(4 * shape[1]))
        archive.writestr("names.npy", header.getvalue())
    return content.getvalue()


BOMBS = {
    "PNG, 13,300 x 13,300": ("1.png", lambda: png(13_300, 13_300, 8, 2, True)),
    "PNG of 4 channels, 9,480 x 9,480": (
        "1.png",
        lambda: png(9_480, 9_480, 8, 6, True),
    ),
    "PNG, header of 900 megapixels": (
        "1.png",
        lambda: png(30_000, 30_000, 8, 2, False),
    ),
    "JPEG, honest 50 megapixels": ("1.jpg", lambda: honest_jpeg(8_664, 5_776)),
    "JPEG, 4,000 x 4,000, 74 kB of scans": ("1.jpg", lambda: many_scans(4_000, 30)),
    "JPEG, 1,000 x 1,000, 4,900 scans": ("1.jpg", lambda: many_scans(1_000, 4_900)),
    "JPEG, header of 900 megapixels": ("1.jpg", lambda: jpeg_header(30_000, 30_000)),
    "GIF, canvas of 65,535 x 65,535": (
        "1.gif",
        lambda: b"GIF89a" + b"\xff" * 4 + encoded("GIF", (1, 1))[10:],
    ),
    "TIFF, a strip of 4 GB": ("1.tif", lambda: tiff(9_000, (1 << 32) - 1)),
    "TIFF, header of 900 megapixels": ("1.tif", lambda: tiff(30_000, 900_000_000)),
    "WebP, 16,383 x 16,383": (
        "1.webp",
        lambda: encoded("WEBP", (16_383, 16_383), lossless=True, method=0),
    ),
    "AVIF, header of 1,600 megapixels": (
        "1.avif",
        lambda: avif_header(struct.pack(">I", 40_000)),
    ),
    "PPM, header of 900 megapixels": (
        "1.ppm",
        lambda: b"P6 30000 30000 255\n" + bytes(99),
    ),
    "zip, a photo of 4 GB": ("x.zip", lambda: zip_bomb(1 << 32)),
    "tar, a photo of 2^62 bytes": ("x.tar", lambda: tar_of(1 << 62)),
    "tar, a sparse photo of 2^62 bytes": (
        "x.tar",
        lambda: tar_of(1 << 62, tarfile.GNUTYPE_SPARSE),
    ),
    "tar, a name of 2^35 bytes": (
        "x.tar",
        lambda: tar_of(1 << 35, tarfile.GNUTYPE_LONGNAME),
    ),
    "npz, header of 10^12 numbers": ("x.npz", lambda: npz((10**6, 10**6))),
    "npz, 4 GB of zeros": ("x.npz", lambda: npz((1 << 20, 1 << 10), 1 << 20)),
}


def make_all(folder, wanted):
    """BOMB/aligned/Ada/1.png of photos, BOMB/x.zip of others; and a bundle."""
    for number, (name, (file, make)) in enumerate(BOMBS.items()):
        if wanted and name not in wanted:
            continue
        place = folder / str(number)
        if file[0] == "1":
            place = place / "Ada"
        place.mkdir(parents=True, exist_ok=True)
        if not (place / file).exists():
            (place / file).write_bytes(make())
    if (folder / "bundle").exists():
        return
    from tf_sphereface.backbones import SphereFaceCNN
    from tf_sphereface.deployment import export_bundle

    SphereFaceCNN(4, embedding_dim=32, width_multiplier=0.125).save(folder / "m.keras")
    export_bundle(folder / "m.keras", folder / "bundle")


def run(arguments):
    """Exit status, stderr, bytes of memory and seconds of processor time."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (120, 120)),
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        told = errors.read().decode(errors="replace")
    seconds = usage.ru_utime + usage.ru_stime
    return process.returncode, told, usage.ru_maxrss * 1024, seconds


def measure(folder, number, file, out):
    """A row's cells, and what was over the limits."""
    place, cells, over = folder / str(number), [], []
    photo = file[0] == "1"
    given = {
        "bundle": folder / "bundle",
        "model": place / file if file.endswith(".npz") else folder / "bundle",
        "file": next(place.rglob(file)),
        "folder": place if photo or file.endswith(".npz") else place / file,
    }
    for name, command in COMMANDS.items():
        words = command.format(**given, out=out / f"{number}-{name}").split()
        status, told, size, seconds = run(words)
        cells.append(f"{size / 1e6:,.0f} MB, {seconds:.1f} s")
        lines = [line for line in told.splitlines() if not line.startswith("note: ")]
        refused = status in (1, 2) and sum("error: " in line for line in lines) == 1
        if size > MOST_BYTES or seconds > MOST_SECONDS or not (refused or status == 0):
            over.append(f"{name}: status {status}, {cells[-1]}\n{told[-2000:]}")
    return cells, over


def main():
    args = build_parser().parse_args()
    if args.make:
        make_all(args.folder, args.only)
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as out:
        folder, start = args.folder or Path(out, "bombs"), time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        # In another process: what it takes would count for all that this one starts.
        make = [sys.executable, __file__, "--make", "--folder", folder]
        subprocess.run(make + (["--only", *args.only] if args.only else []), check=True)
        print(f"| bomb | file | {' | '.join(COMMANDS)} |")
        print("|---|---|" + "---|" * len(COMMANDS))
        for number, (name, (file, _)) in enumerate(BOMBS.items()):
            if args.only and name not in args.only:
                continue
            size = next((folder / str(number)).rglob(file)).stat().st_size
            cells, over = measure(folder, number, file, Path(out))
            print(
                f"| {name} | {size / 1e3:,.0f} kB | {' | '.join(cells)} |", flush=True
            )
            for each in over:
                print(f"OVER: {each}", file=sys.stderr)
            failed += len(over)
        print(f"{time.monotonic() - start:.0f} s, {failed} over", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
