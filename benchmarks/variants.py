"""All variants of a bundle side by side: size, time, likeness to float, accuracy.

Cosines, rank-1 agreement, TAR and thresholds are the bundle's own, as the export wrote
them. Measured here: the accuracy of one fold, with the threshold that is best on the
others, and the time of one face, the median over rounds in which every variant has its
turn. The float variant is the peer of all ratios.

    python benchmarks/variants.py bundle --images ALIGNED --pairs PAIRS.txt --fold 1
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

HEADINGS = (
    "variant",
    "MB",
    "size / float",
    "ms, 1 thread",
    "ms, 2 threads",
    "mean cosine",
    "p01 cosine",
    "rank-1",
    "fold accuracy",
    "all folds",
    "TAR@FAR 1 %",
    "threshold",
    "mixed threshold",
    "partitions",
    "gate",
)


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=0, help="counted from 0")
    parser.add_argument("--rounds", type=int, default=40)
    return parser


def fold_accuracies(bundle, images, pairs_file, fold):
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.evaluation.embeddings.sources import source_of_bundle
    from tf_sphereface.evaluation.pairs.pair_list import read_lfw_pairs
    from tf_sphereface.evaluation.verification.pair_evaluator import PairEvaluator

    mirror = bundle.contract.feature.mirror == "concat"
    pairs = read_lfw_pairs(pairs_file)
    evaluator = PairEvaluator(images, pairs, mirror, progress_bar)
    return {
        name: evaluator.plain(source_of_bundle(bundle, name)).fold_accuracies[fold]
        for name in bundle.contract.variants
    }


def milliseconds(bundle, threads, rounds):
    """Median time of one face for each variant, from array to array."""
    import numpy as np

    from tf_sphereface.runtimes.litert import allocate, open_interpreter

    calls, times = {}, {}
    for name, variant in bundle.contract.variants.items():
        content = (bundle.path / variant.file).read_bytes()
        interpreter = open_interpreter(content, threads)
        allocate(interpreter)
        (taken,), (given,) = (
            interpreter.get_input_details(),
            interpreter.get_output_details(),
        )
        face = np.random.default_rng(0).uniform(-1, 1, taken["shape"])
        calls[name] = interpreter, taken["index"], given["index"]
        times[name] = []
        interpreter.set_tensor(taken["index"], face.astype(taken["dtype"]))
        interpreter.invoke()
    names = list(calls)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            interpreter, source, sink = calls[name]
            face = interpreter.get_tensor(source)
            start = time.perf_counter()
            interpreter.set_tensor(source, face)
            interpreter.invoke()
            interpreter.get_tensor(sink)
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def rows(bundle, folds, single, double):
    variants = bundle.contract.variants
    whole = variants["none"].bytes if "none" in variants else None
    for name, variant in variants.items():
        measured, mixed = variant.verification, variant.cross_variant
        record = variant.quantization
        yield (
            name,
            f"{variant.bytes / 1e6:.2f}",
            f"{variant.bytes / whole:.3f}" if whole else "-",
            f"{single[name]:.2f}",
            f"{double[name]:.2f}",
            f"{variant.drift.mean_cosine:.5f}",
            f"{variant.drift.p01_cosine:.5f}",
            f"{variant.rank.same_gallery:.4f}" if variant.rank else "-",
            f"{100 * folds[name]:.2f} %",
            f"{100 * measured.accuracy:.2f} %" if measured else "-",
            f"{100 * measured.tar_at_far['far_0.01']:.2f} %" if measured else "-",
            f"{variant.thresholds['far_0.01']:.4f}" if variant.thresholds else "-",
            f"{mixed.thresholds['far_0.01']:.4f}" if mixed else "-",
            f"{record.delegate_partitions}" if record else "1",
            "passed" if variant.gate.passed else "; ".join(variant.gate.failures),
        )


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.deployment import load_bundle

    bundle = load_bundle(args.bundle)
    folds = fold_accuracies(bundle, args.images, args.pairs, args.fold)
    single, double = (milliseconds(bundle, n, args.rounds) for n in (1, 2))
    print("| " + " | ".join(HEADINGS) + " |")
    print("|" + "---|" * len(HEADINGS))
    for row in rows(bundle, folds, single, double):
        print("| " + " | ".join(row) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
