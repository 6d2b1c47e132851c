"""Identification: photos against a gallery and many strangers."""

from tf_sphereface.evaluation.identification.face_set import FaceSet, face_set
from tf_sphereface.evaluation.identification.identification_report import (
    IdentificationReport,
)
from tf_sphereface.evaluation.identification.identify import evaluate_identification
from tf_sphereface.evaluation.identification.lfw_identification import (
    LfwIdentificationReport,
    LfwIdentificationSets,
    evaluate_lfw_identification,
    lfw_identification_sets,
)
from tf_sphereface.evaluation.identification.megaface import evaluate_megaface
from tf_sphereface.evaluation.identification.noise_lists import (
    distractor_noise,
    facescrub_noise,
)

__all__ = [
    "FaceSet",
    "IdentificationReport",
    "LfwIdentificationReport",
    "LfwIdentificationSets",
    "distractor_noise",
    "evaluate_identification",
    "evaluate_lfw_identification",
    "evaluate_megaface",
    "face_set",
    "facescrub_noise",
    "lfw_identification_sets",
]
