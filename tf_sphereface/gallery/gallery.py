"""A gallery with a bundle: people are enrolled from photos and recognised in others."""

import os
from pathlib import Path
from typing import Literal, Self

import numpy as np

from tf_sphereface.bundle.bundle import Bundle
from tf_sphereface.bundle.calibration import decide
from tf_sphereface.bundle.embedder import Embedder, Photo
from tf_sphereface.bundle.photo_faces import faces_of_picture, read_faces
from tf_sphereface.errors import InputError, NoFaceError
from tf_sphereface.gallery.address import ServerAddress, parse_place
from tf_sphereface.gallery.crops import decoded_crop, encoded_crop
from tf_sphereface.gallery.identity import are_cross_variant, features_of
from tf_sphereface.gallery.naming import name_face
from tf_sphereface.gallery.places import Store, UnmadeStore, open_store
from tf_sphereface.gallery.quality import measure, reasons_against
from tf_sphereface.gallery.records import (
    NoGalleryError,
    Person,
    Template,
    now,
    person_key,
)
from tf_sphereface.gallery.search import Rule
from tf_sphereface.gallery.thresholds import SearchThreshold, search_threshold

ALREADY = "enrolled already"
_FAR_OF_UNLIKE = 0.01


class Gallery:
    """Enrolled people, and a bundle that recognises them.

    Args:
        store: As `open_store` gives it; it is closed with the gallery.
        embedder: Of the bundle that its templates are of; a quantised variant may probe
            a gallery of the float variant if the bundle has thresholds for that.

    Attributes:
        store: Its people and templates.
        variant: Name of the variant that embeds the probes.
        cross_variant: True in that case.

    Raises: InputError if the templates are of another bundle or variant.

    Example:
        from tf_sphereface.gallery import open_gallery

        with open_gallery("people.gallery", "bundle", make=True) as gallery:
            gallery.enroll("Ada", "ada.jpg")
            print(gallery.identify("somebody.jpg"))
    """

    def __init__(self, store: Store, embedder: Embedder):
        self.store, self._embedder = store, embedder
        self.variant = embedder.variant
        self.cross_variant = are_cross_variant(
            store.identity, embedder.contract, embedder.variant
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_):
        self.store.close()

    def people(self) -> list[Person]:
        """The people, by name."""
        return self.store.people()

    def forget(self, *names: str) -> int:
        """Deletes people for good, as `GalleryStore.forget`."""
        return self.store.forget(*names)

    def enroll(
        self,
        name: str,
        photo: Photo,
        choose: Literal["centre", "largest"] = "centre",
        force: bool = False,
        source: str = "camera",
    ) -> list[str]:
        """Adds the face of a photo to a person, who may be new.

        Args:
            name: Of the person.
            photo: The file, or uint8 (height, width, 3), RGB, such as a camera's.
            choose: The face: the nearest to the middle, or the largest.
            force: Whether a face is taken in spite of its quality.
            source: Of a picture that is no file: what is kept as its source.

        Returns: Reasons against the face; it was taken if there are none, or by force.
            It is on the disk then. Of a photo that is in the gallery already the reason
            is `ALREADY`, and it is not added again.
        Raises: InputError if the photo is unusable or shows no face, the name is none,
            or the probes are of another variant than the gallery.
        """
        person_key(name)
        if self.cross_variant:
            raise InputError(
                f"{self.store.place} has templates of the variant "
                f"{self.store.identity.variant}; enrol with --variant "
                f"{self.store.identity.variant}"
            )
        found = self._faces(photo, name=source)
        if not found.faces:
            raise NoFaceError(f"no face found: {source}")
        chosen = 0  # the nearest to the middle comes first
        if choose == "largest":
            chosen = int(np.argmax([face.area for face in found.faces]))
        face, crop = found.faces[chosen], found.crops[chosen]
        others = [*found.faces[:chosen], *found.faces[chosen + 1 :]]
        mine = [template.feature for template in self.store.templates(name)]
        if any(np.array_equal(each, found.features[chosen]) for each in mine):
            return [ALREADY]
        reasons = reasons_against(face, others, crop, self._embedder.crop)
        reasons += self._unlike(name, found.features[chosen], mine)
        if not reasons or force:
            template = Template(
                feature=found.features[chosen],
                source=found.path.name,
                added=now(),
                quality=measure(face, crop),
                crop=encoded_crop(crop) if self.store.keeps_crops else None,
            )
            self._add(name, template)
        return reasons

    def _add(self, name, template):
        people = [(name, [template])]
        if isinstance(self.store, UnmadeStore):
            self.store = self.store.made_with(people)
        else:
            self.store.add_people(people)

    def threshold(
        self, far: float = 0.01, false_alarms: float | None = None
    ) -> SearchThreshold:
        """The threshold of a search of all templates, as `search_threshold`."""
        record = self._embedder.contract.variants[self._embedder.variant]
        size = self.store.size()
        return search_threshold(record, size, far, false_alarms, self.cross_variant)

    def identify(
        self,
        photo: Photo,
        far: float = 0.01,
        false_alarms: float | None = None,
        rule: Rule = "best",
        k: int = 3,
        choose: Literal["all", "centre", "largest"] = "all",
    ) -> list[dict]:
        """Names the faces of a photo.

        Args:
            photo: The file, or uint8 (height, width, 3), RGB, such as a camera's, in
                which there may be no face.
            far: False accept rate of one comparison, whose threshold decides.
            false_alarms: In place of it, the share of strangers' searches of the whole
                gallery that may find somebody.
            rule: Score of a person, as for `TemplateMatrix.scores`.
            k: Of "top-k".
            choose: All faces, the nearest to the middle, or the largest.

        Returns: A dict each, ready for JSON: `name`, None unless known; `decision`,
            "known", "not sure", "unknown", or None without a threshold; `nearest`, the
            person of the highest score; `score`; `margin` to the next person; `box` and
            `confidence` of the detector.
        Raises: InputError if the file is unusable or shows no face, or no threshold
            keeps to the rate.
        """
        wanted = self.threshold(far, false_alarms)
        found = self._faces(photo, choose)
        return [
            self._named(found.described(index), feature, wanted, rule, k)
            for index, feature in enumerate(found.features)
        ]

    def _faces(self, photo, choose="all", name="picture"):
        if isinstance(photo, np.ndarray):
            return faces_of_picture(self._embedder, photo, name, choose)
        return read_faces(self._embedder, Path(photo), choose)

    def _named(self, face, feature, wanted, rule, k):
        named = name_face(self.store, feature, wanted, rule, k)
        return {**named, "box": face["box"], "confidence": face["score"]}

    def _unlike(self, name, feature, mine):
        """A reason if the face is of another person than the person's templates."""
        record = self._embedder.contract.variants[self._embedder.variant]
        key = f"far_{_FAR_OF_UNLIKE:g}"
        if not mine or key not in (record.thresholds or {}):
            return []
        scores = self._embedder.compare(feature[None], np.stack(mine))
        verdict = decide(
            float(scores.max()), record.thresholds[key], record.calibration
        )
        if verdict != "different":
            return []
        return [f"unlike the other photos of {name} (score {scores.max():.3f})"]


