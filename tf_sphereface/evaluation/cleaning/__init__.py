"""Wrong labels and repeated pictures of a collection, proposed by a model's scores."""

from tf_sphereface.evaluation.cleaning.findings import Finding, write_clean_list
from tf_sphereface.evaluation.cleaning.label_noise import (
    LabelThresholds,
    find_label_noise,
)
from tf_sphereface.evaluation.cleaning.page import write_clean_page
from tf_sphereface.evaluation.cleaning.proposals import (
    CleaningReport,
    clean_embeddings,
    propose_cleaning,
)

__all__ = [
    "CleaningReport",
    "Finding",
    "LabelThresholds",
    "clean_embeddings",
    "find_label_noise",
    "propose_cleaning",
    "write_clean_list",
    "write_clean_page",
]
