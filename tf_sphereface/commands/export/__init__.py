"""Convert a trained model for phones or servers, and compare the result with it."""

import argparse
import sys

from tf_sphereface.commands.export import onnx, saved_model, tflite
from tf_sphereface.commands.terminal.errors import reports_errors

FORMATS = {"tflite": tflite, "saved-model": saved_model, "onnx": onnx}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sphereface export", description=__doc__)
    formats = parser.add_subparsers(
        title="formats",
        metavar="FORMAT",
        required=True,
        description="`sphereface export FORMAT --help` shows the options of a format.",
    )
    for name, module in FORMATS.items():
        summary, _, details = module.__doc__.partition("\n")
        export = formats.add_parser(
            name,
            help=summary,
            description=f"{summary}\n{details}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(export)
        export.set_defaults(run=module.run, parser=export)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
