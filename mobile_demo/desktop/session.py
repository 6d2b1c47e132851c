"""A gallery in use: what is shown of it, and what the keys do with it."""

import os

import numpy as np

from desktop.watch import Watch
from tf_sphereface.bundle.bundle import Bundle
from tf_sphereface.errors import InputError, NoFaceError, ResultError
from tf_sphereface.gallery import Gallery, open_gallery


def measured_fars(bundle: Bundle, variant: str) -> list[float]:
    """The FARs at which the bundle has thresholds, highest first.

    Raises: InputError if it has none: nobody could be told from a stranger.
    """
    thresholds = bundle.variant(variant).thresholds or {}
    fars = sorted(float(key[4:]) for key in thresholds if key[:4] == "far_")
    if not fars:
        raise InputError(
            f"no threshold was measured for {bundle.path}, so that nobody can be "
            "named; measure one with: sphereface calibrate BUNDLE --images DIR "
            "--pairs FILE"
        )
    return fars[::-1]


class Session:
    """An open gallery with a bundle, and the faces that are followed.

    Args:
        place: The gallery's file or address; it is made with the first person.
        bundle: The bundle.
        variant: Of its network; None is the gallery's, then the bundle's.
        secret: Key of the gallery, as `read_key` gives it.
        far: False accept rate of one comparison.
        every: As for `Watch`.

    Attributes:
        watch: The faces of its frames; a new one after people, variant or FAR changed.
        threshold: Cosine above which a face is named.

    Raises: InputError if the gallery or the bundle cannot be used.
    """

    def __init__(
        self,
        place: str | os.PathLike,
        bundle: Bundle,
        variant: str | None = None,
        secret: bytes | None = None,
        far: float = 0.01,
        every: int | None = None,
    ):
        self._place, self._bundle, self._secret = place, bundle, secret
        self._far, self._every = far, every
        measured_fars(bundle, variant or bundle.contract.default_variant)
        self._open(open_gallery(place, bundle, variant, secret, make=True))

    def _open(self, gallery: Gallery):
        self._gallery = gallery
        self.threshold = gallery.threshold(self._far).threshold
        self.watch = Watch(gallery, self._far, self._every)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._close()

    def _close(self):
        self.watch.close()
        self._gallery.store.close()

    def status(self) -> tuple[str, ...]:
        """Facts for the line at the top."""
        return (
            self._gallery.variant,
            f"FAR {100 * self._far:g} %",
            f"threshold {self.threshold:.2f}",
            f"search {self.watch.milliseconds:.0f} ms",
        )

    def people_in_words(self) -> str:
        """The people of the gallery, in a line."""
        names = [person.name for person in self._gallery.people()]
        return f"enrolled: {', '.join(names)}" if names else "nobody is enrolled"

    def enrol(
        self, name: str, pixels: np.ndarray, force: bool = False
    ) -> tuple[bool, str]:
        """Adds the face nearest the middle to a person.

        Returns: True if nothing is to be asked about it, and what became of it, in
            words.
        """
        self.watch.pause()
        name = self._spelt(name)
        try:
            reasons = self._gallery.enroll(name, pixels, force=force)
        except NoFaceError:
            return True, "not taken: no face found"
        except (InputError, OSError) as error:
            return True, f"not taken: {error}"
        if reasons and not force:
            return False, "; ".join(reasons)
        self._restart()
        return True, f"{name} is enrolled"

    def forget(self, name: str) -> str:
        """Deletes a person for good; says so in words."""
        self.watch.pause()
        name = self._spelt(name)
        try:
            self._gallery.forget(name)
        except (InputError, OSError, ResultError) as error:
            return str(error)
        self._restart()
        return f"{name} is deleted for good"

    def _spelt(self, name):
        """The name as the gallery has it, if only capitals differ."""
        names = [person.name for person in self._gallery.people()]
        alike = [other for other in names if other.casefold() == name.casefold()]
        return alike[0] if len(alike) == 1 and name not in names else name

    def next_variant(self) -> str:
        """Takes the bundle's next variant that may probe the gallery."""
        self.watch.pause()
        names = list(self._bundle.contract.variants)
        place, said = names.index(self._gallery.variant), "there is no other variant"
        for name in names[place + 1 :] + names[:place]:
            try:
                opened = open_gallery(
                    self._place, self._bundle, name, self._secret, make=True
                )
                try:
                    opened.threshold(self._far)
                except InputError:
                    opened.store.close()
                    raise
            except (InputError, OSError) as error:
                said = f"not {name}: {error}"
                continue
            self._close()
            self._open(opened)
            return f"variant {name}"
        return said

    def next_far(self) -> str:
        """Takes the next FAR at which a threshold was measured."""
        self.watch.pause()
        fars = measured_fars(self._bundle, self._gallery.variant)
        place = fars.index(self._far) if self._far in fars else -1
        for far in fars[place + 1 :] + fars[: place + 1]:
            try:
                self.threshold = self._gallery.threshold(far).threshold
            except InputError:  # of a quantised variant with a float gallery
                continue
            self._far = far
            break
        self._restart()
        rate = f"1 of {round(1 / self._far):,} comparisons"
        return f"FAR {100 * self._far:g} %: a stranger passes in {rate}"

    def _restart(self):
        """Forgets what is shown: it was said of other people, or with other numbers."""
        self.watch.close()
        self.watch = Watch(self._gallery, self._far, self._every)
