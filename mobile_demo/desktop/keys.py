"""Keys of the window: commands, and names that are typed."""

from typing import Literal, NamedTuple

Mode = Literal["watching", "naming", "asking", "deleting"]
HELP = (
    ("E", "enrol"),
    ("D", "delete"),
    ("V", "variant"),
    ("F", "FAR"),
    ("H", "hide help"),
    ("Q", "quit"),
)
_COMMANDS = {
    "e": "freeze",
    "d": "ask whom",
    "v": "variant",
    "f": "far",
    "h": "help",
    "q": "quit",
}
ENTER, ESCAPE, BACKSPACES = (10, 13, 0xFF8D), 27, (8, 127, 0xFF08)
_SHIFTS = (0xFFE1, 0xFFE2)
_LONGEST = 60  # characters that fit into a window
_X11_UNICODE = 0x01000000


class Action(NamedTuple):
    """Work that a key asks for.

    Args:
        kind: "freeze", "enrol", "enrol all the same", "delete", "ask whom", "variant",
            "far", "help" or "quit".
        name: Of a person, of the three that need one.
    """

    kind: str
    name: str = ""


class Dialogue:
    """State of the window, and the name as far as it is typed.

    Attributes:
        mode: "watching"; "naming", of the face in the frozen frame; "asking", if a face
            is to be taken in spite of its quality; or "deleting".
        text: The name.
    """

    def __init__(self):
        self.mode: Mode = "watching"
        self.text, self._shift = "", False

    def ask(self) -> None:
        """Asks if the face is to be taken all the same; the name stays."""
        self.mode = "asking"

    def press(self, code: int) -> Action | None:
        """Takes a key.

        Args:
            code: As OpenCV's `waitKeyEx` gives it; -1 is no key.

        Returns: Work to do, or None.
        """
        if code == -1:
            return None
        # OpenCV's Qt gives small letters, and Shift as a key of its own before them.
        shift, self._shift = self._shift, code in _SHIFTS
        if self.mode == "watching":
            return self._command(code)
        if code == ESCAPE:
            self.mode, self.text = "watching", ""
        elif code in ENTER:
            return self._finish()
        elif self.mode != "asking" and code in BACKSPACES:
            self.text = self.text[:-1]
        elif self.mode != "asking" and len(self.text) < _LONGEST:
            character = _character(code)
            self.text += character.upper() if shift else character
        return None

    def _command(self, code):
        if code == ESCAPE:
            return Action("quit")
        kind = _COMMANDS.get(_character(code).lower())
        if kind is None:
            return None
        self.text = ""
        self.mode = {"freeze": "naming", "ask whom": "deleting"}.get(kind, "watching")
        return Action(kind)

    def _finish(self):
        name, mode = self.text.strip(), self.mode
        if not name:
            return None
        self.mode = "watching"
        kinds = {"naming": "enrol", "asking": "enrol all the same"}
        return Action(kinds.get(mode, "delete"), name)


def _character(code):
    """The printable character of a key, or "": ASCII, Latin-1, or X11's Unicode.

    OpenCV's Qt gives the capitals of Latin-1, as signed bytes.
    """
    if -128 <= code < -1:
        return chr(code & 0xFF).lower()
    code = code - _X11_UNICODE if code > _X11_UNICODE else code & 0xFFFF
    if not (0x20 <= code <= 0xFF or 0x100 <= code <= 0xFEFF):
        return ""
    character = chr(code)
    return character if character.isprintable() else ""
