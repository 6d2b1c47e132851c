"""Without a window: the annotated video, and a line of JSON for each frame."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from desktop.overlay import Screen, draw
from desktop.sources import Source
from desktop.watch import Watch
from tf_sphereface.errors import InputError
from tf_sphereface.gallery.tracks import Track
from tf_sphereface.new_files import new_files

_CODECS = {".avi": "MJPG", ".mp4": "mp4v", ".mkv": "mp4v"}
_PICTURES = (".jpg", ".jpeg", ".png")


def record(source: Source, watch: Watch, out: Path, status: tuple[str, ...]) -> dict:
    """Writes all frames with what is known of them.

    Args:
        source: The frames.
        watch: Names their faces.
        out: The video to be, or the picture of a picture; beside it OUT.jsonl has an
            object for each frame: `frame`, `seconds` and `faces`, each with `track`,
            `box`, `decision`, `name` and `score`.
        status: Facts in the line at the top.

    Returns: `frames`, their number; and `people`, in how many each was named.
    Raises: InputError if a file is there already or its kind is unknown; and as the
        source, after what it gave was written.
    """
    still = source.kind == "image"
    known = _PICTURES if still else _CODECS
    if out.suffix.lower() not in known:
        raise InputError(f"--out must end in one of {', '.join(known)}: {out}")
    lines = out.with_name(f"{out.name}.jsonl")
    seen, count, problem = Counter(), 0, None
    with (
        new_files({"--out": out, "its lines": lines}) as made,
        open(made["its lines"], "w", encoding="utf-8") as text,
        _Writer(made["--out"], source.rate, still) as writer,
    ):
        frames = iter(source.frames)
        while True:
            try:
                frame = next(frames, None)
            except InputError as error:  # a video that is cut off: nothing is lost
                if count == 0:
                    raise
                problem = error
                break
            if frame is None:
                break
            tracks = (watch.see_still if still else watch.see)(frame.pixels)
            writer.write(draw(frame.pixels, tracks, Screen(status)))
            faces = [_told(track) for track in tracks]
            line = {"frame": count, "seconds": round(frame.seconds, 3), "faces": faces}
            text.write(json.dumps(line) + "\n")
            seen.update({face["name"] for face in faces if face["name"]})
            count += 1
    if problem is not None:
        raise problem
    return {"frames": count, "people": dict(sorted(seen.items()))}


def _told(track: Track) -> dict:
    return {
        "track": track.number,
        "box": [round(float(side), 1) for side in track.box],
        "decision": track.decision,
        "name": track.name,
        "score": None if track.score is None else round(track.score, 4),
    }


class _Writer:
    """Writes pictures, uint8 RGB of one size, to a video; or the one to a picture."""

    def __init__(self, path: Path, rate: float, still: bool):
        self._path, self._rate, self._still = path, rate, still
        self._video = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._video is not None:
            self._video.release()

    def write(self, pixels: np.ndarray) -> None:
        flipped = np.ascontiguousarray(pixels[..., ::-1])
        if self._still:
            if not cv2.imwrite(str(self._path), flipped):
                raise OSError(f"cannot write the picture {self._path}")
            return
        if self._video is None:
            codec = cv2.VideoWriter_fourcc(*_CODECS[self._path.suffix.lower()])
            size = pixels.shape[1], pixels.shape[0]
            self._video = cv2.VideoWriter(str(self._path), codec, self._rate, size)
            if not self._video.isOpened():
                raise OSError(f"cannot write a video to {self._path}")
        self._video.write(flipped)
