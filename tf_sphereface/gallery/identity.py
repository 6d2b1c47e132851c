"""Identity of features: those of one gallery must be comparable with each other."""

import hashlib
import struct
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.bundle.records import MIRRORS
from tf_sphereface.bundle.variants import FLOAT
from tf_sphereface.errors import InputError
from tf_sphereface.gallery.records import GalleryError

LARGEST_FEATURE = 1 << 15  # twice the largest embedding
_Checksum = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class FeatureIdentity(BaseModel):
    """All that two features must have in common to be compared.

    A bundle that is calibrated again keeps its identity; another network, detector,
    crop or mirror policy is another one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    variant: Annotated[str, Field(min_length=1, max_length=64)]
    """Name of the variant of the network."""
    mirror: Literal[MIRRORS]
    """Mirror policy of the contract."""
    feature_dim: Annotated[int, Field(ge=1, le=LARGEST_FEATURE)]
    """Length of a feature."""
    crop_size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    """Height and width of a crop, pixels."""
    crops: _Checksum
    """Checksum of size, template and fit of the crops."""
    features: _Checksum
    """Checksum of all in the contract that a feature depends on, and of the file."""


def features_of(contract: BundleContract, variant: str) -> FeatureIdentity:
    """The identity of the features that a variant of a bundle gives.

    Args:
        contract: Of the bundle.
        variant: Name of one of its variants.
    """
    pixels = contract.pixels
    crop = {
        "height": pixels.height,
        "width": pixels.width,
        "landmark_template": contract.landmark_template,
        "landmark_fit": contract.landmark_fit,
    }
    rest = {
        "channel_order": pixels.channel_order,
        "mean": pixels.mean,
        "scale": pixels.scale,
        "embedding_dim": contract.embedding_dim,
        "mirror": contract.feature.mirror,
        "inside": contract.feature.inside,
        "detector": contract.detector.settings,
        "files": {
            "embedder": contract.variants[variant].sha256,
            **{name: file.sha256 for name, file in contract.detector.files.items()},
        },
    }
    return FeatureIdentity(
        variant=variant,
        mirror=contract.feature.mirror,
        feature_dim=contract.feature_dim,
        crop_size=(pixels.height, pixels.width),
        crops=checksum_of_parts(crop),
        features=checksum_of_parts(crop | rest),
    )


def checksum_of_parts(parts: Mapping) -> str:
    """SHA-256 of values, the same in every language.

    It is that of sorted lines, each with its line feed: "path=value" of each number and
    text, where the path has the keys and places from the outside inwards, joined by
    dots. A number is the 16 hexadecimal digits of its float64, the sign's first.

    Args:
        parts: Numbers, texts without line feeds, and sequences and mappings of them.
    """
    text = "".join(f"{line}\n" for line in sorted(_lines(parts, ())))
    return hashlib.sha256(text.encode()).hexdigest()


def _lines(value, path):
    if isinstance(value, Mapping):
        inner = value.items()
    elif isinstance(value, tuple | list):
        inner = enumerate(value)
    else:
        number = isinstance(value, int | float)
        yield ".".join(path) + "=" + (_float64(value) if number else value)
        return
    for key, part in inner:
        yield from _lines(part, (*path, str(key)))


def _float64(number):
    return struct.pack(">d", number).hex()


def are_cross_variant(
    stored: FeatureIdentity, contract: BundleContract, variant: str
) -> bool:
    """Compares the features of a gallery with those that a variant gives.

    Args:
        stored: Identity of the gallery's features.
        contract: Of the bundle that embeds the probes.
        variant: Its name, of the probes.

    Returns: False if the features are of the same variant; True if those of the
        gallery are of the float variant of the same bundle, whose cross-variant
        thresholds are then those to use.
    Raises: InputError if no threshold is for such scores.
    """
    if stored == features_of(contract, variant):
        return False
    from_float = stored.variant == FLOAT and FLOAT in contract.variants
    if not from_float or stored != features_of(contract, FLOAT):
        raise InputError(
            f"the gallery's templates are of another bundle ({_told(stored)}) than "
            f"these features ({_told(features_of(contract, variant))}), and are never "
            "compared; take that bundle and variant, or `sphereface people --re-embed` "
            "if the gallery keeps its crops"
        )
    if contract.variants[variant].cross_variant is None:
        raise InputError(
            f"the gallery's templates are of the variant {FLOAT}, and the bundle has "
            f"no thresholds for {variant} against it; take --variant {FLOAT}"
        )
    return True


def checked_feature(
    feature: np.ndarray, identity: FeatureIdentity, place: object
) -> np.ndarray:
    """A feature as galleries keep it, little-endian float32 (feature_dim,).

    Args:
        feature: Of any type.
        identity: Of the gallery's features.
        place: Of the gallery, for the message.

    Raises: InputError if it has another length, is not finite, or zero.
    """
    feature = np.asarray(feature, "<f4")
    if feature.shape != (identity.feature_dim,):
        raise InputError(
            f"features of {place} have {identity.feature_dim} numbers. "
            f"Received: {feature.shape}"
        )
    if not (np.isfinite(feature).all() and feature.any()):
        raise InputError("a feature must be finite and not zero")
    return feature


def embedded_again(place: object) -> GalleryError:
    """The error of a gallery that has other features than when it was opened."""
    return GalleryError(
        f"{place} was embedded again by another process meanwhile; try again with its "
        "bundle"
    )


def without_crops(bare: int, templates: int, place: object) -> InputError:
    """The error of templates without crops to be embedded again."""
    return InputError(
        f"{bare} of {templates} templates in {place} have no crop to embed again: "
        "enrol these people with the new bundle in a new gallery (--keep-crops keeps "
        "crops)"
    )


def _told(identity):
    return f"variant {identity.variant}, {identity.features[:12]}"