def open_gallery(
    place: str | os.PathLike | ServerAddress,
    bundle: Bundle | Path | str,
    variant: str | None = None,
    secret: bytes | None = None,
    make: bool = False,
    keep_crops: bool = False,
) -> Gallery:
    """Opens a gallery with a bundle.

    Args:
        place: Path of its file, or address "postgresql://..." of its database.
        bundle: Folder of the bundle, or what `load_bundle` gave.
        variant: Of the embedding network; None is that of the gallery, and of a new one
            the bundle's default.
        secret: Its key, as `read_key` gives it, if it is encrypted.
        make: Whether a new one is made where there is none, of this bundle and
            variant, and with this key, as soon as somebody is enrolled.
        keep_crops: Whether a new one keeps aligned faces, to be embedded again.

    Raises: NoGalleryError if there is none and none is made; InputError as
        `open_store`, `Embedder` and `Gallery`.
    """
    try:
        store = open_store(place, secret)
    except NoGalleryError:
        if not make:
            raise
        embedder = Embedder(bundle, variant)
        identity = features_of(embedder.contract, embedder.variant)
        store = UnmadeStore(parse_place(place), identity, secret, keep_crops)
        return Gallery(store, embedder)
    try:
        return Gallery(store, Embedder(bundle, variant or store.identity.variant))
    except BaseException:
        store.close()
        raise


def embed_again(store: Store, embedder: Embedder) -> int:
    """Embeds the kept crops of a gallery with another bundle or variant.

    Args:
        store: The gallery.
        embedder: Of the bundle that it is to be of from now on.

    Returns: Number of templates.
    Raises: InputError if a template has no crop, or the bundle takes other crops; the
        gallery is then as it was.
    """
    identity = features_of(embedder.contract, embedder.variant)
    if identity.crops != store.identity.crops:
        raise InputError(
            f"the crops of {store.place} have another size or template than those of "
            "the bundle; enrol these people anew"
        )
    size = identity.crop_size

    def embed_all(crops):
        pixels = np.empty((len(crops), *size, 3), np.uint8)
        for crop, content in zip(pixels, crops, strict=True):
            crop[:] = decoded_crop(content, size)
        return embedder.embed_crops(pixels)

    return store.replace_features(identity, embed_all)
