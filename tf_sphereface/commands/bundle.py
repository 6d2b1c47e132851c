"""Check a bundle against its contract, show what it says of its variants, or sign it.

`verify` compares checksums, tensors and metadata of every file, and sends the golden
faces from photo to embedding. With a model it measures the drift again, with pairs
accuracy and thresholds. Checksums tell accidents; `keygen`, `sign` and --trust tell
forgers.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.trust import add_trust_option
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import printable, tell
from tf_sphereface.commands.terminal.output import print_result
from tf_sphereface.errors import InputError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface bundle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    verify = actions.add_parser(
        "verify",
        help="exit 0 if all holds, 1 if something differs, 2 if it is no bundle",
    )
    show = actions.add_parser("show", help="the variants and their figures")
    sign = actions.add_parser("sign", help="sign it, so that --trust can tell forgers")
    for action in (verify, show, sign):
        action.add_argument("bundle", type=Path, help="folder that was exported")
    for action in (verify, show):
        add_trust_option(action)
    sign.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="of `bundle keygen`"
    )
    keygen = actions.add_parser("keygen", help="make a key of Ed25519 to sign with")
    keygen.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="new file of the private key; the public one is OUT.pub",
    )
    for action in (verify, show, sign, keygen):
        action.add_argument("--json", action="store_true", help="JSON alone, no table")
    verify.add_argument(
        "--model", type=Path, help="the .keras file or run folder that was exported"
    )
    verify.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="with --model: aligned faces that the export was given for calibration",
    )
    verify.add_argument(
        "--images", type=Path, metavar="DIR", help="aligned faces that --pairs names"
    )
    verify.add_argument(
        "--pairs", type=Path, metavar="FILE", help="pair list in LFW format"
    )
    verify.add_argument(
        "--runtime",
        metavar="PYTHON",
        help="interpreter whose tflite-runtime, ai-edge-litert or tensorflow embeds "
        "the golden faces too; a variant that it refuses is told, and no difference",
    )
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    return {"show": _show, "verify": _verify, "sign": _sign, "keygen": _keygen}[
        args.action
    ](args)


def _keygen(args):
    from tf_sphereface.bundle.signatures import make_key

    keys = {"private_key": str(args.out), "public_key": str(make_key(args.out))}
    print_result(keys, args.json, ensure_ascii=False)
    return 0


def _sign(args):
    from tf_sphereface.bundle.bundle import sign_bundle

    signed = {"signature": str(sign_bundle(args.bundle, args.key))}
    print_result({"bundle": str(args.bundle), **signed}, args.json, ensure_ascii=False)
    return 0


def _show(args):
    from tf_sphereface.bundle.bundle import load_bundle

    contract = load_bundle(args.bundle, args.trust).contract
    if args.json:
        print(contract.model_dump_json(indent=2))
        return 0
    _print_tables(contract, sys.stdout)
    return 0


def _verify(args):
    from tf_sphereface.deployment.checking.bundle import check_bundle

    if (args.pairs is None) != (args.images is None):
        raise InputError("--pairs and --images belong together")
    if args.calibration is not None and args.model is None:
        raise InputError("--calibration needs --model")
    check = check_bundle(args.bundle, args.trust)
    differences, measured, runtime = list(check.differences), {}, {}
    if args.model is not None:
        differences += _drift(args, check, measured)
    if args.pairs is not None:
        differences += _verification(args, check, measured)
    if args.runtime is not None:
        differences += _runtime(args, check, runtime)
    if not args.json:
        _print_tables(check.bundle.contract, sys.stderr)
    for line in differences:
        tell(f"differs: {line}")
    result = {
        "bundle": str(args.bundle),
        "holds": not differences,
        "files": check.files,
        "golden_faces": check.golden_faces,
        "variants": list(check.bundle.contract.variants),
        "measured": measured,
        **({"runtime": runtime} if runtime else {}),
        "differences": differences,
    }
    print_result(result, args.json, ensure_ascii=False)
    return 1 if differences else 0


def _drift(args, check, measured):
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.deployment.checking.measurement import (
        drift_differences,
        measure_drifts,
        model_differences,
    )

    differences = model_differences(check.bundle, args.model)
    names = check.intact_variants()
    found = measure_drifts(check.bundle, args.model, names, args.calibration)
    for name, drift in found.items():
        measured.setdefault(name, {})["drift"] = drift.model_dump()
        expected = check.bundle.contract.variants[name].drift
        differences += drift_differences(name, expected, drift)
    return differences


def _verification(args, check, measured):
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.deployment.checking.measurement import (
        measured_fars,
        measurement_differences,
    )
    from tf_sphereface.deployment.parity.measurement import measurement_of
    from tf_sphereface.evaluation import (
        evaluate_verification,
        open_features,
        read_lfw_pairs,
    )

    pairs, contract = read_lfw_pairs(args.pairs), check.bundle.contract
    differences = []
    for name in check.intact_variants():
        try:
            source = open_features(args.bundle, name, trust=args.trust)
        except InputError as error:  # any damaged file, as `check` has told
            return [f"accuracy: not measured ({error})"]
        with progress_bar(f"measuring {name}", "faces") as progress:
            report = evaluate_verification(
                source,
                args.images,
                pairs,
                mirror=contract.feature.mirror == "concat",
                progress=progress,
                fars=measured_fars(contract.variants[name]) or [0.1],
            )
        found = measurement_of(report)
        measured.setdefault(name, {}).update(found.model_dump())
        differences += measurement_differences(name, contract.variants[name], found)
    return differences


def _runtime(args, check, result):
    from tf_sphereface.deployment.checking.foreign_runtime import check_runtime

    if check.differences:
        return [f"{args.runtime}: not run, since the bundle differs"]
    found = check_runtime(check.bundle, args.runtime)
    for name, reason in found.refused.items():
        tell(f"refused by {found.runtime}: {name} ({reason})")
    result.update(name=found.runtime, refused=found.refused)
    return [*found.differences]


def _print_tables(contract, file):
    from rich.console import Console
    from rich.table import Column, Table

    from tf_sphereface.deployment.writing.tables import (
        HEADINGS,
        failed_gates,
        threshold_rows,
        variant_rows,
    )

    # A file or pipe has no width: nothing is cut there.
    console = Console(
        file=file, width=None if file.isatty() else 140, highlight=False, markup=False
    )
    rows = variant_rows(contract)
    # Three tables of the variants: one would not fit into 80 columns.
    drift, ranks, others = (
        ([HEADINGS[i] for i in part], [[row[i] for i in part] for row in rows])
        for part in ((0, 1, 5, 6, 7, 11), (0, 2, 3, 4, 8, 9), (0, 10, 12))
    )
    tables = {
        f"{contract.model.name}, {contract.embedding_dim} numbers": drift,
        "search of a gallery": ranks,
        "pairs and runtimes": others,
        "thresholds": (
            ("variant", "gallery", "threshold", "cosine", "TAR"),
            threshold_rows(contract),
        ),
    }
    for title, (headings, rows) in tables.items():
        if any(cell != "-" for row in rows for cell in row[1:]):
            # Folded, not cut: each digit counts.
            columns = (Column(heading, overflow="fold") for heading in headings)
            table = Table(*columns, title=title)
            for row in rows:
                table.add_row(*map(printable, row))
            console.print(table)
    for name, failures in failed_gates(contract).items():
        for failure in failures:
            console.print(f"FAILED {name}: {failure}", markup=False, style="bold red")


if __name__ == "__main__":
    sys.exit(main())
