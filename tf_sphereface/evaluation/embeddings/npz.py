"""Embeddings in a .npz file, of our models or of any other system's."""

import dataclasses
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tf_sphereface.data.aligned.crops import select_crops
from tf_sphereface.data.photos.lookup import PhotoNames
from tf_sphereface.data.photos.names import identity_of, lies_below
from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing
from tf_sphereface.progress import Progress

if TYPE_CHECKING:
    from tf_sphereface.evaluation.embeddings.sources import EmbeddingSource

SUFFIX = ".npz"
# Of one photo or frame each; what a protocol of videos or templates needs.
_PARTS = ("frames", "videos", "templates")
_RATIO, _SMALL = 200, 1 << 26  # embeddings do not compress; names do, but are small


@dataclasses.dataclass(frozen=True, eq=False)
class EmbeddingFile:
    """An embedding source: embeddings by name, with no model and no folder.

    Args:
        embeddings: Float32 (n, dim), finite, not necessarily L2-normalised.
        names: Strings (n,), "PERSON/FILE", each once.
        identities: Strings (n,), the person of each; None: the first folder is.
        mirror: Whether a row is an embedding followed by that of the mirror image.
        parts: Any of `frames`, `videos` and `templates`, each (n,).

    Raises: InputError, in one line that names the row, for anything else.
    """

    embeddings: np.ndarray
    names: tuple[str, ...]
    identities: tuple[str, ...] | None = None
    mirror: bool = False
    parts: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    kind = "embeddings"
    milliseconds_per_face = None
    pixel_contract, notes = None, ()

    def __post_init__(self):
        embeddings = np.asarray(self.embeddings)
        if embeddings.ndim != 2 or embeddings.dtype.kind != "f" or not embeddings.size:
            raise InputError(
                "`embeddings` must be floats (n, dim), n and dim at least 1. "
                f"Received: {embeddings.dtype} {embeddings.shape}"
            )
        with np.errstate(over="ignore"):  # infinite then, and refused below
            embeddings = np.ascontiguousarray(embeddings, np.float32)
        names = tuple(map(str, self.names))
        identities = self.identities
        if identities is not None:
            identities = tuple(map(str, identities))
        columns = {"names": names, "identities": identities, **self.parts}
        for key, values in columns.items():
            if values is not None and len(values) != len(embeddings):
                raise InputError(
                    f"`{key}` must be one for each of the {len(embeddings)} rows of "
                    f"`embeddings`. Received: {len(values)}"
                )
        bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
        if len(bad):
            raise InputError(
                f"the embedding of {names[bad[0]]!r} is not finite, and of "
                f"{len(bad) - 1} others; leave out photos without a face"
            )
        if self.mirror and embeddings.shape[1] % 2:
            raise InputError(
                "`embeddings` with `mirror` must be two of one length, one after the "
                f"other. Received: {embeddings.shape}"
            )
        object.__setattr__(self, "embeddings", embeddings)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "identities", identities)
        if outside := [name for name in names if not lies_below(name)]:
            raise InputError(
                "`names` must be PERSON/FILE, below the folder of the images. "
                f"Received: {outside[0]!r:.200}"
            )
        _refuse_repeated(names)
        object.__setattr__(self, "_index", PhotoNames(names))

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding, without that of the mirror image."""
        return self.embeddings.shape[1] // (2 if self.mirror else 1)

    def has_mirror(self, mirror: bool) -> bool:
        """As `EmbeddingSource.has_mirror`: the file has what it has."""
        return self.mirror

    def photos(self, images_dir: Path | None) -> tuple[str, ...]:
        """All photos, or with a folder the crops of that."""
        if images_dir is None:
            return self.names
        return tuple(select_crops(Path(images_dir)).crops)

    def frames(
        self, videos: Sequence[str], images_dir: Path | None
    ) -> dict[str, list[str]]:
        """By `videos` of the file; without it a frame is named VIDEO/FRAME."""
        of_frames = self.parts.get("videos")
        if of_frames is None:
            of_frames = [name.rpartition("/")[0] for name in self.names]
        found = {video: [] for video in videos}
        for name, video in zip(self.names, map(str, of_frames), strict=True):
            if video in found:
                found[video].append(name)
        return found

    def people(self, names: Sequence[str]) -> dict[str, str]:
        """By `identities` of the file; without it nobody."""
        if self.identities is None:
            return {}
        rows = zip(names, self.rows(names), strict=True)
        return {name: self.identities[row] for name, row in rows if row is not None}

    def place(self, images_dir: Path | None) -> str:
        """This file."""
        return "the file of embeddings"

    def features(
        self,
        names: Sequence[str],
        images_dir: Path | None = None,
        mirror: bool = True,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """The stored rows; folder, mirror images and progress have no part in it."""
        rows = self.rows(names)
        features = np.full((len(rows), self.embeddings.shape[1]), np.nan, np.float32)
        known = [index for index, row in enumerate(rows) if row is not None]
        features[known] = self.embeddings[[rows[index] for index in known]]
        return features

    def rows(self, names: Sequence[str]) -> list[int | None]:
        """Row of each photo, None where there is none.

        Names are found as `PhotoNames` has it.

        Raises: InputError if a name does not decide between two rows.
        """
        found = []
        for name in names:
            rows = self._index.find(name)
            if len(rows) > 1:
                raise InputError(
                    f"two embeddings for {name}: {self.names[rows[0]]} and "
                    f"{self.names[rows[1]]}; keep one"
                )
            found.append(rows[0] if rows else None)
        return found


def read_embeddings(path: Path) -> EmbeddingFile:
    """Reads a .npz with `embeddings` (n, dim) and `names` (n,).

    It may also hold `identities`, `frames`, `videos`, `templates`, each (n,), and
    `mirror`, a bool; other arrays are not read. Nothing in the file is run, and nothing
    is allocated that the file does not hold.

    Raises: InputError, in one line, if the file is missing, damaged or says otherwise.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            held = {name.removesuffix(".npy") for name in archive.namelist()}
            for key in ("embeddings", "names"):
                if key not in held:
                    raise InputError(f"there must be an array `{key}`")
            wanted = ("embeddings", "names", "identities", "mirror", *_PARTS)
            arrays = {key: _read_array(archive, key) for key in wanted if key in held}
            return _from_arrays(arrays)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read embeddings: {path} ({reason})") from error
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise InputError(f"not a whole .npz file: {path} ({reason})") from error


