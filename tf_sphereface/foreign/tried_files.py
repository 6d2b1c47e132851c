"""Files that a library has read in another process, and ended well: tried once."""

import importlib.metadata
import os
import platform
from collections.abc import Callable

from tf_sphereface.files import user_cache

_VERSION = 1  # counted up when a trial becomes a stricter one


def try_once(package: str, digest: str, trial: Callable[[], None]) -> None:
    """Calls a trial, unless it has succeeded with the same content before.

    That is known by an empty file in the user's cache, for each version of the library
    and kind of machine.

    Args:
        package: That reads the file, by its name in distributions.
        digest: SHA-256 of the content, hexadecimal.
        trial: Raises InputError if the library does not read the file.
    """
    library = f"{package}-{importlib.metadata.version(package)}"
    known = user_cache() / f"tried-{_VERSION}-{library}-{platform.machine()}" / digest
    if known.exists():
        return
    trial()
    try:
        known.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(known, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        return  # without a cache to write to it is tried each time
