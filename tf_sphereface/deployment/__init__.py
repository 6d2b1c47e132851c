"""From a trained model to a bundle for phones, and matching with a bundle.

Names are loaded on first use: reading a bundle and matching photos never load
TensorFlow, exporting does.
"""

import importlib

_PUBLIC = {
    "Bundle": "bundle",
    "BundleContent": "bundle_writer",
    "BundleContract": "contract",
    "CheckedVariant": "bundle_writer",
    "GateLimits": "gate",
    "Measure": "measurement",
    "DriftError": "parity",
    "Embedder": "runtime",
    "ExportOptions": "export",
    "SavedModelContract": "contract",
    "TFLiteEmbedder": "embedder",
    "VariantMeasurement": "contract_parts",
    "export_bundle": "export",
    "export_saved_model": "saved_model_export",
    "load_bundle": "bundle",
    "match_photos": "match",
    "write_bundle": "bundle_writer",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"tf_sphereface.deployment.{_PUBLIC[name]}")
    return getattr(module, name)


def __dir__():
    return __all__
