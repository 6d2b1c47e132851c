"""Golden faces: results that programs must reproduce, from photo to embedding.

All faces are rendered; no real person is in a bundle.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tf_sphereface.bundle.contract import file_record
from tf_sphereface.bundle.features import CropEmbedder
from tf_sphereface.bundle.records import FileRecord
from tf_sphereface.deployment.samples import SampleFace
from tf_sphereface.detection import FaceDetector, nearest_to_centre

GOLDEN_FILE = "golden/golden.json"


def write_golden(
    folder: Path,
    faces: list[SampleFace],
    detector: FaceDetector,
    embedders: dict[str, CropEmbedder],
) -> FileRecord:
    """Writes photos, crops (PNG) and golden/golden.json into a bundle's folder.

    The JSON has `faces`, a list of: `photo` and `crop`, files relative to the bundle;
    their `sha256`; `detected`, the box (x1, y1, x2, y2), score and landmarks (5, 2)
    that the bundle's detector gives for the photo, or null; `landmarks` (5, 2), where
    they truly are and by which `crop` was cut; and `embeddings`, for each variant the
    embedding of the crop, not normalised, without its mirror image. Pixels start at 0.
    """
    (folder / "golden").mkdir()
    crops = np.stack([face.crop for face in faces])
    embeddings = {name: embedder.embed(crops) for name, embedder in embedders.items()}
    entries = []
    for index, face in enumerate(faces):
        photo = _write_png(folder, f"golden/photo_{index}.png", face.photo)
        crop = _write_png(folder, f"golden/crop_{index}.png", face.crop)
        entries.append(
            {
                "photo": photo.file,
                "crop": crop.file,
                "sha256": {"photo": photo.sha256, "crop": crop.sha256},
                "detected": _detected(detector, face.photo),
                "landmarks": face.landmarks.tolist(),
                "embeddings": {
                    name: values[index].tolist() for name, values in embeddings.items()
                },
            }
        )
    content = json.dumps({"faces": entries}, indent=1)
    (folder / GOLDEN_FILE).write_text(content + "\n", encoding="utf-8")
    return file_record(folder, GOLDEN_FILE)


def _detected(detector, photo):
    (faces,) = detector.detect([photo])
    face = nearest_to_centre(faces, photo.shape[0], photo.shape[1])
    if face is None:
        return None
    return {
        "box": np.asarray(face.box, np.float64).tolist(),
        "score": float(face.score),
        "landmarks": np.asarray(face.landmarks, np.float64).tolist(),
    }


def _write_png(folder, file, image):
    Image.fromarray(image).save(folder / file)
    return file_record(folder, file)
