"""Accuracy, rank 1 and DIR of one model on two alignments of the same photos.

Both come as files of embeddings. Accuracy is that of `evaluate`; the open-set search is
that of the export's gate: one photo of each known person is enrolled. Intervals (95 %)
draw people again, for the figures of both alignments and for their difference the same
people; a bound is the mean over the seeds, "spread" the largest deviation of a bound of
one seed from that.

    sphereface align PHOTOS --out single --landmark-rule single
    sphereface align PHOTOS --out consensus
    sphereface embed MODEL --images single --out single.npz
    sphereface embed MODEL --images consensus --out consensus.npz
    python benchmarks/compare_crops.py single.npz consensus.npz --pairs pairs.txt
"""

import argparse
import sys
from pathlib import Path

import numpy as np

FIGURES = ("accuracy", "rank 1", "DIR at FAR 1 %")
FAR = 0.01


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path, help=".npz of `sphereface embed`")
    parser.add_argument("after", type=Path, help="another, of the same photos")
    parser.add_argument("--pairs", type=Path, required=True, help="LFW's format")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=1000)
    return parser


class PairAccuracy:
    """The mean of the folds' accuracies, of several reports of the same pairs."""

    def __init__(self, reports):
        self._people = reports[0].people
        self._right = [report.right_calls for report in reports]
        fold = reports[0].fold
        self._folds = (fold[:, None] == np.unique(fold)).astype(np.float64)

    def figures(self, weights):
        """Float (resamples, reports) of weights (resamples, pairs)."""
        shares = weights @ self._folds
        shares[shares == 0] = np.nan
        return np.stack(
            [
                np.nanmean((weights * right) @ self._folds / shares, axis=1)
                for right in self._right
            ],
            axis=1,
        )

    def bounds(self, resamples, seed):
        """Float (reports + 1, 2), the last those of last less first."""
        from tf_sphereface.evaluation import bootstrap_people

        def both(weights):
            found = self.figures(weights)
            return np.column_stack([found, found[:, -1] - found[:, 0]])

        people = self._people
        return bootstrap_people(people.left, people.right, both, resamples, seed)

    def measured(self):
        return self.figures(np.ones((1, len(self._folds))))[0]


class SearchRates:
    """Rank 1 and DIR, of several reports of the same probes in the same gallery."""

    def __init__(self, reports, trial_people, stranger_people):
        people = np.concatenate([trial_people, stranger_people])
        self._people, numbers = np.unique(people, return_inverse=True)
        self._trials, self._strangers = np.split(numbers, [len(trial_people)])
        self._reports = reports

    def figures(self, times):
        """Float (2, reports), each person counted as often as `times` says."""
        from tf_sphereface.evaluation.rates.top_scores import rates_at_fars

        trials, strangers = times[self._trials], times[self._strangers]
        rates = []
        for report in self._reports:
            first = report.ranks == 1
            recognised = np.where(first, report.mate_scores, -np.inf)
            scores = np.repeat(report.stranger_scores, strangers)
            points = rates_at_fars(
                np.repeat(recognised, trials), np.sort(scores)[::-1], len(scores), [FAR]
            )
            rates.append((np.average(first, weights=trials), points[FAR].tar))
        return np.array(rates).T

    def bounds(self, resamples, seed):
        """Float (2, reports + 1, 2), the last those of last less first."""
        rng, count = np.random.default_rng(seed), len(self._people)
        found = []
        for _ in range(resamples):
            drawn = rng.integers(0, count, count)
            rates = self.figures(np.bincount(drawn, minlength=count))
            found.append(np.column_stack([rates, rates[:, -1] - rates[:, 0]]))
        # A draw with fewer than 100 photos of strangers gives no DIR.
        return np.nanquantile(found, [0.025, 0.975], axis=0).transpose(1, 2, 0)

    def measured(self):
        return self.figures(np.ones(len(self._people), int))

    def counts(self):
        known, strangers = np.unique(self._trials), np.unique(self._strangers)
        return (
            f"{len(self._trials):,} probes of {len(known)} people, "
            f"{len(self._strangers):,} photos of {len(strangers)} strangers"
        )


def searches(files, names):
    """Reports of a search in each file, and the people of trials and of strangers."""
    from tf_sphereface.evaluation import evaluate_identification
    from tf_sphereface.evaluation.identification.face_set import face_set
    from tf_sphereface.evaluation.identification.gallery_evaluator import gallery_sets

    sets = gallery_sets(names)
    reports = []
    for file in files:
        enrolled, probes = (
            face_set(file.features(photos), photos)
            for photos in (sets.gallery, sets.probes)
        )
        reports.append(
            evaluate_identification(
                probes, enrolled, fars=(), fpirs=[FAR], max_rank=1, missing="wrong"
            )
        )
    known = np.isin(probes.people, enrolled.people)
    return SearchRates(reports, probes.people[known], probes.people[~known])


def percent(values):
    """Text; "none" where all resamples give the same."""
    values = np.atleast_1d(values)
    if np.isnan(values).any():
        return "none"
    return " to ".join(f"{100 * value:.2f}" for value in values)


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.evaluation import (
        evaluate_verification,
        read_embeddings,
        read_lfw_pairs,
    )

    files = [read_embeddings(path) for path in (args.before, args.after)]
    pairs = read_lfw_pairs(args.pairs)
    accuracy = PairAccuracy([evaluate_verification(f, None, pairs) for f in files])
    search = searches(files, sorted({name for file in files for name in file.names}))
    values = np.vstack([accuracy.measured(), search.measured()])
    values = np.column_stack([values, values[:, 1] - values[:, 0]])
    bounds = np.array(
        [
            [
                accuracy.bounds(args.resamples, seed),
                *search.bounds(args.resamples, seed),
            ]
            for seed in range(args.seeds)
        ]
    )
    means = bounds.mean(axis=0)
    spread = np.abs(bounds - means).max(axis=(0, 2, 3))
    print(f"{len(pairs.pairs):,} pairs; {search.counts()}\n")
    print("| %, interval | before | after | difference | spread |")
    print("|---|---|---|---|---|")
    for row, name in enumerate(FIGURES):
        cells = [
            f"{percent(value)} ({percent(bound)})"
            for value, bound in zip(values[row], means[row], strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} | {percent(spread[row])} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
