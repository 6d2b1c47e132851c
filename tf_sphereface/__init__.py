"""SphereFace (A-Softmax) and its loss family, from photos to a phone-ready model.

The public names are loaded on first use, so that `import tf_sphereface` loads neither
Keras nor TensorFlow. Keras' files that name our classes can be read from then on,
whichever of the two was imported first.
"""

import lazy_loader

from tf_sphereface.saved_names import announce

__version__ = "0.1.0"

__getattr__, _, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *_names]
# Those in Keras' files that are not public.
_PARTS = (
    "CaffeSGD",
    "KerasApplication",
    "L2Pooling2D",
    "LossScaling",
    "PReLU",
    "UnitColumns",
)


def __dir__():
    return __all__


announce([*(name for name in _names if name[0].isupper()), *_PARTS])
