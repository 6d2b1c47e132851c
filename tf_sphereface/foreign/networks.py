"""TFLite files, run in another process before this one opens them."""

import hashlib
from pathlib import Path

from tf_sphereface.foreign.sandbox import Limits, ReaderError, read_apart
from tf_sphereface.foreign.tried_files import try_once
from tf_sphereface.runtimes.litert import could_not_run

_TRIAL = "tf_sphereface.foreign.tflite_trial:run_tflite"
_MEMORY = 3 << 29  # bytes, besides some times those of the file
_SECONDS = 20  # on the processor; the largest network here takes one


def require_runnable(content: bytes, path: Path) -> None:
    """Lets another process run a network before this one opens it.

    A damaged file can end the process of the interpreter by a signal. A file is tried
    once: its checksum is kept.

    Args:
        content: Of the TFLite file, the very bytes that will be opened.
        path: Its name in messages.

    Raises: InputError if the interpreter refuses it, ends its process, or takes more
        than 1.5 GB and four times the file, or 20 seconds.
    """

    def run():
        limits = Limits(_MEMORY + 4 * len(content), _SECONDS, 3 * _SECONDS)
        try:
            with read_apart(_TRIAL, path, limits, content):
                pass
        except ReaderError as error:
            raise could_not_run(path, error.how) from error

    try_once("ai-edge-litert", hashlib.sha256(content).hexdigest(), run)
