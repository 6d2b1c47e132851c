"""Faces of a camera or a video: looked for now and then, followed in between."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from desktop.motion import Motion
from tf_sphereface.gallery import Answer, FaceTracks, Gallery
from tf_sphereface.gallery.tracks import NEEDED, Track


class Watch:
    """The faces of successive frames, with the names that a gallery gives them.

    Args:
        gallery: The people.
        far: False accept rate of one comparison.
        every: Search each frame of this distance, and wait for the result, so that the
            same video gives the same names. None: search the newest frame in another
            thread, as soon as the last search has ended, so that no frame waits.

    Attributes:
        milliseconds: Of the last search.
    """

    def __init__(self, gallery: Gallery, far: float, every: int | None = None):
        self._gallery, self._far, self._every = gallery, far, every
        self._pool = ThreadPoolExecutor(1)
        self._tracks, self._count = FaceTracks(), 0
        self._search = self._searched = self._last = None
        self.milliseconds = 0.0

    def close(self) -> None:
        """Ends the search that is in progress; the gallery may be used again."""
        self._pool.shutdown()

    def pause(self) -> None:
        """Waits for the search that is in progress; its result is left."""
        if self._search is not None:
            self._search.result()
            self._search = None

    def see(self, pixels: np.ndarray) -> list[Track]:
        """The faces of the next frame, uint8 (height, width, 3), RGB.

        Raises: InputError if the gallery or the network cannot be used.
        """
        now = Motion(pixels)
        if self._last is not None:
            self._move(self._last, now)
        if self._every is not None:
            if self._count % self._every == 0:
                self._take(self._look(pixels))
        elif self._search is None or self._search.done():
            if self._search is not None:
                self._take(self._search.result(), self._searched, now)
            self._search = self._pool.submit(self._look, pixels)
            self._searched = now
        self._count += 1
        self._last = now
        return self._tracks.tracks

    def see_still(self, pixels: np.ndarray) -> list[Track]:
        """The faces of a picture that is alone: each search counts as all needed."""
        found = self._look(pixels)
        for _ in range(NEEDED):
            self._take(found)
        return self._tracks.tracks

    def _look(self, pixels):
        start = time.perf_counter()
        found = self._gallery.identify(pixels, self._far)
        self.milliseconds = 1000 * (time.perf_counter() - start)
        return found

    def _take(self, found, then=None, now=None):
        boxes = np.array([face["box"] for face in found]).reshape(-1, 4)
        if then is not None:
            boxes = then.moved(boxes, now)
        answers = [Answer(f["decision"], f["name"], f["score"]) for f in found]
        self._tracks.update(boxes, answers)

    def _move(self, then, now):
        tracks = self._tracks.tracks
        boxes = then.moved([track.box for track in tracks], now)
        for track, box in zip(tracks, boxes, strict=True):
            track.box = box
