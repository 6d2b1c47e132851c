"""Files of weights by path or https address, whose checksum is known before."""

import contextlib
import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tf_sphereface.errors import InputError
from tf_sphereface.files import scratch_folder, sha256_of
from tf_sphereface.progress import Progress
from tf_sphereface.weights.files.formats import ENDINGS

LARGEST = 2 << 30  # bytes; the largest published networks have half of it
_BLOCK = 1 << 20  # bytes
_PATIENCE = 60  # s, for each answer of the server


def is_address(source: str) -> bool:
    """Tells addresses from paths."""
    return "://" in source


@contextlib.contextmanager
def weights_at(
    source: str, sha256: str | None, progress: Progress = lambda *_: None
) -> Iterator[Path]:
    """Gives the file at a path or address; a fetched one is gone after the block.

    Args:
        source: Path, or an https address that ends as the files of its format do.
        sha256: Checksum of the file, 64 hexadecimal digits; None for a path only.
        progress: Told the megabytes fetched and to fetch.

    Raises: InputError if the address is unusable or cannot be fetched, if the file is
        larger than `LARGEST` bytes or has another checksum.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(
            f"--sha256 must be 64 hexadecimal digits. Received: {sha256!r:.80}"
        )
    if not is_address(source):
        if sha256 is not None:
            if not Path(source).is_file():
                raise InputError(f"--sha256 needs one file. Received: {source}")
            _check(source, sha256_of(Path(source)), sha256)
        yield Path(source)
        return
    name = _checked_name(source)
    if sha256 is None:
        raise InputError(
            f"an address needs --sha256, so that the file is the one you mean: {source}"
        )
    with scratch_folder() as folder:
        path = folder / name
        try:
            found = _fetch(source, path, progress)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, InputError):
                raise
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            reason = getattr(error, "reason", None) or error
            raise InputError(f"cannot fetch {source}: {reason}") from error
        _check(source, found, sha256)
        yield path


def _check(source, found, expected):
    if found != expected.lower():
        raise InputError(
            f"not the file that --sha256 says: {source} has the checksum {found}"
        )


def _checked_name(address):
    """The file's name in an address that may be fetched."""
    try:
        parts = urllib.parse.urlsplit(address)
    except ValueError as error:
        raise InputError(f"not an address: {address} ({error})") from error
    if parts.scheme != "https" or not parts.hostname:
        raise InputError(f"an address must begin with https://. Received: {address}")
    name = PurePosixPath(urllib.parse.unquote(parts.path)).name
    if Path(name).suffix.lower() not in ENDINGS:
        raise InputError(
            f"an address must end in one of {', '.join(ENDINGS)}. Received: {address}; "
            "fetch other files with a browser, and unpack archives"
        )
    # The name is the server's: only its letters, and never a path.
    return re.sub(r"[^\w.-]", "_", name)[-100:]


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Refuses to be sent from https to a connection that anyone may change."""

    def redirect_request(self, request, file, code, message, headers, address):
        if not address.startswith("https://"):
            file.close()
            raise InputError(f"{request.full_url} leads to {address}: not https")
        return super().redirect_request(request, file, code, message, headers, address)


def _fetch(address, path, progress):
    """Writes the file and gives its checksum."""
    digest, done = hashlib.sha256(), 0
    opener = urllib.request.build_opener(_HttpsOnly)
    with opener.open(address, timeout=_PATIENCE) as answer, open(path, "xb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        while block := answer.read(_BLOCK):
            done += len(block)
            if max(done, total) > LARGEST:
                raise InputError(
                    f"{address} is larger than {LARGEST >> 20:,} MB, which no file of "
                    "weights is"
                )
            digest.update(block)
            file.write(block)
            progress(done >> 20, max(done, total) >> 20)
    return digest.hexdigest()
