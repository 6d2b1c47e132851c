"""Messages on stderr, without the control characters that names of files may hold."""

import sys
import unicodedata

# Marks that turn the direction of the text behind them: what is read is not what is.
_DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e") | frozenset(
    "\u2066\u2067\u2068\u2069"
)


def tell(text: str) -> None:
    """Prints one line on stderr."""
    print(printable(text), file=sys.stderr)


def printable(text: str) -> str:
    r"""The text with control characters, line breaks too, as escapes such as "\x1b"."""
    return "".join(map(_shown, text))


def _shown(character):
    unseen = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    if unseen or character in _DIRECTIONS:
        return character.encode("unicode_escape").decode("ascii")
    return character
