"""Pickles read without running anything that they name.

A pickle is a program; Python's own reader calls whatever function it asks for. This one
knows the instructions that build lists, tuples, texts, bytes and numbers, and the few
names that a `Vocabulary` holds, and refuses all others. It takes no length on trust:
nothing is larger than the file.
"""

import struct
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.pickles.machine import Machine
from tf_sphereface.pickles.vocabulary import RefusedPickleError, Vocabulary

# What reading beyond the end, or anything else in the wrong place, raises here.
_DAMAGE = (ValueError, LookupError, OverflowError, TypeError, struct.error)


def read_pickle(content: bytes, path: Path, vocabulary: Vocabulary, start: int = 0):
    """The object of the pickle that begins at byte `start`, and the byte after it.

    Args:
        content: The file, or the part of it in which the pickle lies.
        path: The file, for messages.
        vocabulary: What the pickle may ask for.

    Returns: (object, end); Python 2's strings and all bytes as bytes.
    Raises: InputError with the offset if the pickle is damaged or asks for anything
        else; nothing of it has run.
    """
    machine = Machine(content, vocabulary, start)
    try:
        return machine.run(), machine.end
    except RefusedPickleError as error:
        raise InputError(
            f"{path}, byte {machine.start}: a pickle must hold {vocabulary.holds} "
            f"only. Received: {error}"
        ) from error
    except _DAMAGE as error:
        raise InputError(f"damaged pickle: {path}, byte {machine.start}") from error
