"""Every margin head on LFW's own people: folds 1-5 train, fold 7 verifies.

    python benchmarks/lfw_heads.py --lfw LFW --aligned ALIGNED --out runs/lfw_heads

LFW holds people.txt and pairs.txt, ALIGNED its photos after `sphereface align`. All
heads train the same 4-layer network on the same batches for the same number of steps.
Runs that are there are not made again, so that a stopped benchmark goes on.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RECIPE = Path(__file__).parents[1] / "recipes" / "sphereface4_lfw.toml"
CAFFE = "head.gradient=caffe"
# L-Softmax's own release anneals over many thousand steps; here as A-Softmax does.
L_SOFTMAX = [
    "head.name=l_softmax",
    "head.annealing.gamma=1.0",
    "head.annealing.power=1.0",
    "head.annealing.minimum=5.0",
]
HEADS = {
    "softmax": ["head.name=softmax"],
    "A-Softmax m=1": ["head.margin=1"],
    "A-Softmax m=4": [],
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


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lfw", type=Path, required=True, help="lists of LFW")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned photos")
    parser.add_argument("--out", type=Path, required=True, help="runs and results.json")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each head")
    parser.add_argument("--heads", nargs="+", default=list(HEADS), choices=HEADS)
    parser.add_argument(
        "--set", action="append", default=[], help="as in `sphereface train`"
    )
    return parser


def main(argv=None):
    args = build_parser().parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    pairs = write_lists(args.lfw, args.out)
    records = args.out / "records"
    if not records.exists():
        people = ["--identities", args.out / "train_people.txt", "--min-images", "5"]
        sphereface("records", args.aligned, "--out", records, "--shards", "4", *people)
    results = []
    for seed in range(args.seeds):
        for head in args.heads:
            overrides = [*HEADS[head], *args.set, f"schedule.seed={seed}"]
            run = args.out / f"{'_'.join(head.split())}-{seed}"
            result = run / "result.json"
            if not result.exists():
                figures = train_and_verify(run, overrides, records, args.aligned, pairs)
                figures = {"head": head, "seed": seed, **figures}
                result.write_text(json.dumps(figures, indent=2), encoding="utf-8")
            results.append(json.loads(result.read_text(encoding="utf-8")))
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print(table(results))
    return 0


def write_lists(lfw, out):
    """Names of folds 1-5 in train_people.txt; pairs of folds 6 and 7 in the result."""
    lines = (lfw / "people.txt").read_text(encoding="utf-8").splitlines()[1:]
    names = []
    for _ in range(5):
        count = int(lines[0])
        names += [line.split("\t")[0] for line in lines[1 : count + 1]]
        lines = lines[count + 1 :]
    (out / "train_people.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    header, *lines = (lfw / "pairs.txt").read_text(encoding="utf-8").splitlines()
    fold = 2 * int(header.split()[1])
    pairs = out / "pairs_6_7.txt"
    rows = [f"2\t{fold // 2}", *lines[5 * fold : 7 * fold]]
    pairs.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return pairs


def train_and_verify(run, overrides, records, aligned, pairs):
    """Figures of one training; a loss that became NaN is a result, not an error."""
    started = time.monotonic()
    sets = [part for override in overrides for part in ("--set", override)]
    code, error = sphereface(
        "train", RECIPE, "--records", records, "--run", run, *sets, allowed=(0, 1)
    )
    if code:
        return {"error": error.strip().splitlines()[-1]}
    minutes = (time.monotonic() - started) / 60
    sphereface(
        *("evaluate", run / "last.keras", "--protocol", "lfw", "--images", aligned),
        *("--pairs", pairs, "--out", run / "evaluation"),
    )
    report = json.loads((run / "evaluation" / "report.json").read_text("utf-8"))
    return {
        # Fold 6 gives the mean and the threshold with which fold 7 is judged.
        "fold_7": report["protocol_folds"][1]["accuracy"],
        "accuracy": report["accuracy"],
        "auc": report["auc"],
        "eer": report["eer"],
        "minutes": round(minutes, 1),
    }


def sphereface(*arguments, allowed=(0,)):
    command = [sys.executable, "-m", "tf_sphereface.commands.main"]
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True
    )
    if done.returncode not in allowed:
        raise SystemExit(f"{' '.join(map(str, arguments))}:\n{done.stderr}")
    return done.returncode, done.stderr


def table(results):
    """Markdown: mean and standard deviation over the seeds of each head."""
    rows = [
        "| head | seeds | fold 7 accuracy | AUC, folds 6-7 | EER, folds 6-7 |",
        "|---|---|---|---|---|",
    ]
    for head in dict.fromkeys(result["head"] for result in results):
        mine = [result for result in results if result["head"] == head]
        failed = [result for result in mine if "error" in result]
        if failed:
            rows.append(f"| {head} | {len(mine)} | {failed[0]['error']} | | |")
            continue
        accuracy, auc, eer = (
            spread([result[name] for result in mine])
            for name in ("fold_7", "auc", "eer")
        )
        rows.append(
            f"| {head} | {len(mine)} | {accuracy[0]:.2%} ± {accuracy[1]:.2%} "
            f"| {auc[0]:.4f} ± {auc[1]:.4f} | {eer[0]:.2%} |"
        )
    return "\n".join(rows)


def spread(values):
    """Mean, and sample standard deviation (0 of a single value)."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return statistics.mean(values), deviation


if __name__ == "__main__":
    sys.exit(main())
