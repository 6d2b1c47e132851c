"""Cost of a search among a million strangers: MegaFace's against bare products.

3,530 probes of 80 people look for each other among 1,000,000 distractors of 512
numbers, with ranks up to 100 and TAR at FAR down to 1e-6 over all 3.53 thousand million
pairs. The peer is NumPy's float32 product of blocks of the same shape, which are in
memory, while scores are not kept: with BLAS's own threads for the wall-clock time, and
with one thread for the time of the cores, which says more on a busy machine. It runs
before and after the search. Embeddings are random, with a direction for each person;
distractors lie in a .npy file that is memory-mapped.

    python benchmarks/identification.py --out /tmp

Prints seconds, shares of the product's rate, and the peak of memory: of the process,
and without the pages of the file, which the kernel may drop.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from tf_sphereface.evaluation.identification import FaceSet, evaluate_megaface
from tf_sphereface.similarity import TILE_COLUMNS, unit_rows

SEED = 0
_WRITTEN = 1 << 16  # distractors made at a time


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--distractors", type=int, default=1_000_000)
    parser.add_argument("--probes", type=int, default=3_530)
    parser.add_argument("--people", type=int, default=80)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--blocks", type=int, default=24, help="of the peer, each time")
    parser.add_argument("--out", type=Path, help="folder of the file (default: /tmp)")
    parser.add_argument("--json", action="store_true")
    return parser


def make_probes(args, rng):
    people = np.arange(args.probes) % args.people
    centres = rng.normal(size=(args.people, args.dim))
    noise = 1.5 * rng.normal(size=(args.probes, args.dim))
    return FaceSet((centres[people] + noise).astype(np.float32), people.astype(str))


def write_distractors(args, rng, path):
    shape = (args.distractors, args.dim)
    file = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for start in range(0, len(file), _WRITTEN):
        rows = file[start : start + _WRITTEN]
        rows[:] = rng.standard_normal(rows.shape, np.float32)
    file.flush()


def product_seconds(probes, distractors, blocks):
    """Wall-clock and core seconds of the bare products, a distractor each."""
    rows = np.array(distractors[: blocks * TILE_COLUMNS])
    out = np.empty((len(probes), TILE_COLUMNS), np.float32)

    def run(clock):
        began = clock()
        for start in range(0, len(rows) - TILE_COLUMNS + 1, TILE_COLUMNS):
            np.matmul(probes, rows[start : start + TILE_COLUMNS].T, out=out)
        return (clock() - began) / (len(rows) // TILE_COLUMNS * TILE_COLUMNS)

    wall = run(time.perf_counter)
    with threadpool_limits(1, user_api="blas"):  # waiting threads would burn cores
        return np.array([wall, run(time.process_time)])


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def anonymous_megabytes():
    """Memory of the process that is not a file's, now."""
    status = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in status)
    return int(fields["RssAnon"].split()[0]) / 1024


def measure(args, folder):
    rng = np.random.default_rng(SEED)
    probes = make_probes(args, rng)
    path = Path(folder) / "distractors.npy"
    write_distractors(args, rng, path)
    rows = unit_rows(probes.embeddings)
    distractors = np.load(path, mmap_mode="r")
    anonymous = []
    before = product_seconds(rows, distractors, args.blocks)
    wall, cores = time.perf_counter(), time.process_time()
    report = evaluate_megaface(
        probes,
        distractors,
        progress=lambda done, total: anonymous.append(anonymous_megabytes()),
    )
    wall, cores = time.perf_counter() - wall, time.process_time() - cores
    after = product_seconds(rows, distractors, args.blocks)
    product_wall, product_cores = (before + after) / 2 * len(distractors)
    return {
        "search_seconds": wall,
        "product_seconds": product_wall,
        "share_of_product_rate": product_wall / wall,
        "search_core_seconds": cores,
        "product_core_seconds": product_cores,
        "share_of_product_rate_by_cores": product_cores / cores,
        "product_gflops": 2e-9 * rows.size * len(distractors) / product_wall,
        "peak_megabytes": peak_megabytes(),
        "peak_megabytes_without_the_file": max(anonymous),
        "rank_1": report.rank_1,
        "tar_at_far_1e-6": report.tar_at_far[1e-6].tar,
        "blas_threads": max(info["num_threads"] for info in threadpool_info()),
    }


def main(argv=None):
    args = build_parser().parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.out) as folder:
        result = measure(args, folder)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name.replace('_', ' '):34} {value:,.2f}")


if __name__ == "__main__":
    main()
