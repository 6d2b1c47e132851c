"""Galleries of random features, without a bundle."""

import numpy as np

from tf_sphereface.gallery.identity import FeatureIdentity
from tf_sphereface.gallery.places import make_gallery
from tf_sphereface.gallery.records import Quality, Template
from tf_sphereface.gallery.store import GalleryStore

DIM = 16
SECRET = b"0123456789abcdef0123456789abcdef"
QUALITY = Quality(score=0.99, eyes=40.5, brightness=120, sharpness=0.2, turn=-0.1)


def identity(**changes):
    content = {
        "variant": "none",
        "mirror": "none",
        "feature_dim": DIM,
        "crop_size": (112, 96),
        "crops": "1" * 64,
        "features": "2" * 64,
    }
    return FeatureIdentity(**content | changes)


def template(seed, **changes):
    feature = np.random.default_rng(seed).normal(size=DIM).astype(np.float32)
    source = f"source-{seed}.jpg"
    content = {"feature": feature, "source": source, "added": "2026-11-30T12:00:00Z"}
    return Template(**content | changes)


def new_store(path, secret=None, **options):
    make_gallery(path, identity(), secret, **options)
    return GalleryStore(path, secret)


def contents(path):
    """The bytes of a gallery's files."""
    files = [f for f in path.parent.iterdir() if f.name.startswith(path.name)]
    return b"".join(file.read_bytes() for file in files)
