"""Tests for tf_sphereface.data.photos.frames: videos, and stand-ins for cameras."""

import cv2
import numpy as np
import pytest

from tf_sphereface.data.photos import frames
from tf_sphereface.data.photos.frames import FrameSource, open_frames
from tf_sphereface.errors import InputError

COLOURS = np.array([[200, 30, 40], [20, 180, 60], [30, 50, 210]], np.uint8)  # RGB


def write_video(path, count=80, kind="MJPG"):
    """A video of 15 frames a second, each of one colour, in turn."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*kind), 15, (64, 48))
    for index in range(count):
        colour = COLOURS[index % 3, ::-1]
        writer.write(np.broadcast_to(colour, (48, 64, 3)).copy())
    writer.release()
    return path


def test_a_video_gives_its_frames_in_rgb_with_their_times(tmp_path):
    with open_frames(write_video(tmp_path / "a.avi", 5)) as source:
        found = list(source)
        assert (source.rate, source.live, len(found)) == (15, False, 5)
    assert found[4].seconds == pytest.approx(4 / 15)
    for index, frame in enumerate(found):
        assert frame.pixels.shape == (48, 64, 3)
        middle = frame.pixels.mean((0, 1))
        np.testing.assert_allclose(middle, COLOURS[index % 3], atol=6)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_video_that_ends_inside_a_frame_gives_the_whole_ones_first(tmp_path, share):
    path = write_video(tmp_path / "a.avi")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    found = []
    with open_frames(path) as source, pytest.raises(InputError) as refused:
        for frame in source:
            found.append(frame)
    assert f"is cut off: it has {len(found)} whole frames of 80" in str(refused.value)
    assert len(found) >= 80 * share - 15
    for index, frame in enumerate(found):  # none is filled in with another colour
        np.testing.assert_allclose(
            frame.pixels.reshape(-1, 3),
            COLOURS[index % 3][None].repeat(3072, 0),
            atol=9,
        )


@pytest.mark.parametrize("content", [b"", b"no video", b"RIFF1234AVI LIST"])
def test_what_is_no_video_is_named(tmp_path, content, capfd):
    (tmp_path / "a.avi").write_bytes(content)
    with pytest.raises(InputError, match="no video that can be read: .*a.avi"):
        open_frames(tmp_path / "a.avi")
    with pytest.raises(InputError, match="no such video: none.mp4"):
        open_frames("none.mp4")
    assert capfd.readouterr().err == ""  # the libraries' own notes are held back


@pytest.mark.parametrize("place", ["77", "/dev/video77"])
def test_a_camera_that_is_not_there_is_named(place, capfd):
    with pytest.raises(InputError, match=f"no camera {place}: it is missing"):
        open_frames(place)
    assert capfd.readouterr().err == ""


class StandIn:
    """A camera that gives these pictures, None for one that fails."""

    def __init__(self, pictures):
        self._pictures, self.released = iter(pictures), False

    def get(self, _):
        return 0.0

    def read(self):
        picture = next(self._pictures, None)
        return picture is not None, picture

    def release(self):
        self.released = True


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(frames, "_PATIENCE", 0.05)


PICTURE = np.zeros((4, 4, 3), np.uint8)


def test_a_camera_may_miss_a_picture_and_is_not_waited_for_when_it_is_gone(quick):
    camera = StandIn([PICTURE, None, PICTURE])
    with FrameSource(camera, "camera 0", live=True) as source:
        taken = iter(source)
        assert next(taken).pixels.shape == next(taken).pixels.shape == (4, 4, 3)
        with pytest.raises(InputError, match="camera 0 gives no more pictures"):
            next(taken)
    assert camera.released and source.rate == 30


def test_a_camera_that_never_gives_a_picture_is_named(quick):
    with (
        FrameSource(StandIn([]), "camera 0", live=True) as source,
        pytest.raises(InputError, match="gives no picture: does another program"),
    ):
        next(iter(source))
