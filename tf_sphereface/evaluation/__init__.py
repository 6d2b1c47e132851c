"""How good a model is: verification on pairs of aligned faces, thresholds, reports.

The public names are loaded on first use, so that importing this package loads neither
Keras nor TensorFlow, and scoring a .tflite file never does.
"""

import importlib

_PUBLIC = {
    "EmbeddingSource": "sources",
    "KerasEmbeddingSource": "model_sources",
    "ModelInfo": "report",
    "OperatingPoint": "thresholds",
    "OperatingThresholds": "thresholds",
    "Pair": "pairs",
    "PairList": "pairs",
    "SavedModelEmbeddingSource": "model_sources",
    "TimedSource": "sources",
    "VerificationReport": "verification",
    "best_threshold": "thresholds",
    "describe_model": "report",
    "embed_photos": "photo_embeddings",
    "evaluate_features": "verification",
    "evaluate_verification": "verification",
    "load_embedding_source": "sources",
    "make_pairs": "pair_sampling",
    "operating_thresholds": "thresholds",
    "pair_list_of_set": "verification_sets",
    "read_lfw_pairs": "pairs",
    "verification_metrics": "verification",
    "write_lfw_pairs": "pairs",
    "write_report": "report",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return __all__
