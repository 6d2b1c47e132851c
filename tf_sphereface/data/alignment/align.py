"""From any collection of photos to aligned crops with a manifest."""

import contextlib
import dataclasses
import functools
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import tf_sphereface
from tf_sphereface.data.aligned.manifest import ManifestRow
from tf_sphereface.data.aligned.settings import LOCK_NAME, agree_on_settings
from tf_sphereface.data.alignment.checks import (
    check_names,
    check_options,
    refuse_nesting,
)
from tf_sphereface.data.alignment.crops import crop_name, is_further_face
from tf_sphereface.data.alignment.photo_aligner import (
    AlignmentItem,
    AlignmentTask,
    dropped_row,
)
from tf_sphereface.data.alignment.processes import align_in_processes
from tf_sphereface.data.alignment.rows import AlignmentRows, Journal, reusable_rows
from tf_sphereface.data.alignment.settings import (
    aligned_before,
    detected,
    given_landmarks,
)
from tf_sphereface.data.alignment.vote import CENTRE, CONSISTENT, VotingModelFile
from tf_sphereface.data.photos.exclusions import without_identities
from tf_sphereface.data.photos.names import identity_of, split_name
from tf_sphereface.data.sources import PhotoSource, open_photo_source
from tf_sphereface.detection import MTCNNSettings, cached_networks
from tf_sphereface.errors import InputError
from tf_sphereface.files import folder_inside, remove_torn_files
from tf_sphereface.folder_lock import only_process
from tf_sphereface.geometry import DEFAULT_CROP, CropGeometry
from tf_sphereface.progress import Progress
from tf_sphereface.similarity import usable_cores

_LOG = logging.getLogger(__name__)
Runner = Callable[
    [AlignmentTask, Iterable[AlignmentItem], int], Iterator[list[ManifestRow]]
]

__all__ = ["AlignmentSummary", "align_photos", "crop_name"]


@dataclasses.dataclass(frozen=True)
class AlignmentSummary:
    """Result of `align_photos`.

    Args:
        photos: Number of photos of the source, without those of excluded people.
        kept: Number of crops.
        dropped: Number of photos without a crop, by reason.
        several_faces: Number of photos with a crop in which several faces were found.
        found_by: Number of crops by what found their faces, as `ManifestRow.found_by`.
        chosen_by: Number of crops by how their faces were chosen, as
            `ManifestRow.chosen_by`; empty without a vote.
        identities: Number of identities with a crop.
        reused: Number of photos that an earlier run had done.
        other_files: Number of files that were passed over, as
            `PhotoSource.passed_over` counts them.
        excluded_identities: Number of identities that were left out as asked.
        seconds: Duration, s.
    """

    photos: int
    kept: int
    dropped: dict[str, int]
    several_faces: int
    found_by: dict[str, int]
    chosen_by: dict[str, int]
    identities: int
    reused: int
    other_files: int
    excluded_identities: int
    seconds: float

    def failure(self) -> str | None:
        """The reasons for having no crop at all; None if there is one."""
        if self.kept:
            return None
        if self.dropped.keys() == {"no face"}:
            return "no face in any photo"
        return f"no crop of any photo: {self._reasons()}"

    def losses(self) -> str | None:
        """The number of photos without a crop and the reasons; None if all have one."""
        lost = sum(self.dropped.values())
        if not lost:
            return None
        return f"{lost:,} of {self.photos:,} photos gave no crop: {self._reasons()}"

    def doubts(self, choice: str) -> str | None:
        """A warning of photos of several people; None if there are none.

        Args:
            choice: As for `align_photos`.
        """
        if not self.several_faces:
            return None
        taken = {
            "centre": "the face nearest the centre was taken",
            "largest": "the largest was taken",
            "all": "all were taken as faces of the folder's person",
            CONSISTENT: "the one that most photos of the person share was taken, and "
            f"in {self.chosen_by.get(CENTRE, 0):,} photos that nearest the centre",
        }[choice]
        return (
            f"photos with several faces: {self.several_faces:,}; {taken}, which may be "
            "another person's: look at audit.html"
        )

    def _reasons(self):
        counts = sorted(self.dropped.items(), key=lambda entry: (-entry[1], entry[0]))
        return ", ".join(f"{count:,} {reason}" for reason, count in counts)


