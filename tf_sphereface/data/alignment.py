"""From any collection of photos to aligned crops with a manifest."""

import contextlib
import dataclasses
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import tf_sphereface
from tf_sphereface.data import alignment_settings
from tf_sphereface.data.alignment_manifest import (
    DROPPED,
    KEPT,
    Journal,
    ManifestRow,
    agree_on_settings,
    read_manifest_rows,
    write_manifest_rows,
)
from tf_sphereface.data.alignment_pool import align_in_processes
from tf_sphereface.data.alignment_resume import reusable_rows
from tf_sphereface.data.crop_names import crop_name, is_further_face
from tf_sphereface.data.exclusions import without_identities
from tf_sphereface.data.face_choice import CHOICES
from tf_sphereface.data.photo_aligner import AlignmentItem, AlignmentTask
from tf_sphereface.data.photo_folders import refuse_merging
from tf_sphereface.data.sources import PhotoSource, open_source
from tf_sphereface.detection import MTCNNSettings, cached_networks
from tf_sphereface.errors import InputError

__all__ = ["AlignmentSummary", "align_photos", "crop_name"]


@dataclasses.dataclass(frozen=True)
class AlignmentSummary:
    """What `align_photos` did.

    Args:
        photos: Number of photos of the source, without those of excluded people.
        kept: Number of crops.
        dropped: Number of photos without a crop, by reason.
        identities: Number of identities with a crop.
        reused: Number of photos that an earlier run had done.
        other_files: Number of files that are no photos by their suffix.
        excluded_identities: Number of identities that were left out as asked.
        seconds: Duration, s.
    """

    photos: int
    kept: int
    dropped: dict[str, int]
    identities: int
    reused: int
    other_files: int
    excluded_identities: int
    seconds: float


def align_photos(
    source: Path | PhotoSource,
    out: Path,
    settings: MTCNNSettings | None = None,
    processes: int | None = None,
    networks: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    choice: str = "centre",
    landmarks: Mapping[str, tuple[float, ...]] | None = None,
    exclude: Iterable[str] = (),
) -> AlignmentSummary:
    """Crops the faces of photos to the landmark template.

    Writes JPEG crops under the photos' names (".jpg" is added to other suffixes),
    manifest.csv with a row for each photo, and align.json. A later run does what is
    missing: new and changed photos, lost crops, and what an interrupted run left over.
    Crops of photos that have gone from the source go too. InsightFace's crops become
    PNG files with the very pixels.

    Args:
        source: What `open_source` opens, or its path.
        out: A new or empty folder, or one of an earlier run.
        settings: What the detector looks for; None is `MTCNNSettings()`.
        processes: Number of worker processes; None takes all processors, 1 works in
            the calling process. Worker processes are spawned: a script that calls this
            needs the usual `if __name__ == "__main__":`.
        networks: Folder with the detector's networks; None is the user's cache.
        progress: Called with the number of photos done in this run, and to do.
        choice: The face that is cropped of several: "centre" (nearest the photo's
            centre), "largest", or "all". The crops of "all" are x.jpg, x#2.jpg, ...
            with a row each: of x.jpg, x.jpg#2, ...
        landmarks: Ten numbers (x,y pixels of the eyes, the nose tip and the mouth
            corners) by photo, "IDENTITY/FILE"; no face is looked for then.
        exclude: Identities to leave out.

    Raises: InputError if a folder is unusable, if names would merge on other systems,
        or if `out` was aligned with other settings; OSError if writing fails.
    """
    started = time.monotonic()
    if processes is not None and processes < 1:
        raise InputError(f"processes must be at least 1. Received: {processes}")
    source = open_source(source) if isinstance(source, Path) else source
    _refuse_nesting(source.path, out)
    _check_options(source, choice, landmarks)
    names, excluded = without_identities(source.names, exclude)
    _check_names(names, source, choice, landmarks)
    task, record = _plan(source, out, settings, networks, choice, landmarks)
    agree_on_settings(out, record, tf_sphereface.__version__)

    known = read_manifest_rows(out)
    if known and known.keys().isdisjoint(source.names):
        raise InputError(f"{out} holds crops of other photos than {source.path}")
    rows = reusable_rows(known, names, source, out, landmarks, choice == "all")
    todo = [name for name in names if name not in rows]
    reused = len(names) - len(todo)
    if landmarks is not None:
        unmarked = [name for name in todo if name not in landmarks]
        rows |= {name: _without_landmarks(source.photo(name)) for name in unmarked}
        todo = [name for name in todo if name in landmarks]
    items = (
        AlignmentItem(source.photo(name), landmarks and landmarks[name])
        for name in todo
    )
    _prepare(out, todo)
    rows |= _align(task, items, len(todo), processes or os.cpu_count() or 1, progress)
    _remove_orphans(out, known, rows)
    write_manifest_rows(out, rows)
    counts = len(names), reused, source.other_files, excluded
    return _summarize(rows, *counts, time.monotonic() - started)


