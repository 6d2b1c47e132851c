"""The window: frames with names, and keys that enrol, delete and switch."""

import os
import subprocess
import sys
import time

import cv2

from desktop.keys import Dialogue
from desktop.overlay import Screen, draw
from desktop.session import Session
from desktop.sources import Source
from tf_sphereface.detection import Face, nearest_to_centre
from tf_sphereface.errors import InputError
from tf_sphereface.native_messages import native_messages_held_back

_TITLE = "tf_sphereface"
_MESSAGE_SECONDS = 6.0
_HINTS = {
    "naming": "Enter: enrol   Esc: cancel",
    "asking": "Enter: take it all the same   Esc: leave it",
    "deleting": "Enter: delete for good   Esc: cancel",
}


def require_window() -> None:
    """Raises InputError if no window can be opened here."""
    linux = sys.platform.startswith("linux")
    if linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError("no screen here; write a video with --headless --out FILE")
    if not getattr(cv2, "currentUIFramework", lambda: "?")():
        raise InputError(
            "this OpenCV has no windows: install opencv-python in place of "
            "opencv-python-headless, or say --headless --out FILE"
        )
    if linux and not _opens_in_a_child():
        raise InputError(
            f"the screen {os.environ.get('DISPLAY')} cannot be used: write a video, "
            "--headless --out FILE"
        )


def _opens_in_a_child():
    """True if a window opens; where none can, Qt ends the process."""
    program = "import cv2; cv2.namedWindow('tf_sphereface'); cv2.destroyAllWindows()"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


class Window:
    """Shows a source until Q, Escape, or the window's own button.

    Args:
        source: The frames.
        session: The gallery with the faces that are followed.
    """

    def __init__(self, source: Source, session: Session):
        self._source, self._session = source, session
        self._dialogue, self._help = Dialogue(), True
        self._message, self._until = "", 0.0
        self._frozen, self._rate, self._open = None, 0.0, True
        self._tracks = None  # of the last frame, as long as they hold

    def run(self) -> None:
        """Raises InputError if the camera is taken away, or the video is cut off."""
        with native_messages_held_back():  # Qt's notes on fonts
            flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
            cv2.namedWindow(_TITLE, flags)
        try:
            start, last = time.monotonic(), None
            for last in self._source.frames:
                if self._source.kind == "video":
                    time.sleep(max(0, start + last.seconds - time.monotonic()))
                self._show(last.pixels)
                if not self._open:
                    return
            if self._source.kind == "video":  # a picture keeps the line of keys
                self._say("that was the end")
            while self._open:  # the last frame, or the picture
                self._show(last.pixels, still=True)
        finally:
            cv2.destroyAllWindows()

    def _show(self, pixels, still=False):
        start = time.monotonic()
        if self._dialogue.mode in ("naming", "asking") and self._frozen is not None:
            pixels, tracks = self._frozen
        elif not still and self._source.kind != "image":
            tracks = self._tracks = self._session.watch.see(pixels)
        else:
            tracks = self._tracks or self._session.watch.see_still(pixels)
            self._tracks = tracks
        shown = draw(pixels, tracks, self._screen())
        first = self._rate == 0
        cv2.imshow(_TITLE, shown[..., ::-1])
        if first:
            cv2.resizeWindow(_TITLE, shown.shape[1], shown.shape[0])
        action = self._dialogue.press(cv2.waitKeyEx(30 if still else 1))
        if action is not None:
            self._do(action, pixels, tracks)
        if cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
            self._open = False
        now = 1 / max(1e-3, time.monotonic() - start)
        self._rate = now if first else 0.9 * self._rate + 0.1 * now

    def _screen(self):
        message = self._message if time.monotonic() < self._until else ""
        dialogue, prompt = self._dialogue, None
        if dialogue.mode == "naming":
            prompt = f"Name: {dialogue.text}▏"
        elif dialogue.mode == "asking":
            prompt, message = f"not taken: {self._message}", ""
        elif dialogue.mode == "deleting":
            prompt = f"Delete whom? {dialogue.text}▏"
        status = (*self._session.status(), f"{self._rate:.0f} frames/s")
        hint = _HINTS.get(dialogue.mode, "")
        return Screen(status, message, prompt, hint, self._help)

    def _say(self, words):
        self._message, self._until = words, time.monotonic() + _MESSAGE_SECONDS

    def _tell(self, words):
        """As `_say`, of something after which other names may be shown."""
        self._tracks = None
        self._say(words)

    def _do(self, action, pixels, tracks):
        session = self._session
        if action.kind == "quit":
            self._open = False
        elif action.kind == "help":
            self._help = not self._help
        elif action.kind == "freeze":
            # Of the faces the one that is enrolled, the nearest to the middle.
            boxes = [Face(track.box, 1.0, track.box) for track in tracks]
            face = nearest_to_centre(boxes, *pixels.shape[:2])
            chosen = [t for t in tracks if face is not None and t.box is face.box]
            self._frozen = pixels, chosen
        elif action.kind == "ask whom":
            self._say(session.people_in_words())
        elif action.kind in ("enrol", "enrol all the same"):
            force = action.kind != "enrol"
            taken, words = session.enrol(action.name, self._frozen[0], force)
            self._tell(words)
            if not taken and not force:
                self._dialogue.ask()
        elif action.kind == "delete":
            self._tell(session.forget(action.name))
        elif action.kind == "variant":
            self._tell(session.next_variant())
        elif action.kind == "far":
            self._tell(session.next_far())
