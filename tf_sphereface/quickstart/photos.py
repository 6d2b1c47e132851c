"""Photos to begin with: synthetic people, LFW, or one's own, split by identity."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np

from tf_sphereface.data.photos.folders import list_photos
from tf_sphereface.data.photos.kinds import PassedOver
from tf_sphereface.data.photos.names import identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.files import (
    folder_inside,
    remove_torn_files,
    write_atomically,
    write_inside,
)

# Of the identities of a real collection with at least two photos, this share is held
# out to be verified on.
_UNSEEN_SHARE = 0.25
_FEWEST_UNSEEN = 10


@dataclasses.dataclass(frozen=True)
class StarterPhotos:
    """Size of the synthetic set.

    Args:
        identities: People to train on.
        images: Photos of each of them.
        unseen_identities: Other people, to be verified on.
        unseen_images: Photos of each of those.
        seed: Of people and photos.
    """

    identities: int = 240
    images: int = 10
    unseen_identities: int = 50
    unseen_images: int = 8
    seed: int = 1


@dataclasses.dataclass(frozen=True)
class SplitPhotos:
    """Two folders of photos without a common person."""

    train: Path
    unseen: Path


def prepare_photos(
    data: str,
    out: Path,
    starter: StarterPhotos | None,
    progress_bar,
    subfolders: bool = False,
) -> SplitPhotos:
    """Renders, downloads or splits the photos; what is there already is kept.

    Args:
        data: "synthetic", "lfw", or a folder with one folder for each person.
        out: Folder to make `train` and `unseen` in.
        starter: Size of the synthetic set; None is `StarterPhotos()`.
        progress_bar: Given a title and a unit, a context that gives a function of the
            number done and the number to do.
        subfolders: Whether photos below the people's folders are taken too.

    Raises: InputError if `data` is no such folder, has too few people, or has changed
        since it was split: a new split would mix people to train on and to verify on.
    """
    split = SplitPhotos(out / "train", out / "unseen")
    if data == "synthetic":
        _render(split, starter or StarterPhotos(), progress_bar)
    elif data == "lfw":
        from tf_sphereface.quickstart.lfw import write_lfw

        with progress_bar("downloading LFW", "photos") as progress:
            write_lfw(out / "lfw", progress)
        _split(out / "lfw", split)
    else:
        _split(Path(data), split, subfolders)
    return split


def _render(split: SplitPhotos, starter: StarterPhotos, progress_bar) -> None:
    from tf_sphereface.data.synthetic import write_synthetic_faces

    sets = (
        (split.train, starter.identities, starter.images, 0),
        (
            split.unseen,
            starter.unseen_identities,
            starter.unseen_images,
            starter.identities,
        ),
    )
    for out, identities, images, first in sets:
        if (out / "landmarks.csv").exists():  # written last
            continue
        with progress_bar("rendering", "photos") as progress:
            done = 0

            def advance(count, total=identities * images, progress=progress):
                nonlocal done
                done += count
                progress(done, total)

            write_synthetic_faces(
                out,
                identities,
                images,
                starter.seed,
                first_identity=first,
                progress=advance,
            )


def check_people(
    source: Path, subfolders: bool = False
) -> tuple[dict[str, dict[str, str]], PassedOver]:
    """Photos of a folder with one folder for each person, and the other files.

    Args:
        source: The folder.
        subfolders: Whether photos below the people's folders are taken too.

    Returns: By person the path of each photo by its name, and what was passed over.
    Raises: InputError if there is no such folder, or too few people are in it.
    """
    listed = list_photos(source, subfolders)
    people: dict[str, dict[str, str]] = {}
    for photo, place in listed.places.items():
        people.setdefault(identity_of(photo), {})[photo] = place
    several = sum(len(names) >= 2 for names in people.values())
    if several < 2 * _FEWEST_UNSEEN:
        notes = listed.passed_over.notes("--subfolders")
        raise InputError(
            f"{source} has {several} {'person' if several == 1 else 'people'} with at "
            f"least 2 photos; quickstart needs {2 * _FEWEST_UNSEEN}, half of them to "
            "verify on" + "".join(f"; {note}" for note in notes)
        )
    return people, listed.passed_over


def _split(source: Path, split: SplitPhotos, subfolders: bool = False) -> None:
    """Links the photos into two folders; copies where links are not possible."""
    people, _ = check_people(source, subfolders)
    several = sorted(name for name, names in people.items() if len(names) >= 2)
    count = max(_FEWEST_UNSEEN, round(_UNSEEN_SHARE * len(several)))
    unseen = set(np.random.default_rng(0).permutation(several)[:count])
    _agree_on_people(people, split.train.parent / "people.json")
    for name, places in people.items():
        folder = split.unseen if name in unseen else split.train
        (folder / name).mkdir(parents=True, exist_ok=True)
        with folder_inside(folder / name):
            remove_torn_files(folder / name)
            for photo, place in places.items():
                _take(source / place, folder, photo)


def _agree_on_people(people: dict[str, dict[str, str]], record: Path) -> None:
    names = {name: list(places) for name, places in people.items()}
    content = json.dumps(names, indent=2, sort_keys=True).encode()
    if not record.exists():
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(record, content)
    elif record.read_bytes() != content:
        raise InputError(
            "the photos have changed since this quickstart began; choose another --out"
        )


def _take(source: Path, folder: Path, name: str) -> None:
    """Links a photo, or copies it; whole or not there."""
    target = folder / name
    if target.is_file() and not target.is_symlink():
        return
    try:
        os.link(source, target)
    except OSError:  # another disk, a file system without hard links, a foreign link
        write_inside(folder, name, source.read_bytes(), private=True)
