"""Weights from elsewhere: Caffe, PyTorch, safetensors, TensorFlow and Keras files."""

from tf_sphereface.weights.importer import (
    ImportReport,
    import_weights,
    suggest_weights_map,
)
from tf_sphereface.weights.networks import NETWORKS

__all__ = ["NETWORKS", "ImportReport", "import_weights", "suggest_weights_map"]
