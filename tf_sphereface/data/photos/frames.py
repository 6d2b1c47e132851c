"""Pictures of a camera or of a video, one after the other."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import cv2
import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.native_messages import native_messages_held_back

_PATIENCE = 3.0  # seconds; a camera that is just starting gives no picture
_USUAL_RATE = 30.0
# Durations are announced for the longest of picture and sound: a few more frames.
_MOST_MISSING = 0.02


class Frame(NamedTuple):
    """A picture, and its time.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        seconds: Since the beginning.
    """

    pixels: np.ndarray
    seconds: float


class FrameSource:
    """A camera or a video that is open; iterate over it once.

    Args:
        capture: OpenCV's.
        name: For messages, such as "camera 0".
        live: True of a camera: its pictures are of now, and it has no end.

    Attributes:
        name: As given.
        live: As given.
        rate: Frames a second, as the camera or the file says.
    """

    def __init__(self, capture: cv2.VideoCapture, name: str, live: bool):
        self._capture, self.name, self.live = capture, name, live
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 1 <= rate <= 240 else _USUAL_RATE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_):
        self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        """The frames.

        Raises: InputError if the camera is taken away, or the video ends before its
            end; all whole frames were given then.
        """
        return self._of_camera() if self.live else self._of_video()

    def _of_camera(self):
        start = last = time.monotonic()
        seen = False
        while True:
            taken, pixels = self._capture.read()
            now = time.monotonic()
            if taken:
                last, seen = now, True
                yield Frame(_rgb(pixels), now - start)
            elif now - last > _PATIENCE:
                raise InputError(
                    f"{self.name} gives no more pictures: was it unplugged?"
                    if seen
                    else f"{self.name} gives no picture: does another program use it?"
                )
            else:
                time.sleep(0.02)

    def _of_video(self):
        announced = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        held, count = None, 0
        while True:
            taken, pixels = self._capture.read()
            if not taken:
                break
            if held is not None:
                yield held
            held = Frame(_rgb(pixels), count / self.rate)
            count += 1
        if count == 0:
            raise InputError(f"{self.name} has no picture")
        missing = announced - count
        if missing > max(1, _MOST_MISSING * announced):
            # The last frame may have been torn, and filled with anything.
            raise InputError(
                f"{self.name} is cut off: it has {count - 1} whole frames of "
                f"{announced:.0f}; copy or record it again"
            )
        yield held


def open_frames(place: str | Path) -> FrameSource:
    """Opens a camera or a video.

    Args:
        place: Number of a camera, such as "0", its device ("/dev/video0"), or a video
            file of a kind that OpenCV's FFmpeg reads.

    Raises: InputError if there is no such camera, or the file is missing or no video.
    """
    place = str(place)
    if place.isdecimal() or place.startswith("/dev/"):
        return _open_camera(place)
    if not Path(place).is_file():
        raise InputError(f"no such video: {place}")
    # Notes on damage; read when the first video is opened.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    with native_messages_held_back():
        capture = cv2.VideoCapture(place, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise InputError(f"no video that can be read: {place}; is it whole?")
    return FrameSource(capture, place, live=False)


def _open_camera(place):
    with native_messages_held_back():
        capture = cv2.VideoCapture(int(place) if place.isdecimal() else place)
    if not capture.isOpened():
        found = sorted(map(str, Path("/dev").glob("video*")))
        there = f"there are: {', '.join(found)}" if found else "none is there"
        raise InputError(
            f"no camera {place}: it is missing, used by another program, or closed to "
            f"this user ({there})"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not the oldest
    return FrameSource(capture, f"camera {place}", live=True)


def _rgb(pixels):
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
