"""Peak memory of `sphereface align` for few and for many photos: all its processes.

Synthetic photos are repeated by hard links. Asked: 100,000 photos take at most a tenth
more than a few.

    python benchmarks/alignment_memory.py --few 1000 --many 100000
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEED, ORIGINALS, PER_PERSON = 0, 16, 50
SCRIPT = "import sys; from tf_sphereface.commands.main import main; sys.exit(main())"
PAGE = os.sysconf("SC_PAGE_SIZE")


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--few", type=int, default=1000, help="photos (default: 1000)")
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=250, help="of a photo, pixels")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="for the photos (default: temp)")
    return parser


def render(folder, side):
    import numpy as np
    from PIL import Image

    from tf_sphereface.data.synthetic import (
        render_photo,
        sample_capture,
        sample_identity,
    )

    rng, paths = np.random.default_rng(SEED), []
    folder.mkdir()
    for number in range(ORIGINALS):
        capture = sample_capture(rng, 10.0)
        image = render_photo(sample_identity(rng), capture, side).image
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(image).save(paths[-1], quality=90)
    return paths


def link(paths, folder, count):
    for number in range(count):
        person = folder / f"person{number // PER_PERSON:05d}"
        if number % PER_PERSON == 0:
            person.mkdir(parents=True)
        os.link(paths[number % len(paths)], person / f"photo_{number:06d}.jpg")
    return folder


def resident(group):
    """Memory of all processes of a session, bytes (pages they share count twice)."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == group:
                total += int((stat.parent / "statm").read_text().split()[1]) * PAGE
        except OSError:
            continue  # it has ended meanwhile
    return total


def peak(photos, out, processes):
    """Aligns; gives the greatest memory of all processes together, bytes."""
    command = ["align", str(photos), "--out", str(out), "--processes", str(processes)]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *command],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    highest = 0
    while process.poll() is None:
        highest = max(highest, resident(process.pid))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit("error: the alignment failed")
    return highest


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.detection import cached_networks

    cached_networks()
    peaks, seconds = {}, {}
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        originals = render(folder / "originals", args.side)
        for count in (args.few, args.many):
            photos = link(originals, folder / f"photos-{count}", count)
            started = time.monotonic()
            peaks[count] = peak(photos, folder / f"out-{count}", args.processes)
            seconds[count] = round(time.monotonic() - started, 1)
    ratio = peaks[args.many] / peaks[args.few]
    more = (peaks[args.many] - peaks[args.few]) / (args.many - args.few)
    print(
        json.dumps(
            {
                "peak_mb": {count: round(b / 1e6, 1) for count, b in peaks.items()},
                "seconds": seconds,
                "bytes_per_photo": round(more, 1),
                "ratio": round(ratio, 4),
                "met": ratio <= 1.1,
            },
            indent=2,
        )
    )
    return 0 if ratio <= 1.1 else 1


if __name__ == "__main__":
    sys.exit(main())
