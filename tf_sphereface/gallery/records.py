"""Records of a gallery: people and their templates."""

import dataclasses
import datetime
import re
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from tf_sphereface.data.photos.names import identity_key
from tf_sphereface.errors import InputError

LONGEST_NAME, LONGEST_SOURCE = 200, 1000  # characters
TIME_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
# Zero-width joiners are part of the spelling of Persian and Sinhala names and of emoji;
# elsewhere two names with and without one look the same.
_JOINERS = re.compile(
    r"(?<=[^\u0000-\u024f\u200c\u200d])[\u200c\u200d](?=[^\u0000-\u024f\u200c\u200d])"
)
_Measure = Annotated[FiniteFloat, Field(ge=-1e6, le=1e6)]


class GalleryError(InputError):
    """A gallery cannot be used, whatever the photo; the next one needs not be tried."""


class NoGalleryError(GalleryError):
    """No gallery is at the place."""


class Quality(BaseModel):
    """Measurements of a face at its enrolment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: _Measure
    """Confidence of the detector, 0..1."""
    eyes: _Measure
    """Distance of the eyes in the photo, pixels."""
    brightness: _Measure
    """Mean of the crop's middle, 0..255."""
    sharpness: _Measure
    """Deviation of the finest details over that of the others."""
    turn: _Measure
    """Distance of the nose from the middle between the eyes, in distances of the eyes;
    0 is frontal.
    """
    landmark_confidence: _Measure | None = None
    """Agreement of the opinions on the landmarks, 0..1; None if there was one."""


@dataclasses.dataclass(frozen=True)
class Template:
    """The feature of one photo of a person.

    Args:
        feature: Float32 (feature_dim,), finite and not zero.
        source: Name of the photo, or "".
        added: UTC, such as "2026-11-30T12:00:00Z".
        quality: Of the face; None if it was not measured.
        crop: The aligned face, PNG; None unless the gallery keeps crops.
    """

    feature: np.ndarray
    source: str
    added: str
    quality: Quality | None = None
    crop: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Person:
    """A person of a gallery.

    Args:
        name: As it was given first.
        templates: Their number.
        first: Time of the first enrolment, UTC.
        last: Time of the last.
    """

    name: str
    templates: int
    first: str
    last: str


def person_key(name: str) -> str:
    """The one spelling of a name by which a person is found.

    Raises: InputError if it is empty, longer than 200 characters, has control
        characters or ends with spaces.
    """
    printable = isinstance(name, str) and _JOINERS.sub("", name).isprintable()
    if not printable or name != name.strip() or not 0 < len(name) <= LONGEST_NAME:
        raise InputError(
            f"a name must have 1 to {LONGEST_NAME} characters, no control characters "
            f"and no spaces at its ends. Received: {name!r:.60}"
        )
    return identity_key(name)


def now() -> str:
    """The time, UTC, as templates have it."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
