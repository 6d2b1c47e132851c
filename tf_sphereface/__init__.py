"""SphereFace (A-Softmax) and its loss family, from photos to a phone-ready model.

The public names are loaded on first use, so that `import tf_sphereface` loads neither
Keras nor TensorFlow. Once Keras is loaded, the use of any of them (and the import of
this package after Keras) registers all classes that Keras' files may name.
"""

import importlib
import sys

import lazy_loader

__version__ = "0.1.0"

_load, _, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *_names]


def __getattr__(name):
    value = _load(name)
    _register_classes()
    return value


def __dir__():
    return __all__


def _register_classes():
    if "keras" in sys.modules:
        importlib.import_module(f"{__name__}.saved_models")


_register_classes()
