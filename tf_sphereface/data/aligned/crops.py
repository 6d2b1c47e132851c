"""Selection of an aligned folder's crops, and checks of their content."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tf_sphereface.data.aligned.manifest import (
    KEPT,
    TEMPLATE,
    alignment_is_complete,
    iterate_manifest_rows,
    read_manifest_rows,
)
from tf_sphereface.data.aligned.settings import (
    described_crop,
    read_alignment_settings,
    recorded_crop,
)
from tf_sphereface.data.photos.exclusions import without_identities
from tf_sphereface.data.photos.folders import list_photos
from tf_sphereface.data.photos.images import decode_photo, read_content, read_header
from tf_sphereface.data.photos.names import identity_key, identity_of
from tf_sphereface.errors import InputError
from tf_sphereface.geometry import CropGeometry

# Pillow's names of what the training pipeline decodes, and of what it takes for RGB.
_FORMATS = frozenset({"JPEG", "MPO", "PNG"})
_MODES = frozenset({"RGB", "L"})
_USUAL_SIZES = ((112, 96), (112, 112))  # SphereFace's and InsightFace's
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CropSelection:
    """Crops that were chosen.

    Args:
        crops: "IDENTITY/FILE" of each, sorted.
        identities: Names, sorted: the position is the label.
        dropped_identities: Number of identities with too few images.
        missing_identities: Number of wanted names that the folder does not have.
        excluded_crops: Number of crops that were left out by name.
        missing_crops: Number of crops to leave out that the folder does not have.
        excluded_identities: Number of identities that were left out as asked.
        template_crops: Number of crops of photos without a face that were left out.
    """

    crops: tuple[str, ...]
    identities: tuple[str, ...]
    dropped_identities: int
    missing_identities: int
    excluded_crops: int
    missing_crops: int
    excluded_identities: int
    template_crops: int


def select_crops(
    aligned: Path,
    min_images: int = 1,
    wanted: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    exclude_crops: Iterable[str] = (),
    template_crops: bool = True,
) -> CropSelection:
    """Chooses crops by identity.

    Args:
        aligned: ALIGNED/IDENTITY/CROP. A manifest.csv decides which crops there are;
            without one, all images of the folder are crops.
        min_images: Identities with fewer crops are dropped.
        wanted: Identities to keep; None keeps all.
        exclude: Identities to leave out, wanted or not.
        exclude_crops: Crops "IDENTITY/FILE" to leave out, before identities are
            counted.
        template_crops: Whether to keep crops of photos in which no face was found.

    Raises: InputError if the folder is unusable, has none of the crops to leave out,
        or no crop is left.
    """
    if min_images < 1:
        raise InputError(f"min_images must be at least 1. Received: {min_images}")
    everything, templates = _list_crops(aligned), set()
    if not template_crops:
        templates = _template_crops(aligned)
        everything = [name for name in everything if name not in templates]
    keys = {identity_key(name) for name in exclude_crops}
    names = [name for name in everything if identity_key(name) not in keys]
    left_out = len(everything) - len(names)
    if keys and not left_out:
        raise InputError(
            f"{aligned} has none of the {len(keys)} crops to leave out; "
            "the list is of another folder"
        )
    missing_crops, missing = len(keys) - left_out, 0
    if wanted is not None:
        keys = {identity_key(name) for name in wanted}
        missing = len(keys - {identity_key(identity_of(name)) for name in names})
        names = [name for name in names if identity_key(identity_of(name)) in keys]
    names, excluded = without_identities(names, exclude)
    counts = Counter(map(identity_of, names))
    few = {identity for identity, count in counts.items() if count < min_images}
    names = [name for name in names if identity_of(name) not in few]
    if not names:
        raise InputError(f"no identity of {aligned} meets the conditions")
    return CropSelection(
        crops=tuple(sorted(names)),
        identities=tuple(sorted(counts.keys() - few)),
        dropped_identities=len(few),
        missing_identities=missing,
        excluded_crops=left_out,
        missing_crops=missing_crops,
        excluded_identities=excluded,
        template_crops=len(templates),
    )


def crop_geometry(
    aligned: Path, first: str, said: CropGeometry | None = None
) -> CropGeometry:
    """Size and template of the crops of a folder.

    Args:
        aligned: The folder; its align.json decides.
        first: "IDENTITY/FILE" of a crop, whose size counts without an align.json: it
            must be one of those that aligned faces have everywhere, 112 x 96 or
            112 x 112, since photos have one size too, if one camera took them.
        said: Size and template of crops that another program made, without an
            align.json; None: not known.

    Raises: InputError if align.json or the crop is damaged, or if the crops are of
        another size than it should be.
    """
    found = recorded_crop(aligned)
    if found is not None:
        if said not in (None, found):
            raise InputError(f"the crops of {aligned} are {found}. Received: {said}")
        return found
    if said is not None:
        return said
    _, header = _read(aligned / first)
    height, width = header.height, header.width
    if (height, width) not in _USUAL_SIZES:
        raise InputError(
            f"not an aligned face: {aligned / first} of {height} x {width} (height x "
            f"width); run `sphereface align {aligned}` first, or say --size "
            f"{height}x{width} if another program has aligned the faces"
        )
    settings = read_alignment_settings(aligned) or {}
    return described_crop(settings, height, width)


def read_crop(path: Path, height: int, width: int) -> bytes:
    """The bytes of an encoded crop, after a look at what they decode to.

    Raises: InputError if the file is missing, damaged, of another size, or not an RGB
        or grey JPEG or PNG.
    """
    content, header = _read(path)
    if (header.height, header.width) != (height, width):
        raise InputError(
            f"crops must be {width} x {height} (width x height). "
            f"Received: {path} of {header.width} x {header.height}"
        )
    if header.mode not in _MODES:
        raise InputError(
            f"crops must be RGB or grey. Received: {path} of mode {header.mode}"
        )
    decode_photo(content, str(path))
    return content


def _read(path):
    """An encoded crop and its header."""
    if not path.exists():
        raise InputError(f"no such crop: {path}; run `sphereface align` again")
    content = read_content(path)
    header = read_header(content, str(path))
    if header.kind not in _FORMATS:
        raise InputError(f"not a JPEG or PNG: {path}, but {header.kind}")
    return content, header


def _template_crops(aligned):
    rows = iterate_manifest_rows(aligned)
    return {row.crop for row in rows if row.found_by == TEMPLATE}


def _list_crops(aligned):
    if not aligned.is_dir():
        raise InputError(f"no such folder: {aligned}")
    if not alignment_is_complete(aligned):
        raise InputError(
            f"the alignment of {aligned} was interrupted; "
            "finish it with the same `sphereface align` command"
        )
    rows = read_manifest_rows(aligned)
    if not rows:
        listed = list_photos(aligned)
        if listed.passed_over.deeper[0]:
            _LOG.warning("%s", listed.passed_over.notes()[0])
        return list(listed.photos)
    return [row.crop for row in rows.values() if row.status == KEPT]
