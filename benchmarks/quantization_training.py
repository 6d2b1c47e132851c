"""Does training with 8 bits win back what `int8` loses?

    python benchmarks/quantization_training.py --run RUN --records RECORDS \
      --aligned ALIGNED --pairs PAIRS --out runs/quantization_training

RUN is a run of `sphereface train`; ALIGNED and PAIRS are of people that it did not see.
The peers are `int8` without training, of the network as it is and with its channels
made alike, and, as a control, as many steps without any rounding. The drift is the
cosine of crops of ALIGNED, spread over the people: to the embedding of the float
network that the file was made of (after the training if there was one), and to that of
the run. No mirror images. `--set` goes to `quantization-train`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

RECIPE = Path(__file__).parents[1] / "recipes" / "quantization.toml"
CALIBRATION_CROPS = 100
COMPARED = 400
FAR = 0.01
TRAININGS = {
    "float": ["scheme.name=float"],
    "plain": ["scheme.equalized=false"],
    "equalized": ["scheme.equalized=true"],
}


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder")
    parser.add_argument("--records", type=Path, required=True, help="the run's records")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned faces")
    parser.add_argument("--pairs", type=Path, required=True, help="pairs of strangers")
    parser.add_argument("--out", type=Path, required=True, help="files and results")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser


def main(argv=None):
    args = build_parser().parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    folders = {name: args.out / f"trained_{name}" for name in TRAININGS}
    for name, folder in folders.items():
        if not folder.exists():
            train(args, folder, TRAININGS[name])
    before = args.out / "before"
    convert(args.run / "best.keras", before, args.records)
    control = args.out / "control"
    convert(folders["float"] / "model.keras", control, args.records)
    own = {name: args.out / f"float_of_{name}" for name in ("plain", "equalized")}
    for name, folder in own.items():
        convert(folders[name] / "model.keras", folder, args.records, ())
    files = {  # and the folder of the float network that each was made of
        "float": (before / "float.tflite", before),
        "`int8` of the network as it is": (before / "plain.tflite", before),
        "`int8`, equalised": (before / "equalized.tflite", before),
        "`int8`, trained from the network as it is": (
            folders["plain"] / "model.tflite",
            own["plain"],
        ),
        "`int8`, trained from the equalised one": (
            folders["equalized"] / "model.tflite",
            own["equalized"],
        ),
        "float, trained as long": (control / "float.tflite", control),
        "`int8` of that, equalised": (control / "equalized.tflite", control),
    }
    rows = measure_all(files, args)
    (args.out / "results.json").write_text(json.dumps(rows, indent=2), "utf-8")
    print(table(rows))
    return 0


def train(args, folder, sets):
    options = [part for value in (*args.set, *sets) for part in ("--set", value)]
    command = [sys.executable, "-m", "tf_sphereface.commands.main"]
    command += ["quantization-train", args.run, "--recipe", args.recipe]
    command += ["--records", args.records, "--out", folder, *options]
    subprocess.run([str(part) for part in command], check=True)


def convert(keras_file, folder, records, variants=("plain", "equalized")):
    """Writes float.tflite and `int8` files of a network, as an export makes them."""
    from tf_sphereface.deployment.conversion.batch_norm import fold_batch_norm
    from tf_sphereface.deployment.conversion.tflite import FloatModel
    from tf_sphereface.deployment.quantization.ai_edge import quantize
    from tf_sphereface.deployment.quantization.equalization import (
        Equalized,
        equalize,
        observe_channels,
    )
    from tf_sphereface.embedding_models import load_backbone

    folder.mkdir(exist_ok=True)
    backbone = load_backbone(keras_file)
    model = FloatModel(fold_batch_norm(backbone), backbone.pixel_contract)
    (folder / "float.tflite").write_bytes(model.content)
    if not variants:
        return
    images = training_images(records, backbone.pixel_contract)
    ranges = observe_channels(model.content, images)
    for name in variants:
        source = Equalized(model.content, ranges)
        if name == "equalized":
            source = equalize(model.content, ranges)
        (folder / f"{name}.tflite").write_bytes(quantize(model, "int8", source))


def training_images(records, contract):
    """Normalised crops, float32 (crops, height, width, 3)."""
    from tf_sphereface.data.batches.shuffled import training_batches

    batches = training_batches(
        records, CALIBRATION_CROPS, contract=contract, seed=1, mirrored=False
    )
    images, _ = next(iter(batches))
    return images.numpy()


def measure_all(files, args):
    from tf_sphereface.evaluation import load_embedding_source, read_lfw_pairs
    from tf_sphereface.evaluation.identification.gallery_evaluator import (
        GalleryEvaluator,
    )
    from tf_sphereface.evaluation.verification.pair_evaluator import PairEvaluator

    evaluator = PairEvaluator(args.aligned, read_lfw_pairs(args.pairs), mirror=False)
    gallery = GalleryEvaluator(evaluator)
    photos = sorted(evaluator.all_photos())
    photos = photos[:: max(1, len(photos) // COMPARED)][:COMPARED]
    sources = {name: load_embedding_source(path) for name, (path, _) in files.items()}
    run = evaluator.features(sources["float"], photos)
    rows = {}
    for name, (path, folder) in files.items():
        source = sources[name]
        report = evaluator.plain(source)
        search = gallery.identify(source, source)
        features = evaluator.features(source, photos)
        own = load_embedding_source(folder / "float.tflite")
        own = own.features(photos, args.aligned, mirror=False)
        rows[name] = {
            "cosines": cosines(own, features),
            "cosines_to_run": cosines(run, features),
            "accuracy": report.accuracy,
            "rank_1": search.rank_1,
            "dir": search.dir_at_fpir[FAR].tar,
            "bytes": path.stat().st_size,
        }
    return rows


def cosines(reference, features):
    """Mean, first percentile and least cosine of the photos that are there."""
    products = np.sum(reference * features, axis=1, dtype=np.float64)
    lengths = np.linalg.norm(reference, axis=1) * np.linalg.norm(features, axis=1)
    each = products / lengths
    each = each[~np.isnan(each)]
    return [float(each.mean()), float(np.percentile(each, 1)), float(each.min())]


def table(rows):
    """Markdown."""
    lines = [
        "| file | mean / 1 % / least cosine | to the run | pairs | rank 1 "
        f"| DIR at FAR {FAR:.0%} | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        own, run = (
            " / ".join(f"{value:.4f}" for value in row[key])
            for key in ("cosines", "cosines_to_run")
        )
        lines.append(
            f"| {name} | {own} | {run} | {row['accuracy']:.2%} | {row['rank_1']:.2%} "
            f"| {row['dir']:.2%} | {row['bytes'] / 1e6:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
