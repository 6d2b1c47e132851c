"""Does training with 8 bits win back what a harsh conversion to 8 bits loses?

    python benchmarks/quantization_training.py --run RUN --records RECORDS \
      --aligned ALIGNED --pairs PAIRS --out runs/quantization_training

RUN is a run of `sphereface train`, PAIRS a pair list of people that it did not see. The
peer is tf.lite's conversion after training, of the same network, calibrated on crops of
the training. Harsh is one scale for each kernel in place of one for each channel: then
a channel with small weights has few steps left. The drift is 1 - cosine over the crops
of the pairs: to the embedding of the float network that the file was made of (after the
training if there was one), and to that of the run. `--set` goes to
`quantization-train`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

RECIPE = Path(__file__).parents[1] / "recipes" / "quantization.toml"
CALIBRATION_CROPS = 200
FAR = 0.01


def build_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder")
    parser.add_argument("--records", type=Path, required=True, help="the run's records")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned faces")
    parser.add_argument("--pairs", type=Path, required=True, help="pairs of strangers")
    parser.add_argument("--out", type=Path, required=True, help="files and results")
    parser.add_argument(
        "--scales", nargs="+", default=["tensor"], choices=["tensor", "channel"]
    )
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface.deployment.conversion.tflite import FloatModel
    from tf_sphereface.embedding_models import load_backbone

    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.run / "best.keras"
    backbone = load_backbone(checkpoint)
    network = FloatModel(backbone, backbone.pixel_contract)
    (args.out / "float.tflite").write_bytes(network.content)
    files = {"float32": args.out / "float.tflite"}
    crops = training_crops(args.records, backbone.pixel_contract)
    for scales in args.scales:
        path = args.out / f"converted_{scales}.tflite"
        path.write_bytes(converted(network, crops, scales == "channel"))
        files[f"int8, a scale a {scales}, converted"] = path
        folder = args.out / f"trained_{scales}"
        if not folder.exists():
            train(args, folder, scales == "channel")
        files[f"int8, a scale a {scales}, trained"] = folder / "model.tflite"
    rows = {name: measure(path, args) for name, path in files.items()}
    run = rows["float32"]["features"]
    for name, path in files.items():
        features = rows[name].pop("features")
        own = path.with_name("model.keras")
        float_features = embed(own, args) if own.exists() else run
        rows[name]["drift"] = drift(float_features, features)
        rows[name]["drift_to_run"] = drift(run, features)
    (args.out / "results.json").write_text(json.dumps(rows, indent=2), "utf-8")
    print(table(rows))
    for scales in args.scales:
        name = f"int8, a scale a {scales}, "
        before, after = rows[f"{name}converted"], rows[f"{name}trained"]
        won = 1 - after["drift"] / before["drift"]
        print(f"a scale a {scales}: {won:.0%} of the drift is won back")
    return 0


def training_crops(records, contract):
    """Normalised crops, float32 (1, height, width, 3) each."""
    from tf_sphereface.data.batches.pipeline import training_batches

    batches = training_batches(
        records, CALIBRATION_CROPS, contract=contract, seed=1, mirrored=False
    )
    images, _ = next(iter(batches))
    return [image[None] for image in images.numpy()]


def converted(network, crops, per_channel):
    """tf.lite's 8-bit file without training: integers inside, float outside."""
    import tensorflow as tf

    def configure(converter):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([crop] for crop in crops)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter._experimental_disable_per_channel = not per_channel

    return network.convert(configure)


def train(args, folder, per_channel):
    sets = [*args.set, f"scheme.per_channel={str(per_channel).lower()}"]
    options = [part for value in sets for part in ("--set", value)]
    command = [sys.executable, "-m", "tf_sphereface.commands.main"]
    command += ["quantization-train", args.run, "--recipe", args.recipe]
    command += ["--records", args.records, "--out", folder, *options]
    subprocess.run([str(part) for part in command], check=True)


def measure(path, args):
    """Features of the crops of the pairs, and the verification with them."""
    from tf_sphereface.evaluation import (
        evaluate_verification,
        load_embedding_source,
        read_lfw_pairs,
    )

    source, pairs = load_embedding_source(path), read_lfw_pairs(args.pairs)
    report = evaluate_verification(
        source, args.aligned, pairs, mirror=False, fars=(FAR,)
    )
    return {
        "features": embed(path, args),
        "accuracy": report.accuracy,
        "auc": report.auc,
        "tar": report.tar_at_far[FAR],
        "bytes": path.stat().st_size,
    }


def embed(path, args):
    """Features of the crops of the pairs, a row each."""
    from tf_sphereface.evaluation import (
        load_embedding_source,
        read_lfw_pairs,
    )

    photos = read_lfw_pairs(args.pairs).photos()
    return load_embedding_source(path).features(photos, args.aligned, mirror=False)


def drift(reference, features):
    """Mean of 1 - cosine over the photos that are there."""
    products = np.sum(reference * features, axis=1, dtype=np.float64)
    lengths = np.linalg.norm(reference, axis=1) * np.linalg.norm(features, axis=1)
    return float(np.nanmean(1 - products / lengths))


def table(rows):
    """Markdown."""
    lines = [
        "| file | drift | drift to the run | accuracy | AUC "
        f"| TAR at FAR {FAR:.0%} | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['drift']:.4f} | {row['drift_to_run']:.4f} "
            f"| {row['accuracy']:.2%} | {row['auc']:.4f} | {row['tar']:.2%} "
            f"| {row['bytes'] / 1e6:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
