"""Share of photos of two people whose crop shows the stranger, by choice of faces.

Photos of one person each, such as LFW's, become photos of two: the stranger in the
middle, the person at one side. It is known who is who. In "strangers, half" each person
has 10 photos, 5 of them with a stranger, another one each time; in "strangers, all"
5 photos with another stranger each; in "friend, half" it is one stranger on all 5.

    python benchmarks/right_face.py LFW/images --model BUNDLE --people 40
"""

import argparse
import functools
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 250  # of LFW's photos, pixels
MIXTURES = {  # photos of each person, those with a stranger, and strangers
    "strangers, half": (10, 5, 5),
    "strangers, all": (5, 5, 5),
    "friend, half": (10, 5, 1),
}


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="PERSON/PHOTO.jpg, 250 x 250")
    parser.add_argument("--model", type=Path, required=True, help="bundle or model")
    parser.add_argument("--people", type=int, default=40)
    return parser


def write_mixture(out, people, strangers, rng, mixture):
    """Writes photos; gives the column where the person begins in those of two."""
    alone, mixed, different = mixture
    begins = {}
    for person, photos in people.items():
        (out / person).mkdir(parents=True)
        others = rng.choice(strangers, different, replace=False)
        for number, photo in enumerate(photos[:alone]):
            name = f"{person}/{number}.png"
            canvas = np.full((SIDE, 3 * SIDE, 3), 128, np.uint8)
            begin = SIDE
            if number < mixed:
                begin = begins[name] = int(rng.choice([0, 2 * SIDE]))
                canvas[:, SIDE : 2 * SIDE] = Image.open(others[number % different])
            canvas[:, begin : begin + SIDE] = Image.open(photo)
            Image.fromarray(canvas).save(out / name)
    return begins


def wrong_faces(source, out, begins, **options):
    """Of the photos of two: crops of the stranger, and photos without a crop."""
    from tf_sphereface.data.aligned.manifest import KEPT, read_manifest_rows
    from tf_sphereface.data.alignment.align import align_photos

    align_photos(source, out, **options)
    rows = read_manifest_rows(out)
    kept = {name: rows[name] for name in begins if rows[name].status == KEPT}
    middles = {name: (row.box[0] + row.box[2]) / 2 for name, row in kept.items()}
    wrong = sum(
        not begins[name] <= middle < begins[name] + SIDE
        for name, middle in middles.items()
    )
    return wrong, len(begins) - len(kept)


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.data.alignment.vote import VotingModelFile
    from tf_sphereface.evaluation import describe_model, load_embedding_source

    model = VotingModelFile(
        functools.partial(load_embedding_source, args.model),
        describe_model(args.model).sha256,
    )
    folders = {
        folder.name: sorted(folder.glob("*.jpg"))
        for folder in sorted(args.photos.iterdir())
    }
    rng = np.random.default_rng(1)
    several = [name for name, photos in folders.items() if len(photos) >= 10]
    chosen = sorted(rng.choice(several, args.people, replace=False))
    people = {name: list(rng.permutation(folders[name])) for name in chosen}
    # People of one photo, so that no stranger is one of the people.
    strangers = [photos[0] for photos in folders.values() if len(photos) == 1]
    print("| photos of two people | number | centre | largest | consistent |")
    print("|---|---|---|---|---|")
    for name, mixture in MIXTURES.items():
        with tempfile.TemporaryDirectory() as work:
            source = Path(work) / "photos"
            begins = write_mixture(source, people, strangers, rng, mixture)
            cells = []
            for choice in ("centre", "largest", "consistent"):
                options = {"choice": choice}
                if choice == "consistent":
                    options["voting_model"] = model
                wrong, lost = wrong_faces(
                    source, Path(work) / choice, begins, **options
                )
                cells.append(f"{wrong} wrong, {lost} without a crop")
            print(f"| {name} | {len(begins)} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
