"""Evaluation of models: verification, identification, thresholds, reports.

The public names are loaded on first use, so that importing this package loads neither
Keras nor TensorFlow, and scoring a .tflite file never does.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
