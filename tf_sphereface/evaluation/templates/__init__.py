"""Sets of photos and video frames of one person as one face: IJB-B and IJB-C."""

from tf_sphereface.evaluation.templates.ijb_lists import (
    PhotoList,
    TemplatePairs,
    read_photo_list,
    read_photo_scores,
    read_subjects,
    read_template_pairs,
)
from tf_sphereface.evaluation.templates.pooling import Templates, pool_templates
from tf_sphereface.evaluation.templates.template_evaluation import (
    evaluate_templates,
    verify_templates,
)
from tf_sphereface.evaluation.templates.template_report import TemplateReport

__all__ = [
    "PhotoList",
    "TemplatePairs",
    "TemplateReport",
    "Templates",
    "evaluate_templates",
    "pool_templates",
    "read_photo_list",
    "read_photo_scores",
    "read_subjects",
    "read_template_pairs",
    "verify_templates",
]
