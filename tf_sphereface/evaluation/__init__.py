"""How good a model is: verification on pairs of aligned faces, thresholds, reports.

The public names are loaded on first use, so that importing this package loads neither
Keras nor TensorFlow, and scoring a .tflite file never does.
"""

import importlib

_PUBLIC = {
    "EmbeddingFile": "embeddings.npz",
    "EmbeddingSource": "embeddings.sources",
    "KerasEmbedder": "embeddings.crop_embedders",
    "ModelEmbeddings": "embeddings.model_embeddings",
    "ModelInfo": "stored.writer",
    "OperatingPoint": "rates.thresholds",
    "OperatingThresholds": "rates.thresholds",
    "PROTOCOLS": "protocols",
    "Pair": "pairs.pair_list",
    "PairList": "pairs.pair_list",
    "Protocol": "protocols",
    "SavedModelEmbedder": "embeddings.crop_embedders",
    "VerificationReport": "verification.report",
    "best_threshold": "rates.thresholds",
    "bootstrap_people": "rates.bootstrap",
    "describe_model": "stored.writer",
    "embed_folder": "embeddings.npz",
    "evaluate_features": "verification.evaluate",
    "evaluate_identification": "identification",
    "evaluate_lfw_identification": "identification",
    "evaluate_megaface": "identification",
    "evaluate_templates": "templates",
    "evaluate_verification": "verification.evaluate",
    "evaluate_videos": "video",
    "load_embedding_source": "embeddings.sources",
    "make_pairs": "pairs.sampling",
    "open_features": "embeddings.sources",
    "operating_thresholds": "rates.thresholds",
    "pair_list_of_set": "pairs.folds",
    "read_embeddings": "embeddings.npz",
    "read_groups": "verification.fairness",
    "read_lfw_pairs": "pairs.pair_list",
    "verification_metrics": "verification.evaluate",
    "verify_pair_list": "verification.protocol",
    "with_groups": "verification.fairness",
    "with_intervals": "verification.intervals",
    "write_embeddings": "embeddings.npz",
    "write_lfw_pairs": "pairs.pair_list",
    "write_report": "stored.writer",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return __all__
