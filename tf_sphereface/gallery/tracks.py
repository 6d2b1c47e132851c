"""Faces followed from frame to frame, with names that do not flicker.

The web page and the Android app have the same rule; mobile_demo/contract has its cases.
"""

import dataclasses
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tf_sphereface.detection.boxes import overlap

WINDOW, NEEDED = 5, 3  # answers that are looked at, and how many of them must agree
LEAST_OVERLAP = 0.3
MOST_MISSED = 3  # frames in a row in which a face may be missing


class Answer(NamedTuple):
    """The answer of a gallery on the face of one frame.

    Args:
        decision: "known", "not sure", "unknown", or None without a threshold.
        name: Of the person if the decision is "known", otherwise None.
        score: Cosine of the nearest person, or None.
    """

    decision: str | None
    name: str | None
    score: float | None


@dataclasses.dataclass
class Track:
    """One face in successive frames.

    Args:
        number: Of the face, from 1; no number is given twice.
        box: Float (4,), x1,y1,x2,y2 pixels of the last frame.
        decision: As in `Answer`; None too as long as no answer has prevailed.
        name: Of the person if the decision is "known", otherwise None.
        score: Mean score of the last answers that say the same; None without such.
    """

    number: int
    box: np.ndarray
    decision: str | None = None
    name: str | None = None
    score: float | None = None
    answers: deque = dataclasses.field(default_factory=lambda: deque(maxlen=WINDOW))
    missed: int = 0

    def take(self, box: np.ndarray, answer: Answer) -> None:
        """Sees the face in another frame."""
        self.box, self.missed = box, 0
        self.answers.append(answer)
        votes = Counter((one.decision, one.name) for one in self.answers)
        prevailing, count = votes.most_common(1)[0]
        if count >= NEEDED:
            self.decision, self.name = prevailing
        elif len(self.answers) == WINDOW and self.decision is None:
            self.decision = "not sure"
        scores = [
            one.score
            for one in self.answers
            if (one.decision, one.name) == (self.decision, self.name)
            and one.score is not None
        ]
        self.score = sum(scores) / len(scores) if scores else None


class FaceTracks:
    """The faces of a camera or a video.

    A box belongs to the track that it overlaps most, if that is 0.3 of the union at
    least; pairs are formed from the greatest overlap downwards. A face that is missing
    in more than 3 frames in a row is a new one when it comes again.

    The decision on a face, with its name, is the one that 3 of its last 5 answers give;
    while there is no such one it stays as it was. A face with 5 answers that never had
    one is "not sure".
    """

    def __init__(self):
        self._tracks, self._last = [], 0

    @property
    def tracks(self) -> list[Track]:
        """The faces of the last frame."""
        return [track for track in self._tracks if not track.missed]

    def update(
        self, boxes: Sequence[Sequence[float]], answers: Sequence[Answer]
    ) -> list[Track]:
        """Takes the faces of the next frame in which faces were looked for.

        Args:
            boxes: Float (faces, 4), x1,y1,x2,y2 pixels.
            answers: One for each box.

        Returns: The track of each box.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        owners = self._owners(boxes)
        for track in self._tracks:
            track.missed += 1
        for place, (box, answer) in enumerate(zip(boxes, answers, strict=True)):
            if place not in owners:
                self._last += 1
                owners[place] = Track(self._last, box)
                self._tracks.append(owners[place])
            owners[place].take(box, answer)
        self._tracks = [t for t in self._tracks if t.missed <= MOST_MISSED]
        return [owners[place] for place in range(len(boxes))]

    def _owners(self, boxes):
        """The track of each box that belongs to one, by the box's place."""
        owners, taken = {}, set()
        known = np.array([track.box for track in self._tracks]).reshape(-1, 4)
        shared = overlap(known, boxes)
        for pair in np.argsort(-shared, axis=None, kind="stable"):
            number, place = divmod(int(pair), len(boxes))
            if shared[number, place] < LEAST_OVERLAP:
                break
            if number not in taken and place not in owners:
                owners[place] = self._tracks[number]
                taken.add(number)
        return owners
