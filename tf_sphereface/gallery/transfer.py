"""A gallery as one file, to be carried elsewhere: JSON, or that encrypted."""

import base64
import os
import secrets
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tf_sphereface.bundle.plain_json import require_plain_json
from tf_sphereface.errors import InputError
from tf_sphereface.files import write_atomically
from tf_sphereface.gallery.address import ServerAddress
from tf_sphereface.gallery.crops import decoded_crop
from tf_sphereface.gallery.identity import FeatureIdentity
from tf_sphereface.gallery.places import Store, make_gallery
from tf_sphereface.gallery.records import (
    LONGEST_NAME,
    LONGEST_SOURCE,
    TIME_PATTERN,
    Quality,
    Template,
    person_key,
)
from tf_sphereface.gallery.sealing import SALT_BYTES, EncryptedSealer
from tf_sphereface.new_files import new_files

_MAGIC = b"tf_sphereface encrypted gallery 1\n"
_LARGEST_FILE = 1 << 30  # bytes: 1,000,000 templates of 128 numbers have 0.8 GB
_LARGEST_CROP = 1 << 22  # characters


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _StoredTemplate(_Part):
    added: Annotated[str, Field(pattern=TIME_PATTERN)]
    source: Annotated[str, Field(max_length=LONGEST_SOURCE)]
    feature: str
    quality: Quality | None = None
    crop: Annotated[str, Field(max_length=_LARGEST_CROP)] | None = None


class _StoredPerson(_Part):
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    templates: Annotated[tuple[_StoredTemplate, ...], Field(min_length=1)]


class _StoredGallery(_Part):
    kind: Literal["tf_sphereface gallery"] = "tf_sphereface gallery"
    format_version: Literal[1] = 1
    identity: FeatureIdentity
    people: tuple[_StoredPerson, ...]


def export_gallery(store: Store, out: Path, secret: bytes | None = None) -> int:
    """Writes a gallery to one file, for its owner alone (mode 600).

    Args:
        store: The gallery.
        out: The file to be; it must be new.
        secret: Key to encrypt it with; it must be given if the gallery is encrypted.

    Returns: Number of people.
    Raises: InputError if there is a file, or the gallery is encrypted and no key given.
    """
    if store.is_encrypted and secret is None:
        raise InputError("an encrypted gallery is exported with a key only")
    people = [
        {
            "name": person.name,
            "templates": [_stored(t) for t in store.templates(person.name)],
        }
        for person in store.people()
    ]
    document = _StoredGallery.model_validate(
        {"identity": store.identity, "people": people}
    )
    content = document.model_dump_json(indent=1).encode()
    if secret is not None:
        salt = secrets.token_bytes(SALT_BYTES)
        content = _MAGIC + salt + EncryptedSealer(secret, salt).seal(content, "export")
    with new_files({"--export": Path(out)}) as made:
        write_atomically(made["--export"], content, private=True)
    return len(people)


def import_gallery(store: Store, path: Path, secret: bytes | None = None) -> int:
    """Adds the people of a file to a gallery: all of them, or none.

    Templates that are there already are passed over.

    Args:
        store: The gallery, of the same bundle and variant.
        path: The file, of `export_gallery`.
        secret: Its key, if it is encrypted.

    Returns: Number of templates that were added.
    Raises: InputError if the file is none, damaged, of another bundle, or holds what no
        gallery has; nothing is changed then.
    """
    document = _read_document(Path(path), secret)
    if document.identity != store.identity:
        raise InputError(
            f"{path} has templates of another bundle or variant than {store.place}; "
            "they are never compared"
        )
    there = {person.name: store.templates(person.name) for person in document.people}
    added = _new_people(document, path, there)
    store.add_people(added)
    return sum(len(templates) for _, templates in added)


def import_new_gallery(
    place: str | os.PathLike | ServerAddress, path: Path, secret: bytes | None = None
) -> int:
    """Makes a gallery of the people of a file; it is whole, or not there.

    Args:
        place: Of the gallery to be; it keeps crops if there are some in the file.
        path: The file, of `export_gallery`.
        secret: Key of both.

    Returns: Number of templates.
    Raises: InputError as `import_gallery`; FileExistsError if there is a gallery.
    """
    document = _read_document(Path(path), secret)
    crops = any(t.crop for person in document.people for t in person.templates)
    people = _new_people(document, path, {})
    make_gallery(place, document.identity, secret, crops, people)
    return sum(len(templates) for _, templates in people)


def _new_people(document, path, there):
    """Names and templates of a file without those that are there."""
    added, seen = [], {}
    for person in document.people:
        known = seen.setdefault(person_key(person.name), set())
        known |= {t.feature.tobytes() for t in there.get(person.name, ())}
        loaded = [_loaded(t, document.identity, path) for t in person.templates]
        templates = {template.feature.tobytes(): template for template in loaded}
        new = [templates[each] for each in templates if each not in known]
        known |= templates.keys()
        if new:
            added.append((person.name, new))
    return added


def _read_document(path, secret):
    content = _read(path, secret)
    try:
        require_plain_json(content)
        return _StoredGallery.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"no gallery in {path}: {place}: {first['msg']}") from error
    except ValueError as error:
        raise InputError(f"no gallery in {path}: {error}") from error


def _stored(template):
    def text(content):
        return base64.b64encode(content).decode()

    return {
        "added": template.added,
        "source": template.source[:LONGEST_SOURCE],
        "feature": text(np.asarray(template.feature, "<f4").tobytes()),
        "quality": template.quality,
        "crop": None if template.crop is None else text(template.crop),
    }


def _read(path, secret):
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    with open(path, "rb") as file:
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise InputError(f"too large a file: {path}")
    if not content.startswith(_MAGIC):
        return content
    if secret is None:
        raise InputError(
            f"{path} is encrypted: give its key with --key or in SPHEREFACE_GALLERY_KEY"
        )
    content = content[len(_MAGIC) :]
    sealer = EncryptedSealer(secret, content[:SALT_BYTES])
    try:
        return sealer.unseal(content[SALT_BYTES:], "export")
    except ValueError as error:
        raise InputError(f"not the key of {path}, or it is damaged") from error


def _loaded(stored, identity, path):
    try:
        feature = base64.b64decode(stored.feature, validate=True)
        crop = (
            None
            if stored.crop is None
            else base64.b64decode(stored.crop, validate=True)
        )
    except ValueError as error:
        raise InputError(f"no gallery in {path}: text that is no base64") from error
    if len(feature) != 4 * identity.feature_dim:
        raise InputError(f"no gallery in {path}: a template of another length")
    if crop:
        decoded_crop(crop, identity.crop_size)
    return Template(
        feature=np.frombuffer(feature, "<f4"),
        source=stored.source,
        added=stored.added,
        quality=stored.quality,
        crop=crop or None,
    )
