"""Labeled Faces in the Wild through tensorflow-datasets, as a folder of photos."""

from collections import Counter
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.progress import Progress


def write_lfw(out: Path, progress: Progress) -> None:
    """Writes `OUT/NAME/NAME_0001.jpg`; photos that are there already are kept.

    tensorflow-datasets downloads the set on first use and keeps it. The numbers follow
    its order, which need not be LFW's own: pairs.txt of LFW does not fit them.

    Args:
        out: Folder to write to.
        progress: Called with the number of photos done, and of all.

    Raises: InputError if tensorflow-datasets is not installed; its own errors if the
        download fails.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            "LFW needs tensorflow-datasets: pip install 'tf-sphereface[lfw]'"
        ) from error
    builder = tfds.builder("lfw")
    builder.download_and_prepare()
    dataset = builder.as_dataset(
        split="train", decoders={"image": tfds.decode.SkipDecoding()}
    )
    total = int(dataset.cardinality())
    numbers = Counter()
    for done, example in enumerate(dataset.as_numpy_iterator(), start=1):
        name = example["label"].decode()
        numbers[name] += 1
        path = out / name / f"{name}_{numbers[name]:04d}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, example["image"])
        progress(done, total)
