"""Kinds of photo sources, told by their paths."""

from pathlib import Path

from tf_sphereface.data.sources.folders import FolderSource
from tf_sphereface.data.sources.insightface_bin import VerificationSetSource
from tf_sphereface.data.sources.insightface_records import InsightFaceSource
from tf_sphereface.data.sources.photo_lists import ListSource
from tf_sphereface.data.sources.photo_source import PhotoSource
from tf_sphereface.data.sources.tar_archive import TarSource
from tf_sphereface.data.sources.zip_archive import ZipSource
from tf_sphereface.errors import InputError

_KINDS = {
    ".bin": VerificationSetSource,
    ".csv": ListSource,
    ".lst": ListSource,
    ".rec": InsightFaceSource,
    ".tar": TarSource,
    ".tsv": ListSource,
    ".txt": ListSource,
    ".zip": ZipSource,
}
_COMPRESSED_TAR = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
KINDS_HELP = (
    "folder with a folder of photos per person; .txt, .lst, .csv or .tsv list of "
    "`PATH [IDENTITY]`; .zip or .tar of such a folder; InsightFace's .rec or .bin"
)


def open_photo_source(
    path: Path, root: Path | None = None, subfolders: bool = False
) -> PhotoSource:
    """Opens a collection of photos; what it is follows from the path.

    Args:
        path: A folder of identities, a list file (.txt, .lst, .csv, .tsv), a .zip or
            .tar archive, InsightFace's train.rec (or the folder that has it) or one
            of its .bin verification sets.
        root: Folder that the paths of a list file start from; None is the list's own.
        subfolders: Whether photos below the people's folders are taken too, of a
            folder or an archive.

    Raises: InputError if there is nothing at `path`, if it is of no known kind, or if
        it is damaged or holds names or photos that cannot be used.
    """
    if root is not None and _KINDS.get(path.suffix.lower()) is not ListSource:
        raise InputError(f"--root goes with a list of photos. Received: {path}")
    records = path / "train.rec"
    if path.is_dir() and not records.is_file():
        return FolderSource(path, subfolders)
    if subfolders and path.suffix.lower() not in (".tar", ".zip"):
        raise InputError(
            f"--subfolders goes with a folder of people or an archive. Received: {path}"
        )
    if path.is_dir():
        return InsightFaceSource(records)
    if not path.exists():
        raise InputError(f"no such folder or file: {path}")
    name = path.name.lower()
    if name.endswith(_COMPRESSED_TAR):
        raise InputError(
            f"a compressed tar archive cannot be read in place: {path}; "
            "decompress it to .tar first, such as with gunzip"
        )
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"photos must be a {KINDS_HELP}. Received: {path}")
    if kind is ListSource:
        return ListSource(path, root)
    return kind(path, subfolders) if kind in (TarSource, ZipSource) else kind(path)
