"""Write folders of synthetic people, in the layout of LFW."""

import csv
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from tf_sphereface.data.synthetic.capture import require_yaw, sample_capture
from tf_sphereface.data.synthetic.identity import sample_identity
from tf_sphereface.data.synthetic.photo import render_photo
from tf_sphereface.data.workers import (
    ENDED,
    SPAWN,
    interrupts_held_back,
    live_as_worker,
)
from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing, write_inside
from tf_sphereface.similarity import usable_cores

_POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
LANDMARK_COLUMNS = (
    "path",
    *(f"{point}_{axis}" for point in _POINTS for axis in "xy"),
    "yaw",
    "pitch",
    "roll",
)


@dataclass(frozen=True)
class SyntheticSummary:
    """Counts of what `write_synthetic_faces` wrote.

    Args:
        out: Folder of the photos and of `landmarks.csv`.
        identities: Number of people.
        photos: Number of photos, all people together.
        first_identity: Index of the first person.
        seed: Seed of the whole set.
    """

    out: Path
    identities: int
    photos: int
    first_identity: int
    seed: int


def write_synthetic_faces(
    out: Path,
    identities: int,
    images: int,
    seed: int,
    first_identity: int = 0,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    max_yaw: float = 30.0,
) -> SyntheticSummary:
    """Write `OUT/person_00012/person_00012_0001.jpg` and `OUT/landmarks.csv`.

    Person k of a seed is the same in every call, so that ranges of k that do not
    overlap hold different people. Files appear whole; landmarks.csv appears last.

    Args:
        out: Folder to write to; made if it is missing.
        identities: Number of people, at least 1.
        images: Photos of each person, at least 1.
        seed: Seed of people and photos, at least 0.
        first_identity: Index k of the first person.
        processes: Worker processes, at least 1; None: one for each usable core.
        progress: Called with the number of new photos, after each person.
        max_yaw: Largest |yaw| in degrees, 0 to 30.

    Raises: ValueError if an argument is out of range; InputError if a worker is killed.
    """
    processes = usable_cores() if processes is None else processes
    _require_counts(identities=identities, images=images, processes=processes)
    _require_counts(at_least=0, seed=seed, first_identity=first_identity)
    require_yaw(max_yaw)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    people = range(first_identity, first_identity + identities)
    job = partial(_write_person, out, seed, images, max_yaw)
    rows = []
    for written in _map(job, people, min(processes, identities)):
        rows.extend(written)
        if progress is not None:
            progress(len(written))
    _write_table(out / "landmarks.csv", rows)
    return SyntheticSummary(out, identities, len(rows), first_identity, seed)


def _require_counts(at_least=1, **counts):
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < at_least:
            raise ValueError(
                f"`{name}` must be an integer >= {at_least}. Received: {name}={count!r}"
            )


def _map(job, people, processes):
    """Results in the order of `people`, whatever the number of processes."""
    if processes == 1:
        yield from map(job, people)
        return
    try:
        with ProcessPoolExecutor(processes, SPAWN, live_as_worker) as pool:
            with interrupts_held_back():
                written = pool.map(job, people)
            yield from written
    except BrokenProcessPool as error:
        raise InputError(ENDED) from error


def _write_person(out, seed, images, max_yaw, person):
    """Render and write one person's photos; returns their landmark rows."""
    identity = sample_identity(_generator(seed, person))
    name = f"person_{person:05d}"
    (out / name).mkdir(exist_ok=True)
    rows = []
    for number in range(1, images + 1):
        capture = sample_capture(_generator(seed, person, number), max_yaw)
        photo = render_photo(identity, capture)
        path = f"{name}/{name}_{number:04d}.jpg"
        _write_jpeg(out, path, photo.image, capture.jpeg_quality)
        coordinates = [f"{value:.3f}" for value in photo.landmarks.ravel()]
        angles = [f"{angle:.3f}" for angle in (photo.yaw, photo.pitch, photo.roll)]
        rows.append([path, *coordinates, *angles])
    return rows


def _generator(*key):
    return np.random.default_rng(np.random.SeedSequence(key))


def _write_table(path, rows):
    with replacing(path) as part, open(part, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([LANDMARK_COLUMNS, *rows])


def _write_jpeg(out, path, image, quality):
    """Write without a sync: a set cut short has no landmarks.csv."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, content = cv2.imencode(".jpg", image[..., ::-1], options)
    if not done:
        raise OSError(f"cannot encode {path} as JPEG")
    write_inside(out, path, content.tobytes(), synced=False)
