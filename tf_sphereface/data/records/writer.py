"""Aligned faces as TFRecord shards: written once, read fast in every epoch."""

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

import tf_sphereface
from tf_sphereface.data.aligned.crops import (
    CropSelection,
    crop_geometry,
    read_crop,
    select_crops,
)
from tf_sphereface.data.aligned.settings import read_alignment_settings
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.data.records.holdout import HOLDOUT_NAME, copy_holdout, hold_out
from tf_sphereface.data.records.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    CropContract,
    RecordManifest,
    Shard,
    read_manifest,
    shard_paths,
    verify_records,
)
from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing, sha256_of, write_atomically
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.progress import Progress
from tf_sphereface.whole_folders import appearing, refuse_full

__all__ = [
    "RecordManifest",
    "RecordSummary",
    "parse_record",
    "read_manifest",
    "shard_paths",
    "verify_records",
    "write_records",
]

_FACES_PER_SHARD = 4000  # about 30 MB of JPEG crops
_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature((), tf.string),
    "image/label": tf.io.FixedLenFeature((), tf.int64),
}


@dataclasses.dataclass(frozen=True)
class RecordSummary:
    """Result of `write_records`.

    Args:
        records: Number of faces.
        identities: Number of identities, which is the number of labels.
        shards: Number of files.
        bytes: Size of all shards.
        dropped_identities: Number of identities with fewer images than asked for.
        missing_identities: Number of wanted names that the folder does not have.
        excluded_crops: Number of crops that were left out by name.
        missing_crops: Number of crops to leave out that the folder does not have.
        excluded_identities: Number of identities that were left out as asked.
        template_crops: Number of crops of photos without a face that were left out.
        holdout_identities: Number of identities held out; they are in no shard.
        holdout_crops: Number of their crops, in the folder `holdout`.
    """

    records: int
    identities: int
    shards: int
    bytes: int
    dropped_identities: int
    missing_identities: int
    excluded_crops: int
    missing_crops: int
    excluded_identities: int
    template_crops: int
    holdout_identities: int
    holdout_crops: int


def write_records(
    aligned: Path,
    out: Path,
    shards: int | None = None,
    *,
    seed: int = 0,
    min_images: int = 1,
    identities: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    exclude_crops: Iterable[str] = (),
    holdout_identities: int | float | None = None,
    template_crops: bool = False,
    crop: CropGeometry | None = None,
    progress: Progress | None = None,
) -> RecordSummary:
    """Packs aligned faces into shuffled shards with a manifest.

    Labels follow the sorted names of the identities. `out` appears when all is
    written; the same crops, seed and number of shards give the same bytes. The shuffle
    is of names and over all crops, and a crop is in memory only while it is written.

    Args:
        aligned: ALIGNED/IDENTITY/CROP, as `align_photos` writes it.
        out: Folder that does not exist or is empty.
        shards: Number of files; None makes one for each 4,000 faces.
        seed: Of the shuffle across all identities.
        min_images: Identities with fewer crops are left out.
        identities: Identities to keep; None keeps all.
        exclude: Identities to leave out, such as those of a test set.
        exclude_crops: Crops "IDENTITY/FILE" to leave out.
        holdout_identities: Number of identities, or their share in (0, 1), that are
            held out of the shards. Their crops are copied to OUT/holdout/IDENTITY/FILE,
            to be verified on.
        template_crops: Whether to take crops of photos in which no face was found.
        crop: Size and template of crops that have no align.json and are neither
            112 x 96 nor 112 x 112.
        progress: Called with the number of faces written, and to write.

    Raises: InputError if a folder, a crop or an option is unusable, or if another
        process writes to `out`; OSError if writing fails.
    """
    refuse_full(out)
    if aligned.resolve() in (out.resolve(), *out.resolve().parents):
        raise InputError(f"--out must not be inside the aligned folder: {out}")
    chosen = select_crops(
        aligned, min_images, identities, exclude, exclude_crops, template_crops
    )
    if seed < 0:
        raise InputError(f"seed must not be negative. Received: {seed}")
    everyone, held = len(chosen.identities), ()
    if holdout_identities is not None:
        chosen, held = hold_out(chosen, holdout_identities, seed)
    total = len(chosen.crops)
    shards = shards if shards is not None else max(1, total // _FACES_PER_SHARD)
    if not 1 <= shards <= total:
        raise InputError(
            f"shards must be between 1 and the number of faces, {total}. "
            f"Received: {shards}"
        )
    geometry = crop_geometry(aligned, chosen.crops[0], crop)
    order = np.random.default_rng(seed).permutation(total)
    parts = np.array_split(order, shards)
    with appearing(out, private=True) as folder:
        copy_holdout(aligned, held, folder / HOLDOUT_NAME, geometry)
        written = _write_shards(aligned, folder, chosen, parts, geometry, progress)
        manifest = _manifest(aligned, chosen, written, seed, geometry)
        content = manifest.model_dump_json(indent=2).encode() + b"\n"
        write_atomically(folder / MANIFEST_NAME, content)
    counts = dataclasses.asdict(chosen)
    return RecordSummary(
        records=total,
        identities=len(chosen.identities),
        shards=shards,
        bytes=sum(shard.bytes for shard in written),
        holdout_identities=everyone - len(chosen.identities),
        holdout_crops=len(held),
        **{name: count for name, count in counts.items() if isinstance(count, int)},
    )


def parse_record(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One record to the bytes of its crop (string) and its label (int64)."""
    record = tf.io.parse_single_example(serialized, _FEATURES)
    return record["image/encoded"], record["image/label"]


def _write_shards(aligned, folder, chosen: CropSelection, parts, geometry, progress):
    labels = {identity: label for label, identity in enumerate(chosen.identities)}
    written, done = [], 0
    for number, members in enumerate(parts):
        path = folder / f"faces-{number:05d}-of-{len(parts):05d}.tfrecord"
        with _shard_writer(path) as file:
            for index in members:
                crop = chosen.crops[index]
                encoded = read_crop(aligned / crop, geometry.height, geometry.width)
                identity = identity_of(crop)
                file.write(_serialize(encoded, labels[identity], identity, crop))
                done += 1
                if progress is not None:
                    progress(done, len(chosen.crops))
        size, digest = path.stat().st_size, sha256_of(path)
        shard = Shard(name=path.name, records=len(members), bytes=size, sha256=digest)
        written.append(shard)
    return written


@contextlib.contextmanager
def _shard_writer(path):
    try:
        with (
            replacing(path, private=True) as temporary,
            tf.io.TFRecordWriter(str(temporary)) as file,
        ):
            yield file
    except tf.errors.OpError as error:  # such as a full disk
        raise OSError(f"cannot write {path.name}: {error.message}") from error


def _serialize(encoded, label, identity, source):
    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    feature = {
        "image/encoded": text(encoded),
        "image/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "image/identity": text(identity.encode()),
        "image/source": text(source.encode()),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def _manifest(aligned, chosen, shards, seed, geometry):
    settings = read_alignment_settings(aligned) or {}
    pixels = dataclasses.asdict(PixelContract(geometry.height, geometry.width))
    counts = Counter(map(identity_of, chosen.crops))
    return RecordManifest(
        format_version=FORMAT_VERSION,
        library_version=tf_sphereface.__version__,
        records=len(chosen.crops),
        identities=list(chosen.identities),
        images_per_identity=[counts[identity] for identity in chosen.identities],
        seed=seed,
        crop=CropContract(**pixels, template=geometry.template, fit=geometry.fit),
        detector=settings.get("detector"),
        shards=shards,
    )
