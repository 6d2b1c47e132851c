"""A contract with a value in every place, for the tests of what reads contracts."""

RECORD = {"file": "a.tflite", "sha256": "0" * 64, "bytes": 3}
TENSOR = {"name": "x", "dtype": "float32", "shape": [1, 2], "quantization": None}
STORED = {
    **TENSOR,
    "dtype": "int8",
    "quantization": {"scale": 0.1, "zero_point": -3},
}


def measured(accuracy, threshold):
    return {
        "identification": {
            "people": 50,
            "probes": 80,
            "unknown_probes": 100,
            "rank_1": 0.95,
            "dir_at_far": {"far_0.01": 0.7},
        },
        "verification": {
            "pairs": 600,
            "accuracy": accuracy,
            "tar_at_far": {"far_0.01": 0.8},
        },
        "thresholds": {"far_0.01": threshold, "accuracy": 0.35},
    }


def variant(**changes):
    return {
        **RECORD,
        "input": TENSOR,
        "output": STORED,
        "drift": {
            "mean_cosine": 0.999,
            "p01_cosine": 0.99,
            "min_cosine": 0.98,
            "crops": 24,
        },
        "rank": {
            "same_gallery": 0.99,
            "float_gallery": 0.98,
            "probes": 100,
            "gallery": 50,
        },
        "quantization": {
            "quantizer": "ai-edge-quantizer",
            "kept_float": ["conv1_1"],
            "float_weights": ["conv1_1/kernel"],
            "float_activations": 2,
            "activations": 11,
            "delegate_partitions": 2,
            "operators_outside": {"PRELU": 1},
            "worst_layers": [{"layer": "conv4_3", "noise": 0.02, "added": 0.01}],
        },
        **measured(0.9, 0.4),
        "cross_variant": measured(0.88, 0.41),
        "calibration": {
            "genuine": 300,
            "impostor": 300,
            "people": 120,
            "confidence": 0.95,
            "threshold_intervals": {"far_0.01": {"low": 0.38, "high": 0.43}},
            "probability": {"slope": 12.5, "intercept": -4.0},
            "frr_target": 0.01,
            "different_below": None,
        },
        "gate": {"passed": False, "failures": ["min_cosine 0.98 is below 0.99"]},
        "runtime": {"tensorflow_lite": "2.17.0", "ai_edge_litert": "1.0.1"},
        **changes,
    }


def networks(folder):
    return {
        name: {**RECORD, "file": f"{folder}/{name}.tflite"}
        for name in ("pnet", "rnet", "onet")
    }


def example():
    """A contract with a value in every place."""
    return {
        "format_version": 3,
        "library_version": "0.1.0",
        "pixels": {
            "height": 112,
            "width": 96,
            "channel_order": "BGR",
            "mean": 127.5,
            "scale": 128.0,
        },
        "embedding_dim": 32,
        "model": {
            "name": "sphereface20",
            "sha256": "1" * 64,
            "parameters": 22671360,
            "licence": "MIT",
            "provenance": {"source": "https://example.org/weights", "format": "caffe"},
        },
        "landmark_template": [[1.5, 2.5], [3, 4], [5, 6], [7, 8], [9, 10]],
        "landmark_fit": "photo",
        "feature": {"mirror": "concat", "inside": ["pixels"]},
        "detector": {
            "files": networks("detector"),
            "settings": {"smallest_face": 20.0, "thresholds": [0.6, 0.7, 0.9]},
        },
        "variants": {"int8": variant()},
        "default_variant": "int8",
        "samples": {
            "rendered": True,
            "representative": 500,
            "representative_people": 250,
            "compared": 24,
            "compared_people": 12,
        },
        "golden": RECORD,
        "documents": {"model_card": {**RECORD, "file": "MODEL_CARD.md"}},
    }
