"""Enrolment and recognition in front of a camera, or from a video."""

from collections.abc import Callable, Iterable
from typing import Literal

from tf_sphereface.data.photos.frames import Frame
from tf_sphereface.errors import InputError, NoFaceError
from tf_sphereface.gallery.gallery import ALREADY, Gallery
from tf_sphereface.gallery.tracks import Answer, FaceTracks

_PAUSE = 0.7  # seconds between two templates, so that they are not the same picture


def enroll_from_frames(
    gallery: Gallery,
    name: str,
    frames: Iterable[Frame],
    count: int = 3,
    seconds: float = 30.0,
    choose: Literal["centre", "largest"] = "centre",
    force: bool = False,
    source: str = "camera",
    tell: Callable[[str], None] = lambda told: None,
) -> int:
    """Adds faces of a camera or a video to a person, who may be new.

    Args:
        gallery: Of the person.
        name: Of the person.
        frames: As `open_frames` gives them.
        count: Number of templates, at least 1; there are 0.7 s between two.
        seconds: Ends it, however many there are.
        choose: The face, as for `Gallery.enroll`.
        force: Whether faces are taken in spite of their quality.
        source: Is kept as the templates' source.
        tell: Called with the reasons, in words, whenever they change.

    Returns: Number of templates that were added; they are on the disk.
    Raises: InputError as `Gallery.enroll`.
    """
    taken, ready, last = 0, 0.0, None
    for frame in frames:
        if frame.seconds > seconds:
            break
        if frame.seconds < ready:
            continue
        try:
            reasons = gallery.enroll(name, frame.pixels, choose, force, source)
            if not reasons or (force and reasons != [ALREADY]):
                taken, ready = taken + 1, frame.seconds + _PAUSE
        except NoFaceError:
            reasons = ["no face found"]
        told = "; ".join(reasons)
        if told and told != last:
            tell(told)
        last = told
        if taken == count:
            break
    return taken


def identify_frames(
    gallery: Gallery,
    frames: Iterable[Frame],
    seconds: float = 10.0,
    **options,
) -> list[dict]:
    """Names the people in front of a camera or in a video.

    Args:
        gallery: The people.
        frames: As `open_frames` gives them.
        seconds: Ends it.
        **options: As for `Gallery.identify`.

    Returns: A dict for each face that was followed, ready for JSON: `name` and
        `decision` at the end, as `FaceTracks` has them; `score`; `seconds`, the first
        and the last; `frames`, their number; and the last `box`.
    Raises: InputError as `Gallery.identify`, or as the frames.
    """
    tracks, seen = FaceTracks(), {}
    for frame in frames:
        if frame.seconds > seconds:
            break
        found = gallery.identify(frame.pixels, **options)
        answers = [Answer(f["decision"], f["name"], f["score"]) for f in found]
        for track in tracks.update([face["box"] for face in found], answers):
            now = round(frame.seconds, 3)
            start, count = seen.get(track.number, {}).get("seconds", [now])[0], 1
            if track.number in seen:
                count += seen[track.number]["frames"]
            seen[track.number] = {
                "name": track.name,
                "decision": track.decision,
                "score": track.score,
                "seconds": [start, now],
                "frames": count,
                "box": [round(float(side), 1) for side in track.box],
            }
    if not seen:
        raise InputError("no face found in any picture")
    return list(seen.values())
