"""A stand-in for an embedder: people of structured noise, without networks."""

import numpy as np
from PIL import Image

from tests.bundle.contract_example import example, variant
from tf_sphereface.bundle.contract import BundleContract
from tf_sphereface.bundle.scores import cosine_scores
from tf_sphereface.detection import Face
from tf_sphereface.geometry import LANDMARK_TEMPLATE

HEIGHT, WIDTH = 160, 140
LEFT, TOP = 22, 24  # of the crop in the photo
THRESHOLD = 0.5


def contract(**changes):
    """Of 48 numbers a feature, thresholds, and a zone of scores that are not sure."""
    content = example()
    measured = {"thresholds": {"far_0.01": THRESHOLD, "far_0.0001": 0.9}}
    both = {name: variant(**measured) for name in ("none", "int8")}
    for number, each in enumerate(both.values()):
        each["calibration"] |= {"different_below": 0.2, "impostor": 10**6}
        each["gate"] = {"passed": True, "failures": []}
        each["sha256"] = str(number) * 64
    both["none"]["cross_variant"] = None
    content |= {
        "landmark_template": LANDMARK_TEMPLATE.tolist(),
        "landmark_fit": "crop",
        "embedding_dim": 24,
        "variants": both,
        "default_variant": "none",
    }
    return BundleContract.model_validate(content | changes, strict=False)


class RenderedEmbedder:
    """Sees a face in the middle of each photo that is not grey."""

    def __init__(self, bundle=None, variant=None):
        self.contract = contract() if bundle is None else bundle
        self.variant = variant or self.contract.default_variant
        self.calibration = self.contract.variants[self.variant].calibration
        self.crop = self.contract.crop
        self.shift = 0.0  # of another network

    def find_faces(self, photo):
        if photo.std() < 1:
            return []
        scale = photo.shape[0] / HEIGHT
        landmarks = (LANDMARK_TEMPLATE + (LEFT, TOP)) * scale
        box = np.array([LEFT, TOP, LEFT + 96, TOP + 112]) * scale
        return [Face(box, 0.99, landmarks)]

    def embed_crops(self, crops):
        means = crops.reshape(len(crops), 4, 28, 4, 24, 3).mean((2, 4), dtype=float)
        centred = means - means.mean((1, 2), keepdims=True)
        return np.float32(centred.reshape(len(crops), 48) + self.shift)

    def compare(self, features, gallery):
        return cosine_scores(features, gallery)

    def threshold(self, far):
        return self.contract.variants[self.variant].thresholds.get(f"far_{far:g}")


def picture(person, seed=0, noise=6.0):
    """uint8 (HEIGHT, WIDTH, 3): structure of a person at all scales, and noise."""
    rng, pixels = np.random.default_rng(person), np.zeros((HEIGHT, WIDTH, 3))
    for size, strength in ((1, 25), (4, 25), (20, 70)):
        shape = HEIGHT // size, WIDTH // size, 3
        blocks = rng.uniform(-1, 1, shape).repeat(size, 0).repeat(size, 1)
        pixels[: blocks.shape[0], : blocks.shape[1]] += strength * blocks
    pixels += 127 + noise * np.random.default_rng(seed).normal(size=pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
