"""Foreign files read in a process of their own, with limits on memory and time.

On some damaged files libraries in C never return, take all memory or end their process,
and no Python code can stop them there. A reader that runs here can only fail.
"""

import contextlib
import dataclasses
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.files import scratch_folder

_RESULT, _COMPLAINT = "result.safetensors", "complaint.txt"
_COPY, _MOST_OPEN_FILES = "content", 256
_REFUSED = 3  # exit status: the reader has written why
_DAMAGED = "is damaged: it cannot be read within bounds on memory and time"


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds on a reader.

    Windows knows none but the last, macOS none on memory.

    Args:
        memory: Bytes of address space, the interpreter's and the libraries' included;
            also the most that may be written.
        processor_seconds: Time on the processor, of all threads.
        seconds: Time by the clock.
    """

    memory: int
    processor_seconds: int
    seconds: int = 600


class ReaderError(InputError):
    """A reader gave nothing.

    Args:
        path: The file.
        complaint: Words of the reader itself, that read on behind the path; None if it
            ended in another way.
        how: The complaint, or the way in which it ended.
    """

    def __init__(self, path: Path, complaint: str | None, how: str):
        super().__init__(f"{path} {complaint or _DAMAGED}")
        self.how = how


@contextlib.contextmanager
def read_apart(
    reader: str, path: Path, limits: Limits, content: bytes | None = None
) -> Iterator[Path]:
    """Runs a reader on a file in another process; gives a safetensors file.

    Args:
        reader: "MODULE:FUNCTION". The function takes the path and gives (tensors,
            metadata): arrays by name and texts by name. It raises InputError for what
            it refuses; the message reads on behind the path.
        path: The foreign file.
        limits: Bounds, set before the module is imported.
        content: Of the file, if it was read already: the reader gets a copy of this,
            and the path is for messages only.

    Returns: Context of the path of the tensors and metadata; removed at the exit.
    Raises: ReaderError if the reader refuses the file, or fails in any way.
    """
    with scratch_folder() as folder:
        read = path
        if content is not None:
            read = folder / _COPY
            read.write_bytes(content)
        numbers = map(str, (limits.memory, limits.processor_seconds))
        try:
            status = _run([reader, str(read), str(folder), *numbers], limits.seconds)
        except subprocess.TimeoutExpired as error:
            how = f"no end within {limits.seconds} s"
            raise ReaderError(path, None, how) from error
        if status == _REFUSED:
            complaint = (folder / _COMPLAINT).read_text(encoding="utf-8")
            raise ReaderError(path, complaint, complaint)
        if status:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            raise ReaderError(path, None, how)
        yield folder / _RESULT


def _run(arguments, seconds):
    """Exit status of a new process of this module; minus the number of its signal."""
    return subprocess.run(
        [sys.executable, "-P", "-m", __name__, *arguments],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=seconds,
        check=False,
    ).returncode


def _environment():
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # Each thread of theirs reserves memory, on a large machine all there may be.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _main(reader, path, folder, *limits):
    _limit(*map(int, limits))
    from safetensors.numpy import save_file

    module, _, function = reader.partition(":")
    try:
        tensors, metadata = getattr(importlib.import_module(module), function)(
            Path(path)
        )
        save_file(tensors, Path(folder, _RESULT), metadata)
    except InputError as error:
        Path(folder, _COMPLAINT).write_text(str(error), encoding="utf-8")
        return _REFUSED
    return 0


def _limit(memory, processor_seconds):
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (
        (resource.RLIMIT_CPU, processor_seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, memory),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError):  # macOS, of RLIMIT_AS
            resource.setrlimit(kind, (most, hard))


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
