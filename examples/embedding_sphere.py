"""Draw faces on the sphere: embeddings of three numbers, made by `sphereface embed`.

A column for each file, such as for models of several margins: the sphere from the front
and from behind. Train such a model with `embedding_dim = 3` in the recipe.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from tf_sphereface.commands.terminal.errors import reports_errors
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.errors import InputError

_MOST = 10  # people: as many colours can be told apart


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python examples/embedding_sphere.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.npz")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.png", help="the picture"
    )
    return parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    people = draw_spheres(args.files, args.out)
    print(json.dumps({"people": people, "out": str(args.out)}, indent=2))
    return 0


def draw_spheres(files: list[Path], out: Path) -> list[str]:
    """Draws the people with the most photos in all files, each in one colour.

    Args:
        files: Of embeddings (n, 3), without mirror images.
        out: The picture, PNG.

    Returns: The people, in the order of their numbers in the picture.
    Raises: InputError if a file cannot be read, has embeddings of another length, or
        fewer than two people.
    """
    import figure_style as style
    from tf_sphereface.evaluation.embeddings.npz import read_embeddings
    from toy_figures import draw_hemisphere

    read = [read_embeddings(path) for path in files]
    for path, file in zip(files, read, strict=True):
        if file.embeddings.shape[1] != 3:
            raise InputError(
                f"embeddings must have 3 numbers to lie on a sphere (embed with "
                f"--no-mirror). Received: {path}, {file.embeddings.shape[1]}"
            )
    persons = [_persons(file) for file in read]
    counts = Counter(person for each in persons for person in each)
    people = [name for name, _ in counts.most_common(_MOST)]
    if len(people) < 2 or not all(set(people) <= set(each) for each in persons):
        raise InputError("every file must have photos of the same people, at least two")
    figure = style.new_figure(2.75 * len(read), 5.6)
    rows = figure.subplots(2, len(read), squeeze=False)
    for column, (path, file, names) in enumerate(
        zip(files, read, persons, strict=True)
    ):
        shown = [row for row, name in enumerate(names) if name in people]
        labels = np.array([people.index(names[row]) for row in shown])
        for row, side in ((0, 1), (1, -1)):
            draw_hemisphere(rows[row, column], file.embeddings[shown], labels, side)
        rows[0, column].set_title(path.stem, fontsize=9.5, color=style.INK)
    style.save_png(figure, out)
    return people


def _persons(file):
    return file.identities or tuple(map(identity_of, file.names))


if __name__ == "__main__":
    sys.exit(main())
