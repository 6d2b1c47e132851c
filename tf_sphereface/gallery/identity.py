"""Identity of features: those of one gallery must be comparable with each other."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.bundle.records import MIRRORS
from tf_sphereface.bundle.variants import FLOAT
from tf_sphereface.errors import InputError

LARGEST_FEATURE = 1 << 15  # twice the largest embedding
_CROP_PARTS = ("landmark_template", "landmark_fit")
# Neither measurements nor descriptions change a feature. What a later format adds
# does, unless it is left at its default.
_WITHOUT_EFFECT = {
    *("default_variant", "documents", "format_version", "golden", "library_version"),
    *("model", "samples", "variants"),
}
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
    """SHA-256 of size, template and fit of the crops."""
    features: _Checksum
    """SHA-256 of the contract's parts that a feature depends on, and of the file."""


def features_of(contract: BundleContract, variant: str) -> FeatureIdentity:
    """The identity of the features that a variant of a bundle gives.

    Args:
        contract: Of the bundle.
        variant: Name of one of its variants.
    """
    parts = contract.model_dump(
        mode="json", exclude=_WITHOUT_EFFECT, exclude_defaults=True
    )
    size = contract.pixels.height, contract.pixels.width
    crops = [*size, *(contract.model_dump(mode="json")[part] for part in _CROP_PARTS)]
    return FeatureIdentity(
        variant=variant,
        mirror=contract.feature.mirror,
        feature_dim=contract.feature_dim,
        crop_size=size,
        crops=_checksum(crops),
        features=_checksum([parts, contract.variants[variant].sha256]),
    )


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


def _told(identity):
    return f"variant {identity.variant}, {identity.features[:12]}"


def _checksum(content):
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
