"""Names of our classes for Keras, known to it before the classes are loaded."""

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterable


def announce(names: Iterable[str]) -> None:
    """Makes classes loadable by the names in Keras' files, now or once Keras loads.

    Neither Keras nor the classes are loaded for it. A class that is loaded later takes
    the place of its name.

    Args:
        names: Of classes that `tf_sphereface.saved_models` registers.
    """
    if "keras" in sys.modules:
        _register(names)
    else:
        sys.meta_path.insert(0, _WaitForKeras(tuple(names)))


def _register(names):
    from keras.saving import get_custom_objects

    for name in names:
        registered = f"tf_sphereface>{name}"
        get_custom_objects().setdefault(registered, _Unloaded(registered))


class _Unloaded:
    """A class that is loaded when a file names it."""

    def __init__(self, registered):
        self._registered = registered

    def from_config(self, config):
        from keras.saving import get_custom_objects

        importlib.import_module("tf_sphereface.saved_models")
        found = get_custom_objects()[self._registered]  # scopes may hold a copy of self
        if found is self:
            raise ImportError(f"{self._registered} needs another backend of Keras")
        return found.from_config(config)


class _WaitForKeras(importlib.abc.MetaPathFinder):
    def __init__(self, names):
        self._names = names

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                _register(self._names)

            spec.loader.exec_module = exec_module
        return spec