def align_photos(
    source: Path | PhotoSource,
    out: Path,
    settings: MTCNNSettings | None = None,
    processes: int | None = None,
    networks: Path | None = None,
    progress: Progress | None = None,
    *,
    choice: str = "centre",
    landmarks: Mapping[str, tuple[float, ...]] | None = None,
    exclude: Iterable[str] = (),
    runner: Runner | None = None,
    crop: CropGeometry = DEFAULT_CROP,
    last_resort: str = "none",
    voting_model: VotingModelFile | None = None,
) -> AlignmentSummary:
    """Crops the faces of photos to the landmark template.

    Writes JPEG crops under the photos' names (".jpg" is added to other suffixes),
    manifest.csv with a row for each photo, and align.json. A later run does what is
    missing: new and changed photos, lost crops, and what an interrupted run left over.
    Crops of photos that have gone from the source go too. InsightFace's crops become
    PNG files with the very pixels.

    Args:
        source: A photo source, or the path of one.
        out: A new or empty folder, or one of an earlier run. A new one is made for
            its owner alone.
        settings: What the detector looks for; None is `MTCNNSettings()`.
        processes: Number of worker processes; None takes all processors, 1 works in
            the calling process. Worker processes are spawned: a script that calls this
            needs the usual `if __name__ == "__main__":`.
        networks: Folder with the detector's networks; None is the user's cache.
        progress: Called with the number of photos done in this run, and to do; first
            with 0.
        choice: The face that is cropped of several: "centre" (nearest the photo's
            centre), "largest", "all" or "consistent". The crops of "all" are x.jpg,
            x#2.jpg, ... with a row each: of x.jpg, x.jpg#2, ... Of "consistent" it is
            the face that most photos of the person share, by `vote`; all photos of a
            person are done again if one has changed, come or gone.
        landmarks: Ten numbers (x,y pixels of the eyes, the nose tip and the mouth
            corners) by photo, "IDENTITY/FILE"; no face is looked for then.
        exclude: Identities to leave out.
        runner: What aligns the photos and gives their rows in any order, such as
            `BeamRunner`; None aligns them in worker processes here.
        crop: Size and template of the crops.
        last_resort: "template" crops the middle of photos in which no face was found,
            as InsightFace's verification sets do; "none" gives them no crop.
        voting_model: Embeds the faces for the choice "consistent".

    Raises: InputError if a folder is unusable, if names would merge on other systems,
        if another process writes to `out`, or if it was aligned with other settings;
        OSError if writing fails.
    """
    started = time.monotonic()
    if processes is not None and processes < 1:
        raise InputError(f"processes must be at least 1. Received: {processes}")
    source = open_photo_source(source) if isinstance(source, Path) else source
    refuse_nesting(source.path, out)
    check_options(source, choice, landmarks, crop, last_resort, voting_model)
    names, excluded = without_identities(source.names, exclude)
    check_names(names, source, choice, landmarks)
    shared = source.reader(), out, None, settings or MTCNNSettings()
    kinds = choice, source.aligned, crop, last_resort, voting_model
    task = AlignmentTask(*shared, *kinds)
    task, record = _plan(task, networks, landmarks is not None)
    if runner is None:
        processes = processes or usable_cores()
        runner = functools.partial(align_in_processes, processes=processes)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.mkdir(mode=0o700, exist_ok=True)
    with only_process(out / LOCK_NAME, out), AlignmentRows() as rows:
        remove_torn_files(out)
        agree_on_settings(out, record, tf_sphereface.__version__)
        rows.load(out)
        if not rows.known_are_of(source.names):
            raise InputError(f"{out} holds crops of other photos than {source.path}")
        todo = _reuse(names, rows, source, task, landmarks)
        reused = len(names) - len(todo)
        if landmarks is not None:
            todo = _drop_unmarked(todo, rows, source, landmarks)
        _prepare(out, todo)
        items = (
            AlignmentItem(source.photo(name), landmarks and landmarks[name])
            for name in todo
        )
        _align(rows, runner(task, items, len(todo)), out, len(todo), progress)
        _remove_orphans(out, rows)
        rows.write_manifest(out)
        counts = len(names), reused, source.passed_over.count, excluded
        return _summarize(rows, *counts, time.monotonic() - started)


