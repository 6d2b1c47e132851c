"""Comparison of two photos with a bundle, as `sphereface match` prints it."""

from pathlib import Path
from typing import Literal

from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.data.alignment.crops import CHOICES


def match_photos(
    bundle_path: Path,
    photo_paths: tuple[Path, Path],
    variant: str | None = None,
    far: float = 0.01,
    choose: Literal["all", "centre", "largest"] = "all",
    trust: Path | None = None,
) -> dict:
    """Compares the faces of two photos; ready for JSON.

    Every face of the one photo is compared with every face of the other, and the pair
    of the highest score is told. As each pair may be accepted falsely, m x n pairs are
    at up to m n times the rate of one. Photos of many pixels are reduced as `align`
    does it.

    Args:
        bundle_path: Folder of the bundle.
        photo_paths: The two photos.
        variant: Of the embedding network; None is the bundle's default.
        far: False accept rate of a pair of faces, whose threshold decides.
        choose: Faces of a photo that are compared: "all", the one nearest its middle
            ("centre"), or the largest.
        trust: Public key that must have signed the bundle, as for `load_bundle`.

    Returns: `score`; `threshold`, `same` and `decision` ("same", "different" or
        "unknown", as `decide` has it), all None if the bundle has no measured
        threshold; `probability` of one person, None if the bundle is not calibrated;
        `far`, `variant`, and `faces`: photo, box (x1, y1, x2, y2 in pixels), detection
        score and `faces_found`, the number of faces in the photo, of both.
    Raises: InputError if the bundle or a photo is unusable, the variant failed its
        gate, or a photo shows no face; ValueError if `choose` is unknown.
    """
    if choose not in CHOICES:
        raise ValueError(f"`choose` must be one of {CHOICES}. Received: {choose=}")
    embedder = Embedder(load_bundle(bundle_path, trust), variant)
    return embedder.verify(*photo_paths, far, choose)
