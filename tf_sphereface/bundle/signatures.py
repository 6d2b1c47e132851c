"""Signatures of bundles: Ed25519 over the checksum of the contract.

The contract has the checksum of every other file, so that one signature vouches for all
of the bundle. Keys are PEM, as OpenSSL has them, and OpenSSL alone can check a bundle:
what is signed is the content of contract.json.sha256.
"""

import functools
import os
from pathlib import Path

from tf_sphereface.bundle.contained_files import read_contained
from tf_sphereface.bundle.contract import checksum_line
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.new_files import new_files

SIGNATURE_FILE = "contract.json.sha256.sig"
_SIGNATURE_BYTES = 64
_MOST_KEY_BYTES = 1 << 16


def make_key(out: Path) -> Path:
    """Makes a key to sign with: the private part at `out`, the public one beside it.

    The private file is for its owner alone (mode 600) and has no password.

    Returns: The public file, `out` with ".pub" behind its name.
    Raises: InputError if one of the two exists, or `cryptography` is not installed.
    """
    serialization, ed25519 = _library()
    public = out.with_name(f"{out.name}.pub")
    pem, key = serialization.Encoding.PEM, ed25519.Ed25519PrivateKey.generate()
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    with new_files({"a key": out, "its public part": public}) as made:
        private = key.private_bytes(pem, pkcs8, plain)
        write_atomically(made["a key"], private, private=True)
        content = key.public_key().public_bytes(pem, spki)
        write_atomically(made["its public part"], content)
    return public


def sign(path: Path, contract: bytes, key_file: Path) -> Path:
    """Signs a bundle; an earlier signature is replaced.

    Args:
        path: Folder of the bundle.
        contract: Content of its contract, which was compared with its checksum.
        key_file: Private key of Ed25519, PEM without a password.

    Returns: The file with the signature, 64 bytes.
    Raises: InputError if the key is none, or `cryptography` is not installed; OSError
        if the folder is not writable.
    """
    serialization, ed25519 = _library()
    load = functools.partial(serialization.load_pem_private_key, password=None)
    key = _key(key_file, "private", load, ed25519.Ed25519PrivateKey)
    write_atomically(path / SIGNATURE_FILE, key.sign(checksum_line(contract)))
    return path / SIGNATURE_FILE


def require_signature(path: Path, contract: bytes, trust: Path) -> None:
    """Refuses a bundle that a key has not signed.

    Args:
        path: Folder of the bundle.
        contract: Content of its contract.
        trust: Public key of Ed25519, PEM.

    Raises: InputError unless the signature is of this key and this contract; also if
        the key is none, or `cryptography` is not installed.
    """
    serialization, ed25519 = _library()
    from cryptography.exceptions import InvalidSignature

    load = serialization.load_pem_public_key
    key = _key(trust, "public", load, ed25519.Ed25519PublicKey)
    if not os.path.lexists(path / SIGNATURE_FILE):
        raise InputError(f"not signed: {path} (no {SIGNATURE_FILE})")
    signature = read_contained(path, SIGNATURE_FILE, _SIGNATURE_BYTES)
    try:
        key.verify(signature, checksum_line(contract))
    except InvalidSignature as error:
        raise InputError(
            f"not to be trusted: {path} as it is now was not signed with the key of "
            f"{trust}"
        ) from error


def _library():
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise InputError(
            "signatures need the package cryptography: "
            "pip install 'tf-sphereface[signing]'"
        ) from error
    return serialization, ed25519


def _key(path, kind, load, expected):
    from cryptography.exceptions import UnsupportedAlgorithm

    if not path.is_file():
        raise InputError(f"no such key: {path}")
    with open(path, "rb") as file:
        pem = file.read(_MOST_KEY_BYTES)
    try:
        key = load(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # a password: TypeError
        key = None
    if not isinstance(key, expected):
        raise InputError(f"no {kind} key of Ed25519, PEM without a password: {path}")
    return key
