"""Reads a file of HDF5 once, in a process of its own, before anyone else opens it.

HDF5's library runs for ever on some damaged files, where no Python code can stop it. So
`python hdf5_check.py FILE` reads all of it with bounds on time and memory, and nothing
of ours is imported: it starts fast. It prints "model" or "weights", or the complaint.
"""

import io
import sys
import zipfile

_CPU_SECONDS = 5  # for each GB; the library reads that in less than one
_MEMORY = 1 << 30  # bytes, besides twice those of the file
_WEIGHTS = "model.weights.h5"  # in a `.keras` archive


def main(path: str) -> int:
    """0 if the file can be read, 1 if it must not be."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        if path.endswith(".keras"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read(_WEIGHTS)
        _limit(len(content))
        import h5py

        with h5py.File(io.BytesIO(content), "r") as opened:
            complaint = _complaint(opened, h5py.Dataset, len(content))
            kind = "model" if "model_config" in opened.attrs else "weights"
    except Exception:  # whatever it is, the file is damaged
        print("is damaged, or no file of HDF5")
        return 1
    print(complaint or kind)
    return 1 if complaint else 0


def _complaint(opened, dataset_class, size):
    total, complaint = 0, None

    def visit(_, item):
        nonlocal total, complaint
        list(item.attrs.items())
        if not isinstance(item, dataset_class):
            return None
        if item.external or item.is_virtual or item.compression:
            complaint = "must hold its numbers itself, not compressed"
        total += item.nbytes
        if total > size:
            complaint = "is smaller than the numbers that it declares"
        if complaint is None:
            item[()]
        return complaint

    list(opened.attrs.items())
    opened.visititems(visit)
    return complaint


def _limit(size):
    try:
        import resource
    except ImportError:  # not on Windows; the parent has a clock too
        return
    seconds = _CPU_SECONDS * (1 + size // (1 << 30))
    bounds = (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, _MEMORY + 2 * size)
    for kind, most in (*bounds, (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