def _align(task, items, total, processes, progress):
    rows, count = {}, 0
    with Journal(task.out) as journal:
        for done in align_in_processes(task, items, total, processes):
            journal.append(done)
            rows.update((row.photo, row) for row in done)
            count += sum(not is_further_face(row.photo) for row in done)
            if progress is not None:
                progress(count, total)
    return rows


def _refuse_nesting(source, out):
    inner, outer = out.resolve(), source.resolve()
    if not source.is_dir() and inner != outer:
        return
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise InputError(f"--out must not be inside the photos' folder: {out}")


def _check_options(source, choice, landmarks):
    if choice not in CHOICES:
        raise InputError(f"choice must be one of {CHOICES}. Received: {choice!r}")
    if source.aligned and (landmarks is not None or choice != "centre"):
        raise InputError(
            f"{source.path} holds aligned faces: no landmarks and no choice of faces "
            "can be applied"
        )
    if landmarks is not None and choice != "centre":
        raise InputError("with given landmarks, there is no choice of faces")


def _check_names(names, source, choice, landmarks):
    if not names:
        raise InputError(f"all identities of {source.path} are excluded")
    refuse_merging(names, "photos", saved_as=crop_name)
    if choice == "all":
        crops = {crop_name(name) for name in names}
        for name in names:
            base, mark, number = crop_name(name)[: -len(".jpg")].rpartition("#")
            if mark and number.isdigit() and f"{base}.jpg" in crops:
                raise InputError(
                    f"the crop of {name!r} could be that of a further face in "
                    f"{base!r}; rename it"
                )
    if landmarks is not None and landmarks.keys().isdisjoint(names):
        raise InputError(
            f"no photo of {source.path} has landmarks; name them IDENTITY/FILE, such "
            f"as {names[0]!r}"
        )


def _plan(source, out, settings, networks, choice, landmarks):
    """What to do with the photos, and what align.json says of it."""
    settings = settings if settings is not None else MTCNNSettings()
    task = AlignmentTask(source.reader(), out, None, settings, choice, source.aligned)
    if source.aligned:
        return task, alignment_settings.aligned_before()
    if landmarks is not None:
        return task, alignment_settings.given_landmarks()
    networks = networks if networks is not None else cached_networks()
    record = alignment_settings.detected(settings, networks, choice)
    return dataclasses.replace(task, networks=networks), record


def _without_landmarks(photo):
    reason = "no landmarks" if photo.bytes else "no such photo"
    return ManifestRow(
        photo=photo.name,
        identity=photo.name.partition("/")[0],
        status=DROPPED,
        reason=reason,
        bytes=photo.bytes,
        modified_ns=photo.modified_ns,
    )


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


def _summarize(rows, photos, reused, other_files, excluded, seconds):
    kept = [row for row in rows.values() if row.status == KEPT]
    dropped = Counter(row.reason for row in rows.values() if row.status == DROPPED)
    return AlignmentSummary(
        photos=photos,
        kept=len(kept),
        dropped=dict(sorted(dropped.items())),
        identities=len({row.identity for row in kept}),
        reused=reused,
        other_files=other_files,
        excluded_identities=excluded,
        seconds=round(seconds, 3),
    )
