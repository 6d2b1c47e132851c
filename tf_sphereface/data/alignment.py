"""From photos in folders of identities to aligned crops with a manifest."""

import contextlib
import dataclasses
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import tf_sphereface
from tf_sphereface import geometry
from tf_sphereface.data.alignment_manifest import (
    DROPPED,
    KEPT,
    Journal,
    agree_on_settings,
    read_manifest_rows,
    write_manifest_rows,
)
from tf_sphereface.data.alignment_pool import AlignmentTask, align_in_processes
from tf_sphereface.data.alignment_worker import JPEG_QUALITY
from tf_sphereface.data.photo_folders import list_photos, refuse_merging
from tf_sphereface.detection import (
    NETWORK_NAMES,
    MTCNNSettings,
    cached_networks,
)
from tf_sphereface.errors import InputError


@dataclasses.dataclass(frozen=True)
class AlignmentSummary:
    """What `align_photos` did.

    Args:
        photos: Number of photos in the source, and of rows in the manifest.
        kept: Number of crops.
        dropped: Number of photos without a crop, by reason.
        identities: Number of identities with a crop.
        reused: Number of photos that an earlier run had done.
        other_files: Number of files that are no photos by their suffix.
        seconds: Duration, s.
    """

    photos: int
    kept: int
    dropped: dict[str, int]
    identities: int
    reused: int
    other_files: int
    seconds: float


def align_photos(
    source: Path,
    out: Path,
    settings: MTCNNSettings | None = None,
    processes: int | None = None,
    networks: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AlignmentSummary:
    """Crops the face nearest the centre of each photo to the landmark template.

    Writes JPEG crops under the photos' names (".jpg" is added to other suffixes),
    manifest.csv with a row for each photo, and align.json. A later run does what is
    missing: new and changed photos, lost crops, and what an interrupted run left over.
    Crops of photos that have gone from the source go too.

    Args:
        source: SOURCE/IDENTITY/PHOTO.
        out: A new or empty folder, or one of an earlier run.
        settings: What the detector looks for; None is `MTCNNSettings()`.
        processes: Number of worker processes; None takes all processors, 1 works in
            the calling process. Worker processes are spawned: a script that calls this
            needs the usual `if __name__ == "__main__":`.
        networks: Folder with the detector's networks; None is the user's cache.
        progress: Called with the number of photos done in this run, and to do.

    Raises: InputError if a folder is unusable, if names would merge on other systems,
        or if `out` was aligned with other settings; OSError if writing fails.
    """
    started = time.monotonic()
    settings = settings if settings is not None else MTCNNSettings()
    if processes is not None and processes < 1:
        raise InputError(f"processes must be at least 1. Received: {processes}")
    _refuse_nesting(source, out)
    folders = list_photos(source)
    refuse_merging(folders.photos, "photos", saved_as=crop_name)
    networks = networks if networks is not None else cached_networks()
    record = _settings_record(settings, networks)
    agree_on_settings(out, record, tf_sphereface.__version__)

    known = read_manifest_rows(out)
    if known and known.keys().isdisjoint(folders.photos):
        raise InputError(f"{out} holds crops of other photos than {source}")
    rows = _reusable(known, folders.photos, source, out)
    reused = len(rows)
    todo = [photo for photo in folders.photos if photo not in rows]
    _prepare(out, todo)
    pairs = [(photo, crop_name(photo)) for photo in todo]
    task = AlignmentTask(source, out, settings, networks)
    with Journal(out) as journal:
        for done in align_in_processes(task, pairs, processes or os.cpu_count() or 1):
            journal.append(done)
            rows.update((row.photo, row) for row in done)
            if progress is not None:
                progress(len(rows) - reused, len(todo))
    _remove_orphans(out, known, rows)
    write_manifest_rows(out, rows)
    return _summarize(rows, reused, folders.other_files, time.monotonic() - started)


def crop_name(photo: str) -> str:
    """The name of a photo's crop: photos "x.jpg" and "x.JPG" give "x.jpg".

    Other suffixes are kept and ".jpg" is added, so that "x.jpg" and "x.png" do not
    meet, and lists of pairs that name .jpg files stay valid.
    """
    stem, _, suffix = photo.rpartition(".")
    return f"{stem}.jpg" if suffix.lower() == "jpg" else f"{photo}.jpg"


def _refuse_nesting(source, out):
    inner, outer = out.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise InputError(f"--out must not be inside the photos' folder: {out}")


def _settings_record(settings, networks):
    """What decides about the crops, as JSON values."""
    digest = hashlib.sha256()
    for name in NETWORK_NAMES:
        digest.update((networks / f"{name}.tflite").read_bytes())
    detector = {"name": "MTCNN", **dataclasses.asdict(settings)}
    detector["thresholds"] = list(settings.thresholds)
    return {
        "crop": {
            "height": geometry.CROP_HEIGHT,
            "width": geometry.CROP_WIDTH,
            "template": geometry.LANDMARK_TEMPLATE.tolist(),
            "channel_order": "RGB",
            "format": "JPEG",
            "quality": JPEG_QUALITY,
        },
        "choice": "nearest to the centre",
        "detector": {**detector, "networks_sha256": digest.hexdigest()},
    }


def _reusable(known, photos, source, out):
    """The rows whose photo is as it was and whose crop is there."""
    rows = {}
    for photo in photos:
        row = known.get(photo)
        if row is None or (row.status == KEPT and not (out / row.crop).is_file()):
            continue
        status = (source / photo).stat()
        if (status.st_size, status.st_mtime_ns) == (row.bytes, row.modified_ns):
            rows[photo] = row
    return rows


def _prepare(out, photos):
    for identity in {photo.split("/")[0] for photo in photos}:
        folder = out / identity
        folder.mkdir(exist_ok=True)
        for torn in folder.glob(".*.tmp.*"):  # of a run that was killed
            torn.unlink(missing_ok=True)


def _remove_orphans(out, known, rows):
    """Removes crops that the manifest named and names no more."""
    crops = {row.crop for row in rows.values()}
    for row in known.values():
        if row.crop and row.crop not in crops:
            (out / row.crop).unlink(missing_ok=True)
    for identity in {row.identity for row in [*known.values(), *rows.values()]}:
        # An identity without a crop leaves no folder behind.
        with contextlib.suppress(OSError):
            (out / identity).rmdir()


def _summarize(rows, reused, other_files, seconds):
    kept = [row for row in rows.values() if row.status == KEPT]
    dropped = Counter(row.reason for row in rows.values() if row.status == DROPPED)
    return AlignmentSummary(
        photos=len(rows),
        kept=len(kept),
        dropped=dict(sorted(dropped.items())),
        identities=len({row.identity for row in kept}),
        reused=reused,
        other_files=other_files,
        seconds=round(seconds, 3),
    )
