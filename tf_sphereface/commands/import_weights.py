"""Fill a backbone with weights of Caffe, PyTorch, TensorFlow, Keras, safetensors,
ONNX or TFLite.

Neither Caffe nor PyTorch is needed, and no code in a file is run. Every tensor is
assigned by name, or the import is refused. A network in .onnx or .tflite is matched
operation by operation, and must give the same embeddings as the backbone.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import sys
from pathlib import Path

from tf_sphereface.commands.options.pixels import add_pixel_options, given_pixels
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.messages import printable, tell
from tf_sphereface.commands.terminal.output import print_result
from tf_sphereface.errors import InputError
from tf_sphereface.new_files import new_files


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface import-weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        help=".caffemodel; .pth, .pt or .ckpt; .safetensors; .keras or .h5; "
        "TensorFlow's .pb, or a checkpoint's prefix, .index or folder; .onnx (extra "
        "onnx) or .tflite; a path, or an https address with --sha256",
    )
    parser.add_argument(
        "--sha256", metavar="HEX", help="checksum that the file must have"
    )
    parser.add_argument(
        "--backbone",
        required=True,
        metavar="NAME",
        help="sphereface20, iresnet50, ... (or sphereface_cnn, iresnet with --set "
        "depth=N), mobilefacenet, inception_resnet_v1",
    )
    parser.add_argument("--out", type=Path, help="new model, .keras")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="argument of the backbone that the file does not tell; may be repeated",
    )
    add_pixel_options(parser)
    parser.add_argument(
        "--prototxt", type=Path, help="description to check a .caffemodel against"
    )
    parser.add_argument("--map", type=Path, help="their names to ours, TOML")
    parser.add_argument(
        "--suggest",
        action="store_true",
        help="write no model: print a map by order and shape",
    )
    parser.add_argument(
        "--partial", action="store_true", help="take what fits, leave the rest"
    )
    parser.add_argument(
        "--licence", type=Path, metavar="FILE", help="text to keep with the weights"
    )
    parser.add_argument(
        "--table", action="store_true", help="show where each tensor went, on stderr"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print the result as JSON, with where each tensor went",
    )
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    if (args.out is None) != args.suggest:
        parser.error("give either --out or --suggest")
    arguments = _arguments(args.set, given_pixels(args))
    from tf_sphereface.commands.terminal.progress_bar import progress_bar
    from tf_sphereface.weights.files.download import is_address, weights_at

    # Before anything is fetched, and before TensorFlow loads.
    if args.out is not None and args.out.suffix != ".keras":
        raise InputError(f"--out must end in .keras. Received: {args.out}")
    paths = (args.source, f"{args.source}.index")
    if not (is_address(args.source) or any(Path(path).exists() for path in paths)):
        raise InputError(f"no such file of weights: {args.source}")
    with contextlib.ExitStack() as stack:
        made = None
        if args.out is not None:
            made = stack.enter_context(new_files({"--out": args.out}))["--out"]
        with progress_bar("fetching", "MB") as progress:
            path = stack.enter_context(weights_at(args.source, args.sha256, progress))
        report = _import(path, arguments, made, args)
    if report is not None:
        _show(report, args)
    return 0


def _import(source, arguments, out, args):
    """The report of an import into `out`; None if a map was printed instead."""
    from tf_sphereface.native_messages import load_tensorflow

    load_tensorflow()
    from tf_sphereface.weights import import_weights, suggest_weights_map

    if args.suggest:
        print(suggest_weights_map(source, args.backbone, arguments), end="")
        return None
    return import_weights(
        source,
        args.backbone,
        out,
        arguments=arguments,
        map_file=args.map,
        prototxt=args.prototxt,
        licence=args.licence,
        partial=args.partial,
    )


def _arguments(texts, pixels):
    arguments = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            arguments[key] = json.loads(value)
        except ValueError as error:
            raise InputError(
                "--set must be KEY=VALUE with a number, true or false. "
                f"Received: {text!r}"
            ) from error
        number = arguments[key]
        if not isinstance(number, (int, float)) or not _is_finite(number):
            raise InputError(
                "--set must be KEY=VALUE with a number, true or false. "
                f"Received: {text!r}"
            )
    for name, value in pixels.items():
        arguments[name if name == "channel_order" else f"pixel_{name}"] = value
    return arguments


def _is_finite(number):
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer that no float holds
        return False


def _show(report, args):
    summary = {
        "model": str(args.out),
        "backbone": args.backbone,
        "arguments": report.arguments,
        "format": report.kind,
        "sha256": report.sha256,
        "parameters": report.parameters,
        "assigned": sum(row.target is not None for row in report.rows),
        "left_out": sum(row.target is None for row in report.rows),
        "missing": report.missing,
        "notes": report.notes,
    }
    if args.json:
        summary["tensors"] = [dataclasses.asdict(row) for row in report.rows]
    if args.table:
        _print_table(report)
    print_result(summary, args.json)
    for note in report.notes:
        tell(f"note: {note}")
    if args.licence is None:
        tell(
            "note: no --licence was given; see to what these weights may be used for",
        )


def _print_table(report):
    from rich.console import Console
    from rich.table import Column, Table

    # Folded, not cut: names that begin alike differ at their ends.
    columns = ("tensor", "shape", "type", "goes to", "note")
    table = Table(*(Column(name, overflow="fold") for name in columns))
    for row in report.rows:
        table.add_row(
            printable(row.source),
            "x".join(map(str, row.shape)),
            row.dtype,
            row.target or "-",
            printable(row.note),
        )
    Console(file=sys.stderr, markup=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
