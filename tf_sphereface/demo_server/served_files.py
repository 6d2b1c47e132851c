"""Files of the web demo by their addresses: the built page, and what a bundle names."""

import hashlib
import json
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tf_sphereface.bundle.bundle import Bundle, contract_content
from tf_sphereface.bundle.contained_files import read_contained
from tf_sphereface.bundle.contract import checksum_file, checksum_line
from tf_sphereface.data.photos.images import LARGEST_PHOTO
from tf_sphereface.errors import InputError
from tf_sphereface.model_files import CONTRACT_FILE

BUNDLE_ADDRESS = "/bundle/"
LIST_ADDRESS = "/files.json"
_MOST_BYTES = 64 * 2**20  # of a file of the page: LiteRT's WebAssembly has 10 MB
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class ServedFile:
    """A file that is served.

    Args:
        read: Gives the content; raises InputError if it is another one by now.
        sha256: Of the content, hexadecimal.
        bytes: Size of the content.
        type: Its media type.
    """

    read: Callable[[], bytes]
    sha256: str
    bytes: int
    type: str


def served_files(site: Path, bundle: Bundle) -> dict[str, ServedFile]:
    """All that the server gives, by address; it gives nothing else.

    The page's files are kept in memory, so that a page is of one build. Files of the
    bundle are compared with the contract whenever they are read. `/files.json` lists
    addresses and SHA-256 of the others: the page's offline copy is renewed by it.

    Args:
        site: Folder of the built page.
        bundle: The bundle; its files are below `/bundle/`.

    Raises: InputError if a file of the page is no regular one or too large, or one of
        the bundle is not the contract's.
    """
    files = {}
    for path in sorted(site.rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(site).as_posix()
        files[f"/{name}"] = kept(read_contained(site, name, _MOST_BYTES), name)
    if "/index.html" not in files:
        raise InputError(f"no index.html in {site}: build the page again")
    files["/"] = files["/index.html"]
    files |= _bundle_files(bundle)
    listed = {address: file.sha256 for address, file in files.items()}
    content = json.dumps(listed, indent=1).encode()
    return files | {LIST_ADDRESS: kept(content, LIST_ADDRESS)}


def _bundle_files(bundle):
    contract = contract_content(bundle.path)
    checksum = checksum_file(Path(CONTRACT_FILE)).name
    files = {
        CONTRACT_FILE: kept(contract, CONTRACT_FILE),
        checksum: kept(checksum_line(contract), "sha256.txt"),
    }
    for record in bundle.contract.file_records():
        bundle.content(record)  # a damaged bundle is refused before it is served
        files[record.file] = ServedFile(
            lambda record=record: bundle.content(record),
            record.sha256,
            record.bytes,
            _type_of(record.file),
        )
    for name, digest in bundle.golden.checksums.items():
        files[name] = kept(read_contained(bundle.path, name, LARGEST_PHOTO), name)
        if files[name].sha256 != digest:
            raise InputError(
                f"damaged bundle: {bundle.path / name}: its checksum differs"
            )
    return {f"{BUNDLE_ADDRESS}{name}": file for name, file in files.items()}


def kept(content: bytes, name: str) -> ServedFile:
    """A file whose content is kept in memory; its name says the type."""
    digest = hashlib.sha256(content).hexdigest()
    return ServedFile(lambda: content, digest, len(content), _type_of(name))


def _type_of(name):
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return _TYPES.get(Path(name).suffix, guessed)
