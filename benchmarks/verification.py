"""Seconds of the LFW protocol on embeddings, beside the same with plain scikit-learn.

6,000 pairs in ten folds of random embeddings with LFW's counts. The peer subtracts the
mean of the other folds, normalises and multiplies with scikit-learn and NumPy, takes
the threshold from `roc_curve`, and AUC from `roc_auc_score`; it has neither thresholds
for deployment nor the paper's grid. Rounds of both alternate, since a busy machine
slows either; CPU seconds are of all threads, and say more on such a machine.

    python benchmarks/verification.py
"""

import argparse
import dataclasses
import json
import statistics
import sys
import time

import numpy as np

FOLDS, PAIRS_PER_FOLD, PHOTOS = 10, 600, 7701


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dim", type=int, default=1024, help="mirror image included")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=1000)
    return parser


def simulated_pairs(dim):
    """Features (photos, dim) of people of two photos, and pairs in folds."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(PHOTOS // 2 + 1, dim)), 2, axis=0)[:PHOTOS]
    features = (centres + 3 * rng.normal(size=centres.shape)).astype(np.float32)
    same = np.tile(np.arange(PAIRS_PER_FOLD) < PAIRS_PER_FOLD // 2, FOLDS)
    left = 2 * rng.integers(0, PHOTOS // 2, len(same))
    other = 2 * rng.integers(0, PHOTOS // 2, len(same))
    other = np.where(other == left, (other + 2) % (PHOTOS - 1), other)
    right = np.where(same, left + 1, other)
    return features, left, right, same, np.repeat(np.arange(FOLDS), PAIRS_PER_FOLD)


def with_scikit_learn(features, left, right, same, fold):
    """Accuracy and AUC."""
    from sklearn.metrics import roc_auc_score, roc_curve
    from sklearn.preprocessing import normalize

    scores, accuracies = np.empty(len(same)), []
    for held_out in range(FOLDS):
        test, train = fold == held_out, fold != held_out
        used = np.concatenate([left[train], right[train]])
        unit = normalize(features - features[used].mean(axis=0))
        found = (unit[left] * unit[right]).sum(axis=1)
        fars, tars, thresholds = roc_curve(same[train], found[train])
        threshold = thresholds[np.argmax(tars - fars)]
        accuracies.append(((found[test] >= threshold) == same[test]).mean())
        scores[test] = found[test]
    return float(np.mean(accuracies)), float(roc_auc_score(same, scores))


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.evaluation import evaluate_features, with_intervals
    from tf_sphereface.evaluation.pairs.people import PairPeople

    pairs = simulated_pairs(args.dim)
    left, right = pairs[1] // 2, pairs[2] // 2
    people = PairPeople(left, right, left.astype(str), right.astype(str))
    report = evaluate_features(*pairs)
    judged = dataclasses.replace(report, people=people)
    steps = {
        "ours": lambda: evaluate_features(*pairs),
        "scikit_learn": lambda: with_scikit_learn(*pairs),
        "intervals": lambda: with_intervals(judged, args.resamples),
    }
    wall, cpu = ({name: [] for name in steps} for _ in range(2))
    for _ in range(args.rounds):
        for name, step in steps.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            step()
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - cpu_start)
    accuracy, auc = steps["scikit_learn"]()
    medians = {name: statistics.median(values) for name, values in wall.items()}
    result = {
        "arguments": vars(args),
        "accuracy": {"ours": report.accuracy, "scikit_learn": accuracy},
        "auc": {"ours": report.auc, "scikit_learn": auc},
        "median_seconds": medians,
        "fastest_seconds": {name: min(values) for name, values in wall.items()},
        "fastest_cpu_seconds": {name: min(values) for name, values in cpu.items()},
        "ratio_to_scikit_learn": medians["ours"] / medians["scikit_learn"],
    }
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
