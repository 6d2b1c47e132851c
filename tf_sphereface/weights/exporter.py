"""A backbone of ours as safetensors, under the names of the network that it follows."""

from pathlib import Path

import keras
import numpy as np

from tf_sphereface.embedding_models import load_embedding_model
from tf_sphereface.errors import InputError
from tf_sphereface.files import sha256_of
from tf_sphereface.model_files import model_file
from tf_sphereface.weights.files.keras_file import metadata_of
from tf_sphereface.weights.files.safetensors_file import write_safetensors
from tf_sphereface.weights.targets import port_name, targets_of


def export_weights(model: Path, out: Path) -> dict[str, tuple[int, ...]]:
    """Writes the backbone's weights with PyTorch's names and order of axes.

    Args:
        model: `.keras` file of a backbone or a FaceClassifier, whose head is dropped,
            or a run folder.
        out: New `.safetensors` file; written whole or not at all.

    Returns: Shape by name.
    Raises: InputError if the model is unusable or `out` is there already.
    """
    if out.suffix != ".safetensors":
        raise InputError(f"--out must end in .safetensors. Received: {out}")
    if out.exists():
        raise InputError(f"--out must be new: {out}")
    model = model_file(model)
    backbone = load_embedding_model(model)
    try:
        targets = targets_of(backbone)
    except ValueError as error:
        raise InputError(f"{model}: {error}") from error
    tensors = {}
    for target in targets:
        values = np.asarray(keras.ops.convert_to_numpy(target.variable), np.float32)
        tensors[port_name(backbone, target)] = np.ascontiguousarray(
            target.to_torch(values)
        )
    metadata = {
        **metadata_of(backbone),
        "format": "pt",  # so that PyTorch's readers take it
        "source": model.name,
        "sha256": sha256_of(model),
    }
    write_safetensors(tensors, out, metadata)
    return {name: values.shape for name, values in tensors.items()}
