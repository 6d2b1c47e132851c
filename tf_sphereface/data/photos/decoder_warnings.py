"""Warnings of decoders, ignored in all threads while a photo is open."""

import contextlib
import threading
import warnings

# Of decoders, and of our arithmetic on what they give.
_MODULES = r"PIL\.|pillow_heif|tf_sphereface\.data\.photos\."


class DecoderWarningsIgnored:
    """Context in which odd metadata and large photos give no warning.

    `warnings.catch_warnings` puts back the filters of the whole process: of two threads
    that overlap, the one that leaves last puts back the other's, for good. One object
    serves all threads: the first adds a filter, the last removes it.
    """

    def __init__(self):
        self._lock, self._photos, self._filter = threading.Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if not self._photos:
                warnings.filterwarnings("ignore", module=_MODULES)
                self._filter = warnings.filters[0]
            self._photos += 1

    def __exit__(self, *error):
        with self._lock:
            self._photos -= 1
            if not self._photos:
                # It is gone if a `catch_warnings` of the caller has ended meanwhile.
                with contextlib.suppress(ValueError):
                    warnings.filters.remove(self._filter)
