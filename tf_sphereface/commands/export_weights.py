"""Write a model's weights as safetensors, under PyTorch's names and order of axes.

A margin head is dropped. `import-weights` reads the files of its networks back, bit by
bit.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import add_json_option, print_result
from tf_sphereface.errors import InputError
from tf_sphereface.model_files import model_file
from tf_sphereface.new_files import new_files


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface export-weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help=".keras file or run folder")
    parser.add_argument("--out", type=Path, required=True, help="new, .safetensors")
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    model_file(args.model)  # before TensorFlow loads
    if args.out.suffix != ".safetensors":
        raise InputError(f"--out must end in .safetensors. Received: {args.out}")
    from tf_sphereface.native_messages import load_tensorflow

    with new_files({"--out": args.out}) as made:
        load_tensorflow()
        from tf_sphereface.weights.exporter import export_weights

        shapes = export_weights(args.model, made["--out"])
    summary = {"model": str(args.model), "out": str(args.out), "tensors": shapes}
    print_result(summary, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