def _reuse(names, rows, source, task, landmarks):
    """Adds the rows of photos that earlier runs have done; gives the other photos."""
    todo, every_face, votes = [], task.choice == "all", task.choice == CONSISTENT
    for identity, group in itertools.groupby(names, identity_of):
        found = {
            name: reusable_rows(
                name, rows.known, source, task.out, landmarks, every_face
            )
            for name in group
        }
        rows.add(itertools.chain.from_iterable(found.values()))
        missing = [name for name, known in found.items() if not known]
        # Each photo has a say in which face is taken of the others.
        if votes and (missing or rows.count_known(identity) != len(found)):
            missing = found
        todo += missing
    return todo


def _drop_unmarked(todo, rows, source, landmarks):
    """Adds rows of photos without landmarks; gives the other photos."""
    rows.add(
        _without_landmarks(source.photo(name)) for name in todo if name not in landmarks
    )
    return [name for name in todo if name in landmarks]


def _align(rows, batches, out, total, progress):
    count = 0
    if progress is not None:
        progress(0, total)
    with Journal(out) as journal:
        for done in batches:
            journal.append(done)
            rows.add(done)
            count += sum(not is_further_face(row.photo) for row in done)
            if progress is not None:
                progress(count, total)


def _plan(task, networks, landmarks_are_given):
    """The task for the photos, and its record in align.json."""
    if task.aligned:
        return task, aligned_before(task.crop)
    if landmarks_are_given:
        return task, given_landmarks(task.crop)
    networks = networks if networks is not None else cached_networks()
    choices = task.choice, task.crop, task.last_resort, task.voting_model
    record = detected(task.settings, networks, *choices)
    return dataclasses.replace(task, networks=networks), record


def _without_landmarks(photo):
    return dropped_row(photo, "no landmarks" if photo.bytes else "no such photo")


def _prepare(out, photos):
    for identity in set(map(identity_of, photos)):
        folder = out / identity
        folder.mkdir(mode=0o700, exist_ok=True)
        with folder_inside(folder):
            remove_torn_files(folder)


def _remove_orphans(out, rows):
    """Removes crops that the manifest named and names no more."""
    removed = 0
    for crop in rows.orphans():
        identity, file = split_name(crop)
        with (
            contextlib.suppress(FileNotFoundError),
            folder_inside(out / identity) as opened,
        ):
            os.unlink(out / crop if opened is None else file, dir_fd=opened)
        removed += 1
    if removed:
        _LOG.warning("%d earlier crops, which no photo gives any more, went", removed)
    for identity in rows.identities():
        remove_torn_files(out / identity)
        # An identity without a crop leaves no folder behind.
        with contextlib.suppress(OSError):
            (out / identity).rmdir()


def _summarize(rows, photos, reused, other_files, excluded, seconds):
    kept, identities = rows.count_kept()
    return AlignmentSummary(
        photos=photos,
        kept=kept,
        dropped=dict(sorted(rows.count_dropped().items())),
        several_faces=rows.count_several_faces(),
        found_by=dict(sorted(rows.count_crops_by("found_by").items())),
        chosen_by=dict(sorted(rows.count_crops_by("chosen_by").items())),
        identities=identities,
        reused=reused,
        other_files=other_files,
        excluded_identities=excluded,
        seconds=round(seconds, 3),
    )
