"""Sources of frames: a camera, a video or a picture."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tf_sphereface.data.photos.frames import Frame, open_frames
from tf_sphereface.data.photos.images import decode_photo, read_content

_MOST_PIXELS = 2_000_000  # of a picture; larger ones are reduced


class Source(NamedTuple):
    """Frames, and what is known of them.

    Args:
        frames: In turn.
        name: For people, such as "camera 0".
        rate: Frames a second.
        kind: "camera", "video" or "image".
    """

    frames: Iterable[Frame]
    name: str
    rate: float
    kind: str


@contextlib.contextmanager
def opened(camera: str | None, video: Path | None, image: Path | None):
    """Opens the one of the three that is given; camera 0 if none is.

    Raises: InputError if it cannot be read.
    """
    if image is not None:
        pixels = decode_photo(read_content(image), str(image), _MOST_PIXELS).pixels
        yield Source([Frame(pixels, 0.0)], str(image), 1.0, "image")
        return
    place = video if video is not None else (camera or "0")
    with open_frames(place) as frames:
        kind = "camera" if frames.live else "video"
        yield Source(frames, frames.name, frames.rate, kind)
