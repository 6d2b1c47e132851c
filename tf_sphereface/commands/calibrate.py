"""Measure on pairs what the scores of a bundle mean, for each of its variants.

Thresholds at stated false accept rates with their confidence intervals, and a map from
score to probability, go into the bundle's contract.json; `match` uses both.
"""

import argparse
import os
import sys
from pathlib import Path

from tf_sphereface.commands.options.trust import add_trust_option
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.errors import InputError
from tf_sphereface.model_files import bundle_folder
from tf_sphereface.whole_folders import changing


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundle", type=Path, help="bundle folder, of `sphereface export tflite`"
    )
    parser.add_argument(
        "--images", type=Path, required=True, help="folder of aligned faces"
    )
    parser.add_argument(
        "--pairs", type=Path, required=True, help="pair list in LFW format"
    )
    parser.add_argument(
        "--far",
        type=float,
        nargs="+",
        default=[0.1, 0.01, 0.001],
        help="false accept rates (default: 0.1 0.01 0.001); 0.001 takes 1,000 pairs of "
        "two people at least",
    )
    parser.add_argument(
        "--frr",
        type=float,
        default=0.01,
        help="share of the pairs of one person that may be called different; a score "
        "between that threshold and the one of the FAR is unknown "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--resamples",
        type=int,
        default=1000,
        metavar="N",
        help="of the people, for the intervals (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resamples")
    add_trust_option(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    bundle, notes = _calibrate(args)
    for note in dict.fromkeys(notes):  # the same for every variant
        tell(f"note: {note}")
    shown = {"thresholds", "calibration"}
    variants = {
        name: variant.model_dump(mode="json", include=shown)
        for name, variant in bundle.contract.variants.items()
    }
    print_result({"bundle": str(args.bundle), "variants": variants}, args.json)
    return 0


def _calibrate(args):
    from tf_sphereface.bundle.signatures import SIGNATURE_FILE
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.deployment import load_bundle
    from tf_sphereface.deployment.parity.measurement import (
        calibration_of,
        measurement_of,
        write_calibrations,
    )
    from tf_sphereface.evaluation import evaluate_verification, read_lfw_pairs
    from tf_sphereface.evaluation.embeddings.sources import source_of_bundle
    from tf_sphereface.evaluation.rates.bootstrap import (
        FEWEST_RESAMPLES,
        MOST_RESAMPLES,
    )
    from tf_sphereface.evaluation.verification.calibration import calibrate

    for far in args.far:
        if not 0 < far <= 1:
            raise InputError(f"a FAR must be above 0 and at most 1. Received: {far:g}")
    if not 0 < args.frr < 1:  # here too: before the slow part
        raise InputError(f"an FRR must be above 0 and below 1. Received: {args.frr:g}")
    few, most = FEWEST_RESAMPLES, MOST_RESAMPLES
    if not few <= args.resamples <= most or args.seed < 0:
        raise InputError(
            f"--resamples must be at least {few}, and at most {most:,}, and --seed at "
            "least 0. "
            f"Received: {args.resamples}, {args.seed}"
        )
    pairs = read_lfw_pairs(args.pairs)
    place = args.bundle
    if place.exists():  # else an exchange that was interrupted may bring it back
        place = bundle_folder(place)
    with changing(place) as folder:
        bundle = load_bundle(args.bundle, args.trust)
        measured, notes = {}, []
        if os.path.lexists(bundle.path / SIGNATURE_FILE):
            notes.append(
                "the signature was of the former contract and is gone: sign again"
            )
        for name in bundle.contract.variants:
            with progress_bar(f"measuring {name}", "faces") as progress:
                report = evaluate_verification(
                    source_of_bundle(bundle, name),
                    args.images,
                    pairs,
                    mirror=bundle.contract.feature.mirror == "concat",
                    progress=progress,
                    fars=sorted(set(args.far), reverse=True),
                )
            found = calibrate(report, args.frr, args.resamples, args.seed)
            measured[name] = (measurement_of(found.report), calibration_of(found))
            notes += found.report.notes
        return write_calibrations(bundle, measured, folder), notes


if __name__ == "__main__":
    sys.exit(main())
