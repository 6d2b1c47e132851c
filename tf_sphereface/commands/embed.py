"""Embed aligned faces with any model: a .npz file for `evaluate` or for other tools.

Its arrays are `embeddings`, float32 (n, dim); `names`, PERSON/FILE; `identities`; and
`mirror`: whether a row is the embedding of a face followed by that of its mirror image.
"""

import argparse
import sys
from pathlib import Path

from tf_sphereface.commands.options.pixels import add_pixel_options, given_pixels
from tf_sphereface.commands.options.trust import (
    add_trust_model_option,
    add_trust_option,
)
from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.commands.terminal.output import (
    add_json_option,
    print_notes,
    print_result,
)
from tf_sphereface.errors import InputError
from tf_sphereface.new_files import new_files


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sphereface embed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model",
        type=Path,
        help=".keras or .tflite file, SavedModel, bundle or run folder",
    )
    parser.add_argument(
        "--images", type=Path, required=True, help="folder that `align` wrote"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.npz", help="new file"
    )
    parser.add_argument(
        "--no-mirror",
        action="store_true",
        help="embed the face alone, without its mirror image: twice as fast",
    )
    parser.add_argument("--variant", help="model of a bundle (default: the bundle's)")
    add_trust_option(parser)
    add_trust_model_option(parser)
    add_pixel_options(parser)
    add_json_option(parser)
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    file, source = _embed(args)
    summary = {
        "photos": len(file.names),
        "people": len(set(file.identities)),
        "embedding_dim": file.embedding_dim,
        "mirror": file.mirror,
        "pixels": source.pixel_contract.formula,
        "out": str(args.out),
    }
    print_result(summary, args.json, ensure_ascii=False)
    print_notes(source.notes)
    return 0


def _embed(args):
    from tf_sphereface import evaluation
    from tf_sphereface.commands.terminal.progress_bar import progress_bar

    if args.out.suffix != ".npz":
        raise InputError(f"--out must end in .npz. Received: {args.out}")
    with new_files({"--out": args.out}) as made:
        source = evaluation.load_embedding_source(
            args.model,
            args.variant,
            given_pixels(args),
            args.trust,
            args.trust_model,
        )
        with progress_bar("embedding", "photos") as progress:
            file = evaluation.embed_folder(
                source, args.images, mirror=not args.no_mirror, progress=progress
            )
        evaluation.write_embeddings(made["--out"], file)
    return file, source


if __name__ == "__main__":
    sys.exit(main())
