"""Synthetic face photos with ground-truth landmarks; NumPy and OpenCV only.

A person is a vector of some fifty independent shape parameters, colours and marks. A
photo adds pose, light, expression, scene and camera. The head is a 3-D surface with a
painted texture, seen in perspective: landmarks go through the same pose. Everything is
drawn from seeded generators: the same seed gives byte-identical files.

Example:
    rng = np.random.default_rng(0)
    photo = render_photo(sample_identity(rng), sample_capture(rng))
    photo.image.shape, photo.landmarks.shape  # (250, 250, 3), (5, 2)
"""

from tf_sphereface.data.synthetic.capture import Capture, sample_capture
from tf_sphereface.data.synthetic.identity import FaceIdentity, sample_identity
from tf_sphereface.data.synthetic.photo import SyntheticPhoto, render_photo
from tf_sphereface.data.synthetic.writer import (
    LANDMARK_COLUMNS,
    SyntheticSummary,
    write_synthetic_faces,
)

__all__ = [
    "LANDMARK_COLUMNS",
    "Capture",
    "FaceIdentity",
    "SyntheticPhoto",
    "SyntheticSummary",
    "render_photo",
    "sample_capture",
    "sample_identity",
    "write_synthetic_faces",
]
