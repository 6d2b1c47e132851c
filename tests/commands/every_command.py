"""Commands that write, a folder with the outputs of all, and what differs in them."""

import re
import shutil
import zipfile
from pathlib import Path

RECIPE = """
[backbone]
name = "sphereface_cnn"
depth = 4
width_multiplier = 0.0625
embedding_dim = 16
[head]
name = "a_softmax"
annealing = {base = 20.0, gamma = 0.2}
[data]
batch_size = 8
[optimizer]
learning_rate = 0.01
boundaries = []
[schedule]
steps = 40
steps_per_epoch = 20
seed = 3
"""
PAIRS = "--images aligned --pairs pairs.txt --resamples 20"
# All that makes the world in which the commands are killed, in this order.
MAKING = {
    "synthesize": "synthesize --out photos --identities 6 --images 3 --seed 1",
    "align": "align photos --out aligned --processes 1",
    "pairs": "pairs aligned --out pairs.txt --folds 2 --pairs-per-fold 6",
    "records": "records aligned --out records --shards 2 --holdout-identities 2",
    "train": "train recipe.toml --records records --run run",
    "import-weights": "import-weights run/last.keras --backbone sphereface4 "
    "--out imported.keras",
    "export-weights": "export-weights run --out weights.safetensors",
    "export": "export tflite run --out bundle",
    "embed": "embed bundle --images aligned --out embeddings.npz",
    "evaluate": f"evaluate embeddings.npz {PAIRS} --thumbnails --out report",
    "evaluate 2": f"evaluate embeddings.npz {PAIRS} --out other",
    "compare": "compare report other --out comparison",
    "export saved-model": "export saved-model run --out saved_model",
    "export onnx": "export onnx run --out model.onnx",
    "calibrate": f"calibrate bundle {PAIRS} --far 0.5",
    "bundle keygen": "bundle keygen release.key",
    "bundle sign": "bundle sign bundle --key release.key",
    "clean": "clean aligned --model bundle --out clean.csv --html clean.html",
    "cluster": "cluster embeddings.npz --images aligned --threshold 0.5 --out list.csv "
    "--html list.html --projector projector",
    "audit": "audit aligned",
}
OUTPUTS = {
    "synthesize": "photos",
    "align": "aligned",
    "pairs": "pairs.txt",
    "records": "records",
    "train": "run",
    "import-weights": "imported.keras",
    "export-weights": "weights.safetensors",
    "export": "bundle",
    "embed": "embeddings.npz",
    "evaluate": "report",
    "compare": "comparison",
    "export saved-model": "saved_model",
    "export onnx": "model.onnx",
    "calibrate": "bundle",
    "bundle keygen": "release.key release.key.pub",
    "bundle sign": "bundle/contract.json.sha256.sig",
    "clean": "clean.csv clean.html",
    "cluster": "list.csv list.html projector",
    "audit": "aligned",
}
# Over an older output; the others make a new one.
AGAIN = {
    "align again": ("align", "align photos --out aligned --processes 1"),
    "evaluate": ("evaluate", MAKING["evaluate"]),
    "compare": ("compare", MAKING["compare"]),
    "calibrate": ("calibrate", f"calibrate bundle {PAIRS} --far 0.6"),
    "audit": ("audit", MAKING["audit"]),
    "export --overwrite": ("export", MAKING["export"] + " --overwrite"),
}
CASES = {n: (n, MAKING[n]) for n in OUTPUTS if n not in AGAIN} | AGAIN
# What belongs together is of one run; other outputs grow file by file.
GROWING = ("align", "train", "synthesize", "evaluate", "compare", "cluster", "clean")
GROWING += ("bundle",)  # the two files of a key


def make_world(server, folder):
    """Fills a folder with the outputs of all commands."""
    (folder / "recipe.toml").write_text(RECIPE)
    for command in MAKING.values():
        status, _, errors = server.run(command.split(), folder)
        assert status == 0, f"{command}: {errors}"
    return folder


def check_outputs(found, before, after, command, number):
    if command in GROWING:
        for name, content in found.items():
            either = (before.get(name), after.get(name))
            unfinished = command in ("align", "train") and name not in after
            changed = command == "train" and name in after  # an epoch's
            assert content in either or unfinished or changed, (number, name)
        assert found.keys() >= before.keys() & after.keys(), number
    else:
        assert found in (before, after), number


def copied(world, folder):
    shutil.copytree(world, folder, symlinks=True)  # with the times of the photos
    return folder


def everything(folder):
    """Names of all files and folders; TensorBoard's logs have names of their own."""
    found = {str(path.relative_to(folder)) for path in Path(folder).rglob("*")}
    return {name for name in found if "events.out.tfevents" not in name}


def contents(folder, outputs):
    """By name the bytes of the visible files, without what differs from run to run."""
    found = {}
    for output in outputs.split():
        path = folder / output
        files = [path] if path.is_file() else path.rglob("*")
        for file in files:
            name = str(file.relative_to(folder))
            hidden = any(part.startswith(".") for part in Path(name).parts)
            if file.is_file() and not hidden and "tfevents" not in name:
                found[name] = steady(file)
    return found


def steady(file):
    if file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            return sorted(
                (info.filename, info.file_size)
                for info in archive.infolist()
                if info.filename != "metadata.json"
            )
    if file.suffix == ".onnx" or file.name == "fingerprint.pb":
        return None  # names of its nodes count up; numbers of any length
    if file.suffix in (".h5", ".pb", ".key", ".pub"):  # in another order, or random
        return file.stat().st_size
    content = file.read_bytes()
    for pattern in (
        rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+00:00| UTC)?",
        rb"\b[0-9a-f]{32}\b",  # of a run
        rb'"?(seconds|milliseconds_per_face)"?: [0-9.]+',
    ):
        content = re.sub(pattern, b"", content)
    return content


def start_of(world, name, folder):
    """The world as it was before a command of `CASES`."""
    copied(world, folder)
    if name not in AGAIN:
        for output in OUTPUTS[name].split():
            path = folder / output
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if name == "align again":  # a crop to make, and one to remove
        sorted((folder / "aligned").glob("*/*.jpg"))[0].unlink()
        sorted((folder / "photos").glob("*/*.jpg"))[-1].unlink()
    return folder
