"""Every margin head on LFW's own people: folds 1-5 train, folds 6 and 7 verify.

    python benchmarks/lfw_heads.py --lfw LFW --aligned ALIGNED --out runs/lfw_heads

LFW holds people.txt and pairs.txt, ALIGNED its photos after `sphereface align`. All
heads train a network on the same batches for the same number of steps. Rank 1: the
share of the photos of people with several, of folds 6 and 7, that are nearest to
another photo of their person. Runs that are there are not made again, so that a
stopped benchmark goes on; each training is on one thread, so that two of these
commands with different seeds share two cores well.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

RECIPE = Path(__file__).parents[1] / "recipes" / "sphereface4_lfw.toml"
CAFFE = "head.gradient=caffe"
# L-Softmax's own release anneals over many thousand steps; here as A-Softmax does.
L_SOFTMAX = [
    "head.name=l_softmax",
    "head.annealing.gamma=1.5",
    "head.annealing.power=1.0",
    "head.annealing.minimum=5.0",
]
HEADS = {
    "softmax": ["head.name=softmax"],
    "A-Softmax m=1": ["head.margin=1"],
    "A-Softmax m=4": [],
    # For batches of 32: lambda is at its floor after two passes, as in the release.
    "A-Softmax m=4, annealed in 266 steps": ["head.annealing.gamma=0.75"],
    "A-Softmax m=4, Caffe gradient": [CAFFE],
    "A-Softmax m=4, Caffe gradient, rate 0.01": [CAFFE, "optimizer.learning_rate=0.01"],
    "AM-Softmax (CosFace)": ["head.name=am_softmax"],
    "ArcFace, s=30": ["head.name=arcface", "head.scale=30"],
    "A-Softmax m=4, s=30": ["head.scale=30"],
    "L-Softmax m=4": L_SOFTMAX,
    "COCO": ["head.name=coco"],
    "SphereFace-R v1": ["head.name=sphereface_r"],
    "SphereFace-R v2": ["head.name=sphereface_r", "head.version=2"],
    "SphereFace2": ["head.name=sphereface2"],
    "CurricularFace, s=30": ["head.name=curricularface", "head.scale=30"],
    "AdaFace, s=30": ["head.name=adaface", "head.scale=30"],
    "MagFace, s=30": ["head.name=magface", "head.scale=30"],
}

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}
# On one thread of an AMD EPYC 32 crops take 0.9 s of SphereFace-10 and 1.2 s of
# MobileFaceNet, which bfloat16 does not make faster.
NETWORKS = {
    "SphereFace-4": [],
    "SphereFace-10": ["backbone.depth=10"],
    "MobileFaceNet": [
        "backbone.name=mobilefacenet",
        "backbone.embedding_dim=128",
        "schedule.precision=float32",
    ],
}


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lfw", type=Path, required=True, help="lists of LFW")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned photos")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="a folder for each --min-images and --set",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="of each head"
    )
    parser.add_argument("--heads", nargs="+", default=list(HEADS), choices=HEADS)
    parser.add_argument("--network", default="SphereFace-4", choices=NETWORKS)
    parser.add_argument(
        "--min-images", type=int, default=5, help="people with fewer are not trained on"
    )
    parser.add_argument(
        "--set", action="append", default=[], help="as in `sphereface train`"
    )
    return parser


def main(argv=None):
    args = build_parser().parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    pairs, verified = write_lists(args.lfw, args.out)
    records, faces = args.out / "records", args.out / "faces"
    if not records.exists():
        people = ["--identities", args.out / "train_people.txt"]
        people += ["--min-images", args.min_images]
        sphereface("records", args.aligned, "--out", records, "--shards", "4", *people)
    if not faces.exists():
        for name in verified:
            if (args.aligned / name).exists():
                shutil.copytree(args.aligned / name, faces / name)
    results = []
    for seed in args.seeds:
        for head in args.heads:
            overrides = [*NETWORKS[args.network], *HEADS[head], *args.set]
            run = args.out / f"{'_'.join([args.network, *head.split()])}-{seed}"
            result = run / "result.json"
            if not result.exists():
                overrides.append(f"schedule.seed={seed}")
                figures = train_and_verify(run, overrides, records, faces, pairs)
                figures = {"head": head, "seed": seed, **figures}
                result.write_text(json.dumps(figures, indent=2), encoding="utf-8")
            results.append(json.loads(result.read_text(encoding="utf-8")))
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print(table(results))
    return 0


def write_lists(lfw, out):
    """Path of the pairs of folds 6 and 7, and the names of those folds' people.

    Names of folds 1-5 go to train_people.txt.
    """
    lines = (lfw / "people.txt").read_text(encoding="utf-8").splitlines()[1:]
    folds = []
    for _ in range(7):
        count = int(lines[0])
        folds.append([line.split("\t")[0] for line in lines[1 : count + 1]])
        lines = lines[count + 1 :]
    names = sum(folds[:5], [])
    (out / "train_people.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    header, *lines = (lfw / "pairs.txt").read_text(encoding="utf-8").splitlines()
    fold = 2 * int(header.split()[1])
    pairs = out / "pairs_6_7.txt"
    rows = [f"2\t{fold // 2}", *lines[5 * fold : 7 * fold]]
    pairs.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return pairs, folds[5] + folds[6]


def train_and_verify(run, overrides, records, faces, pairs):
    """Figures of one training; a loss that became NaN is a result, not an error."""
    started = processor_seconds()
    sets = [part for override in overrides for part in ("--set", override)]
    code, error = sphereface(
        "train", RECIPE, "--records", records, "--run", run, *sets, allowed=(0, 1)
    )
    if code:
        return {"error": error.strip().splitlines()[-1]}
    minutes = (processor_seconds() - started) / 60
    embeddings = run / "embeddings.npz"
    if not embeddings.exists():
        sphereface("embed", run / "last.keras", "--images", faces, "--out", embeddings)
    several = write_people_with_several(embeddings, run / "several.npz")
    options = ["--pairs", pairs, "--resamples", "0"]
    verified = evaluated(embeddings, "lfw", run / "verification", *options)
    neighbours = evaluated(several, "nearest-neighbour", run / "neighbours")
    return {
        # Fold 6 gives the mean and the threshold with which fold 7 is judged.
        "fold_7": verified["protocol_folds"][1]["accuracy"],
        "accuracy": verified["accuracy"],
        "auc": verified["auc"],
        "eer": verified["eer"],
        "rank_1": neighbours["rank_1"],
        # Of a training that was resumed, those since then.
        "processor_minutes": round(minutes, 1),
    }


def write_people_with_several(embeddings, out):
    """Write to `out` the part of an .npz file whose people have several photos."""
    with np.load(embeddings) as file:
        arrays = dict(file)
    people, places = np.unique(arrays["identities"], return_inverse=True)
    several = np.bincount(places, minlength=len(people))[places] > 1
    for name in ("embeddings", "names", "identities"):
        arrays[name] = arrays[name][several]
    np.savez(out, **arrays)
    return out


def evaluated(embeddings, protocol, out, *options):
    sphereface("evaluate", embeddings, "--protocol", protocol, "--out", out, *options)
    return json.loads((out / "report.json").read_text("utf-8"))


def sphereface(*arguments, allowed=(0,)):
    command = [sys.executable, "-m", "tf_sphereface.commands.main"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**ONE_THREAD, **os.environ},
    )
    if done.returncode not in allowed:
        raise SystemExit(f"{' '.join(map(str, arguments))}:\n{done.stderr}")
    return done.returncode, done.stderr


def processor_seconds():
    """Of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(results):
    """Markdown: mean and standard deviation over the seeds of each head."""
    rows = [
        "| head | seeds | fold 7 accuracy | AUC, folds 6-7 | EER, folds 6-7 | rank 1 |",
        "|---|---|---|---|---|---|",
    ]
    for head in dict.fromkeys(result["head"] for result in results):
        mine = [result for result in results if result["head"] == head]
        failed = [result for result in mine if "error" in result]
        if failed:
            rows.append(f"| {head} | {len(mine)} | {failed[0]['error']} | | | |")
            continue
        accuracy, auc, eer, rank = (
            spread([result[name] for result in mine])
            for name in ("fold_7", "auc", "eer", "rank_1")
        )
        rows.append(
            f"| {head} | {len(mine)} | {accuracy[0]:.2%} ± {accuracy[1]:.2%} "
            f"| {auc[0]:.4f} ± {auc[1]:.4f} | {eer[0]:.2%} "
            f"| {rank[0]:.2%} ± {rank[1]:.2%} |"
        )
    return "\n".join(rows)


def spread(values):
    """Mean, and sample standard deviation (0 of a single value)."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return statistics.mean(values), deviation


if __name__ == "__main__":
    sys.exit(main())
