"""Time of a search in a gallery of a million templates, against NumPy's bare product.

250,000 people with 4 templates each, random directions of 128 numbers, in a gallery's
file. A search, `GalleryStore.nearest`, gives the two nearest people: it looks whether
another process has changed the file, multiplies, and takes the best template of each.
The peers are NumPy's float32 product of such a matrix and a vector, the least that an
exact search can cost, and faiss' IndexFlatIP for the nearest 8 templates (`pip install
faiss-cpu`; left out where it is not there). The three take turns, each on BLAS's or
OpenMP's own threads, and the medians are compared. Start-up is the check of all pages
of the file, and the reading of all templates with their checksums.

    python benchmarks/gallery.py --folder /tmp

Prints milliseconds, ratios, seconds of the start-up, of the clock and of the processor,
and the memory of the process before the peers' matrices are made.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from tf_sphereface.gallery.identity import FeatureIdentity
from tf_sphereface.gallery.places import make_gallery
from tf_sphereface.gallery.records import Template
from tf_sphereface.gallery.store import GalleryStore
from tf_sphereface.similarity import unit_rows

SEED = 0
EACH = 4  # templates of a person


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=250_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="of the file (default: /tmp)")
    parser.add_argument("--json", action="store_true")
    return parser


def make(path, people, dim):
    """Makes the gallery; in a process of its own, whose memory is not counted."""
    rng = np.random.default_rng(SEED)
    identity = FeatureIdentity(
        variant="none",
        mirror="none",
        feature_dim=dim,
        crop_size=(112, 96),
        crops="0" * 64,
        features="0" * 64,
    )

    def templates():
        rows = rng.standard_normal((EACH, dim), np.float32)
        return [Template(row, "photo.jpg", "2026-11-30T12:00:00Z") for row in rows]

    make_gallery(
        path, identity, people=[(f"person {n}", templates()) for n in range(people)]
    )


def seconds(work):
    """Of the clock and of the processor, and the result."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - wall, time.process_time() - processor, found


def peers(args, size):
    """Name and search of each peer."""
    rng = np.random.default_rng(SEED + 1)
    rows = unit_rows(rng.standard_normal((size, args.dim), np.float32))
    found = {"product": lambda probe: rows @ probe}
    try:
        import faiss
    except ImportError:
        return found
    index = faiss.IndexFlatIP(args.dim)
    index.add(rows)
    return found | {"faiss": lambda probe: index.search(probe[None], 2 * EACH)}


def measure(args, folder):
    path = Path(folder) / "people.gallery"
    making = multiprocessing.get_context("spawn").Process(
        target=make, args=(path, args.people, args.dim)
    )
    made, _, _ = seconds(lambda: (making.start(), making.join()))
    opened, opened_cpu, store = seconds(lambda: GalleryStore(path))
    read, read_cpu, size = seconds(store.size)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    searches = {"identify": store.nearest} | peers(args, size)
    probes = np.random.default_rng(SEED + 2).standard_normal(
        (args.rounds + 2, args.dim), np.float32
    )
    times = {name: [] for name in searches}
    for probe in unit_rows(probes):
        for name, search in searches.items():
            times[name].append(seconds(lambda s=search, p=probe: s(p))[0])
    store.close()
    medians = {name: statistics.median(t[2:]) for name, t in times.items()}
    return {
        "templates": size,
        **{f"{name}_ms": 1000 * each for name, each in medians.items()},
        **{
            f"identify_over_{name}": medians["identify"] / each
            for name, each in medians.items()
            if name != "identify"
        },
        "make_seconds": made,
        "check_seconds": opened,
        "check_processor_seconds": opened_cpu,
        "read_seconds": read,
        "read_processor_seconds": read_cpu,
        "peak_megabytes_after_start": used,
        "file_megabytes": path.stat().st_size / 1e6,
    }


def main(argv=None):
    args = build_parser().parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        result = measure(args, folder)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name.replace('_', ' '):34} {value:,.2f}")


if __name__ == "__main__":
    main()
