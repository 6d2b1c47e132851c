"""Cases of a bundle's networks, of photos of the quickstart that no training saw."""

import hashlib
import tempfile
from pathlib import Path

import cv2
import numpy as np

from case_makers.cascade import described
from case_makers.case_folder import CaseFolder, packed
from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.synthetic import write_synthetic_faces
from tf_sphereface.gallery.identity import features_of
from tf_sphereface.gallery.naming import name_face
from tf_sphereface.gallery.search import TemplateMatrix
from tf_sphereface.gallery.thresholds import search_threshold
from tf_sphereface.quickstart.photos import StarterPhotos

_OF_EACH = 4  # photos of a person
_ENROLLED = 2  # of these, of each person but the last
_HEIGHT, _WIDTH = 480, 640


def bundle_cases(path: Path, people: int) -> dict[str, bytes]:
    """The files, by their names.

    Args:
        path: Folder of the bundle.
        people: Number of people, of those that the quickstart verifies on; the last is
            not enrolled.

    Raises: InputError if the bundle is unusable.
    """
    bundle, folder = load_bundle(path), CaseFolder()
    variants = [
        name for name, record in bundle.contract.variants.items() if record.gate.passed
    ]
    embedders = {name: Embedder(bundle, name, threads=1) for name in variants}
    first = embedders[variants[0]]
    photos = _photos(people)
    cases, features = [], {name: {} for name in variants}
    for name, (pixels, person) in photos.items():
        faces = first.find_faces(pixels)
        crops = first.crop_faces(pixels, faces)
        case = {"name": name, "photo": folder.png(f"photos/{name}", pixels)}
        case |= {"person": person, "faces": []}
        for number, (face, crop) in enumerate(zip(faces, crops, strict=True)):
            file = folder.png(f"crops/{name}_{number}", crop)
            case["faces"].append({**described(face), "crop": file, "features": {}})
        for variant, embedder in embedders.items():
            rows = embedder.embed_crops(crops)
            features[variant][name] = rows
            for face, row in zip(case["faces"], rows, strict=True):
                face["features"][variant] = packed(row)
        cases.append(case)
    folder.topic(
        "faces",
        "Faces of photos, the nearest to the middle first, with their crops and their "
        "features (base64 of float32, the least byte first) by each variant.",
        cases,
        tolerance={
            "landmarks": 0.05,
            "least_cosine": {n: _least_cosine(n) for n in variants},
        },
    )
    for variant in variants:
        _add_decisions(folder, bundle, variant, photos, features[variant])
    contract = bundle.contract
    cases = [
        {"name": name, "expected": features_of(contract, name).model_dump(mode="json")}
        for name in contract.variants
    ]
    folder.topic("identity", "Identity of the features of each variant.", cases)
    content = (bundle.path / "contract.json").read_bytes()
    return folder.finish(
        of="a bundle",
        contract_sha256=hashlib.sha256(content).hexdigest(),
        variants=variants,
    )


def _least_cosine(variant):
    return 0.999 if variant in ("int8", "int8-io", "int4") else 0.9999


def _photos(people):
    """(pixels, person) by the photo's name; the person is None in scenes."""
    photos, shown, starter = {}, [], StarterPhotos()
    with tempfile.TemporaryDirectory() as folder:
        write_synthetic_faces(
            Path(folder),
            people,
            _OF_EACH,
            starter.seed,
            starter.identities,
            processes=1,
        )
        for number, file in enumerate(sorted(Path(folder).glob("*/*.jpg"))):
            person, picture = divmod(number, _OF_EACH)
            image = read_photo(file)
            photos[f"person_{person}_{picture}"] = image, f"person {person}"
            if picture == _OF_EACH - 1:
                shown.append(image)
    scene = np.full((_HEIGHT, _WIDTH, 3), 120, np.uint8)
    for image, (top, left), side in zip(
        shown, ((20, 30), (190, 330), (280, 40)), (250, 280, 160), strict=False
    ):
        scene[top : top + side, left : left + side] = cv2.resize(
            image, (side, side), interpolation=cv2.INTER_AREA
        )
    photos["scene"] = scene, None
    photos["nobody"] = np.full((120, 160, 3), 90, np.uint8), None
    return photos


def _add_decisions(folder, bundle, variant, photos, features):
    record = bundle.contract.variants[variant]
    everybody = sorted({person for _, person in photos.values() if person})
    enrolled, owners, rows, used = everybody[:-1], [], [], []
    for place, person in enumerate(enrolled):
        mine = [name for name, (_, whose) in photos.items() if whose == person]
        for name in [n for n in mine if len(features[n])][:_ENROLLED]:
            owners.append(place)
            rows.append(features[name][0])
            used.append({"person": person, "photo": name})
    matrix = TemplateMatrix(np.stack(rows), np.array(owners), enrolled)
    cases = []
    for far in (0.01, 0.1):
        measured = record.thresholds
        if measured is not None and f"far_{far:g}" not in measured:
            continue
        wanted = search_threshold(record, len(rows), far)
        for name in photos:
            for number, row in enumerate(features[name]):
                expected = name_face(matrix, row, wanted)
                case = {"name": f"{name}, face {number}, FAR {far:g}", "photo": name}
                case |= {"face": number, "far": far, "threshold": wanted.threshold}
                cases.append({**case, "expected": expected})
    folder.topic(
        f"decisions_{variant}",
        "Names of all faces by a gallery of the first face of the enrolled photos.",
        cases,
        variant=variant,
        enrolled=used,
        tolerance=0.01 if _least_cosine(variant) < 0.9999 else 0.003,
    )
