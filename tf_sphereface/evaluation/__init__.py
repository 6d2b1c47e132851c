"""How good a model is: verification on pairs of aligned faces, thresholds, reports.

The public names are loaded on first use, so that importing this package loads neither
Keras nor TensorFlow, and scoring a .tflite file never does.
"""

import importlib

_PUBLIC = {
    "EmbeddingFile": "embedding_files",
    "EmbeddingSource": "sources",
    "KerasEmbeddingSource": "model_sources",
    "ModelInfo": "report",
    "OperatingPoint": "thresholds",
    "OperatingThresholds": "thresholds",
    "PROTOCOLS": "protocols",
    "Pair": "pairs",
    "PairList": "pairs",
    "Protocol": "protocols",
    "SavedModelEmbeddingSource": "model_sources",
    "TimedSource": "sources",
    "VerificationReport": "verification",
    "best_threshold": "thresholds",
    "bootstrap_people": "bootstrap",
    "describe_model": "report",
    "embed_folder": "features",
    "embed_photos": "photo_embeddings",
    "evaluate_features": "verification",
    "evaluate_identification": "identification",
    "evaluate_lfw_identification": "identification",
    "evaluate_megaface": "identification",
    "evaluate_templates": "templates",
    "evaluate_verification": "verification",
    "evaluate_videos": "video",
    "features_of": "features",
    "load_embedding_source": "sources",
    "make_pairs": "pair_sampling",
    "open_features": "features",
    "operating_thresholds": "thresholds",
    "pair_list_of_set": "verification_sets",
    "read_embeddings": "embedding_files",
    "read_groups": "fairness",
    "read_lfw_pairs": "pairs",
    "verification_metrics": "verification",
    "verify_pair_list": "verification_protocols",
    "with_groups": "fairness",
    "with_intervals": "verification_intervals",
    "write_embeddings": "embedding_files",
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
