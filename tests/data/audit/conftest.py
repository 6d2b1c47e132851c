"""A small aligned folder of rendered people, made without a detector."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.aligned.manifest import (
    DROPPED,
    KEPT,
    ManifestRow,
    write_manifest_rows,
)
from tf_sphereface.data.aligned.settings import agree_on_settings
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.geometry import LANDMARK_TEMPLATE, align_face

NASTY = "<b>Zoë<b> & 'co'"
COUNTS = {"Ada": 4, "Grace": 3, NASTY: 1}
SETTINGS = {
    "crop": {
        "width": 96,
        "height": 112,
        "template": LANDMARK_TEMPLATE.tolist(),
        "channel_order": "RGB",
        "format": "JPEG",
        "quality": 95,
    },
    "choice": "nearest to the centre",
    "detector": {"name": "MTCNN", "smallest_face": 20, "thresholds": [0.6, 0.7, 0.9]},
}


@pytest.fixture(scope="session")
def rendered():
    """Crops and landmarks of the people of COUNTS."""
    rng = np.random.default_rng(3)
    photos = []
    for identity, count in COUNTS.items():
        person = sample_identity(rng)
        for number in range(count):
            photo = render_photo(person, sample_capture(rng, 10.0))
            crop = align_face(photo.image, photo.landmarks)
            photos.append((identity, number, crop, photo.landmarks))
    return photos


@pytest.fixture
def aligned(tmp_path, rendered):
    """Eight crops of three people, two photos without a face and a broken one."""
    folder = tmp_path / "aligned"
    agree_on_settings(folder, SETTINGS, "0.0.0")
    rows = {}
    for identity, number, crop, landmarks in rendered:
        (folder / identity).mkdir(exist_ok=True)
        name = f"{identity}/{number}.jpg"
        Image.fromarray(crop).save(folder / name, quality=95)
        rows[name] = ManifestRow(
            photo=name,
            identity=identity,
            status=KEPT,
            crop=name,
            faces=1 + (number == 2),
            score=0.99 - 0.01 * number,
            box=(10.0, 20.0, 110.0, 140.0),
            landmarks=tuple(landmarks.ravel().tolist()),
        )
    for photo, reason in (
        ("Ada/x.jpg", "no face"),
        ("Eve/x.jpg", "no face"),
        ("Eve/y.jpg", "not an image"),
    ):
        identity = photo.split("/")[0]
        rows[photo] = ManifestRow(photo, identity, DROPPED, reason)
    write_manifest_rows(folder, rows)
    return folder
