"""From a trained model to a bundle for phones, and servers' files.

Names are loaded on first use: exporting loads TensorFlow, the names of
`tf_sphereface.bundle`, which may be imported from here for one more release, do not.
"""

import lazy_loader

from tf_sphereface import bundle

_load, _, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = sorted([*_names, *bundle.__all__])


def __getattr__(name):
    return getattr(bundle, name) if name in bundle.__all__ else _load(name)


def __dir__():
    return __all__
