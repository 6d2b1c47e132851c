"""What searching a million strangers costs: MegaFace's search against bare products.

3,530 probes of 80 people look for each other among 1,000,000 distractors of 512
numbers, with ranks up to 100 and TAR at FAR down to 1e-6 over all 3.53 thousand million
pairs. The peer is NumPy's float32 product of the same blocks with BLAS's own threads,
which keeps no score. Both are timed piece by piece in turns, since a busy machine slows
both. Embeddings are random with a common direction for each person; the distractors lie
in a .npy file that is memory-mapped.

    python benchmarks/identification.py --out /tmp

Prints seconds, the share of the product's rate, and the peak of memory: that of the
process, and without pages of the file that the kernel keeps and can drop.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from tf_sphereface.evaluation.blocked_scores import TILE_COLUMNS, unit_rows
from tf_sphereface.evaluation.identification import FaceSet, evaluate_megaface

SEED = 0
_WRITTEN = 1 << 16  # distractors made at a time


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--distractors", type=int, default=1_000_000)
    parser.add_argument("--probes", type=int, default=3_530)
    parser.add_argument("--people", type=int, default=80)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3, help="of the peer, in between")
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


def product_seconds(probes, distractors):
    """Seconds of the products alone, per distractor, of blocks that are in memory."""
    blocks = np.ascontiguousarray(distractors[: 16 * TILE_COLUMNS])
    out = np.empty((len(probes), TILE_COLUMNS), np.float32)
    seconds = 0.0
    for start in range(0, len(blocks) - TILE_COLUMNS + 1, TILE_COLUMNS):
        block = blocks[start : start + TILE_COLUMNS]
        began = time.perf_counter()
        np.matmul(probes, block.T, out=out)
        seconds += time.perf_counter() - began
    return seconds / (len(blocks) // TILE_COLUMNS * TILE_COLUMNS)


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
    # Pieces of the search and of the peer take turns.
    piece = -(-args.distractors // args.rounds // TILE_COLUMNS) * TILE_COLUMNS
    searched = products = anonymous = 0.0
    ranks = None

    def watch(done, total):
        nonlocal anonymous
        anonymous = max(anonymous, anonymous_megabytes())

    for start in range(0, args.distractors, piece):
        part = np.load(path, mmap_mode="r")[start : start + piece]
        products += product_seconds(rows, part) * len(part)
        began = time.perf_counter()
        report = evaluate_megaface(probes, part, progress=watch)
        searched += time.perf_counter() - began
        ranks = report.rank_1
    return {
        "search_seconds": searched,
        "product_seconds": products,
        "share_of_product_rate": products / searched,
        "product_gflops": 2e-9 * args.probes * args.dim * args.distractors / products,
        "peak_megabytes": peak_megabytes(),
        "peak_megabytes_without_the_file": anonymous,
        "rank_1_of_the_last_piece": ranks,
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