def write_embeddings(path: Path, file: EmbeddingFile) -> None:
    """Writes what `read_embeddings` reads back; the file is whole or not there.

    Raises: InputError if `path` does not end in .npz; OSError if it cannot be written.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise InputError(f"a file of embeddings must end in {SUFFIX}. Received: {path}")
    arrays = {
        "embeddings": file.embeddings,
        "names": np.array(file.names),
        "mirror": np.array(file.mirror),
        **file.parts,
    }
    if file.identities is not None:
        arrays["identities"] = np.array(file.identities)
    with replacing(path, private=True) as temporary:
        np.savez(temporary, **arrays)


def embed_folder(
    source: "EmbeddingSource",
    images_dir: Path | None,
    mirror: bool = True,
    progress: Progress | None = None,
) -> EmbeddingFile:
    """Embeddings of all crops of an aligned folder.

    Args:
        source: A model, or a file of embeddings.
        images_dir: ALIGNED/PERSON/CROP; its manifest.csv decides, if it has one. None
            takes all embeddings of a file.
        mirror: As for `EmbeddingSource.features`.
        progress: Called with the photos done and the photos in all.

    Raises: InputError as `EmbeddingSource.features`; if a crop is missing.
    """
    names = source.photos(images_dir)
    features = source.features(names, images_dir, mirror, progress)
    missing = np.flatnonzero(np.isnan(features).any(axis=1))
    if len(missing):
        raise InputError(
            f"no such crop: {images_dir}/{names[missing[0]]}; run `sphereface align` "
            "again"
        )
    known = source.people(names)
    people = tuple(known.get(name) or identity_of(name) for name in names)
    return EmbeddingFile(features, names, people, source.has_mirror(mirror))


def _read_array(archive, key):
    """An array whose header was compared with what the archive holds of it."""
    info = archive.getinfo(f"{key}.npy")
    if info.file_size > _SMALL and info.file_size > _RATIO * info.compress_size:
        raise InputError(f"`{key}` is packed too well to be embeddings or names")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise InputError(f"`{key}` must be a plain array")
        shape, _, dtype = readers[version](file)
        count = 1
        for length in shape:  # Python's integers: NumPy's product may overflow
            count *= length
        # An itemsize of 0 would hold any number of empty texts.
        size = count * max(dtype.itemsize, 1)
        if dtype.kind not in "fUSiub" or size > info.file_size:
            raise InputError(
                f"`{key}` must be numbers or text, all of it in the file. "
                f"Received: {dtype} {shape}"
            )
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _from_arrays(arrays):
    texts = {key: _texts(arrays, key) for key in ("names", "identities")}
    mirror = arrays.get("mirror", np.array(False))
    if mirror.shape or mirror.dtype.kind != "b":
        raise InputError(f"`mirror` must be true or false. Received: {mirror!r}")
    parts = {key: arrays[key] for key in _PARTS if key in arrays}
    for key, values in parts.items():
        if values.ndim != 1:
            raise InputError(f"`{key}` must be (n,). Received: {values.shape}")
    return EmbeddingFile(
        arrays["embeddings"], mirror=bool(mirror), parts=parts, **texts
    )


def _texts(arrays, key):
    if key not in arrays:
        return None
    values = arrays[key]
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if values.ndim != 1 or values.dtype.kind != "U":
        raise InputError(
            f"`{key}` must be text (n,). Received: {values.dtype} {values.shape}"
        )
    return tuple(values.tolist())


def _refuse_repeated(names):
    seen = set()
    for name in names:
        composed = unicodedata.normalize("NFC", name)
        if composed in seen:
            raise InputError(f"each name must occur once. Received twice: {composed!r}")
        seen.add(composed)
