"""Names and templates as they lie in a file: with a checksum, or encrypted."""

import hashlib
import hmac
import os
import secrets
import zlib
from pathlib import Path
from typing import Protocol

from tf_sphereface.errors import InputError

KEY_VARIABLE = "SPHEREFACE_GALLERY_KEY"
SALT_BYTES = 16
_SHORTEST_KEY, _LONGEST_KEY = 16, 4096  # bytes
_NONCE_BYTES = 12
# Scrypt takes 32 MB and 0.1 s: keys that people made up are slow to guess.
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26, "dklen": 64}


class Sealer(Protocol):
    """Turns bytes into those of the file and back; each place has its own."""

    def seal(self, content: bytes, place: str) -> bytes:
        """The bytes to keep at a place, such as "people.name.3"."""

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """The content again.

        Raises: ValueError if the bytes are damaged, or from another place.
        """

    def lookup(self, text: str) -> bytes:
        """A fixed form of a text, by which it is found."""


class ChecksumSealer:
    """Content in the clear with a CRC-32: it tells accidents, and hides nothing."""

    def seal(self, content: bytes, place: str) -> bytes:
        return content + _crc(content, place)

    def unseal(self, sealed: bytes, place: str) -> bytes:
        # Once for each template of a matrix: without a call more than it needs.
        content = sealed[:-4]
        checksum = zlib.crc32(content, zlib.crc32(place.encode()))
        if len(sealed) < 4 or sealed[-4:] != checksum.to_bytes(4, "big"):
            raise ValueError("a checksum differs")
        return content

    def lookup(self, text: str) -> bytes:
        return text.encode()


class EncryptedSealer:
    """Content encrypted and authenticated by AES-256-GCM, with random nonces.

    The place is authenticated too: a template that was moved to another person does not
    open. Names are found by an HMAC-SHA-256.

    Args:
        secret: The key, as `read_key` gives it.
        salt: Of the file; random, not secret.

    Raises: InputError if `cryptography` is not installed.
    """

    def __init__(self, secret: bytes, salt: bytes):
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise InputError(
                "encrypted galleries need the package cryptography: "
                "pip install 'tf-sphereface[signing]'"
            ) from error
        keys = hashlib.scrypt(secret, salt=salt, **_SCRYPT)
        self._cipher, self._lookup_key = AESGCM(keys[:32]), keys[32:]

    def seal(self, content: bytes, place: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, encrypted, place.encode())
        except InvalidTag as error:
            raise ValueError("it does not open with the key") from error

    def lookup(self, text: str) -> bytes:
        return hmac.digest(self._lookup_key, text.encode(), "sha256")


def read_key(path: Path | None = None) -> bytes | None:
    """The key of an encrypted gallery, from a file or the environment.

    Args:
        path: The file; None takes the variable SPHEREFACE_GALLERY_KEY.

    Returns: 16 to 4,096 bytes without the line break at the end; None if neither is
        given.
    Raises: InputError if there is no such file, or the key has another length.
    """
    if path is None:
        if KEY_VARIABLE not in os.environ:
            return None
        secret, place = os.fsencode(os.environ[KEY_VARIABLE]), KEY_VARIABLE
    elif not path.is_file():
        raise InputError(f"no such key: {path}")
    else:
        with open(path, "rb") as file:
            secret, place = file.read(_LONGEST_KEY + 2), path
    secret = secret.rstrip(b"\r\n")
    if not _SHORTEST_KEY <= len(secret) <= _LONGEST_KEY:
        raise InputError(
            f"the key in {place} must have {_SHORTEST_KEY} to {_LONGEST_KEY} bytes; "
            "make one with: openssl rand -hex 32"
        )
    return secret


def _crc(content, place):
    return zlib.crc32(content, zlib.crc32(place.encode())).to_bytes(4, "big")
