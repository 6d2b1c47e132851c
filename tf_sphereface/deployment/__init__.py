"""From a trained model to a bundle for phones, and servers' files.

Names are loaded on first use: exporting loads TensorFlow, the names of
`tf_sphereface.bundle`, which may be imported from here for one more release, do not.
"""

import importlib

_PUBLIC = {
    "Bundle": "bundle.bundle",
    "BundleContent": "deployment.writing.bundle",
    "BundleContract": "bundle.contract",
    "CheckedVariant": "deployment.writing.bundle",
    "DriftError": "deployment.parity.drift",
    "Embedder": "bundle.embedder",
    "ExportOptions": "deployment.export",
    "GateLimits": "deployment.quantization.gate",
    "Measure": "deployment.parity.measurement",
    "SavedModelContract": "bundle.contract",
    "TFLiteEmbedder": "bundle.tflite_embedder",
    "VariantMeasurement": "bundle.records",
    "export_bundle": "deployment.export",
    "export_saved_model": "deployment.servers.saved_model",
    "load_bundle": "bundle.bundle",
    "match_photos": "bundle.match",
    "write_bundle": "deployment.writing.bundle",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"tf_sphereface.{_PUBLIC[name]}"), name)


def __dir__():
    return __all__
