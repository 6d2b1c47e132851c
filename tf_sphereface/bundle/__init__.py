"""Reading a bundle: contract, embedder, scores and `match`; no Keras, no TensorFlow."""

import importlib

_PUBLIC = {
    "Bundle": "bundle",
    "BundleContract": "contract",
    "Embedder": "embedder",
    "TFLiteEmbedder": "tflite_embedder",
    "load_bundle": "bundle",
    "match_photos": "match",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return __all__
