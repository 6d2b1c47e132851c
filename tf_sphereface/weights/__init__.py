"""Weights from elsewhere: Caffe, PyTorch, safetensors, TensorFlow and Keras files.

The names are loaded on first use: the sandbox imports modules of this package, and
Keras would not fit within its limits.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
