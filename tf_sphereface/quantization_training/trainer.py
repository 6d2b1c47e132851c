"""The whole of a training for a smaller file, from the run folder to the result.

Only the process that trains imports this module: see `process.py`.
"""

import json
import time
from pathlib import Path

import keras
import numpy as np

from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.embedding_models import as_float32, pixel_contract_of
from tf_sphereface.files import sha256_of
from tf_sphereface.native_messages import native_messages_held_back
from tf_sphereface.quantization_training.eight_bit_file import (
    plan_eight_bits,
    to_eight_bit_tflite,
)
from tf_sphereface.quantization_training.fine_tuning import fine_tune
from tf_sphereface.quantization_training.folding import (
    folded_plan,
    unfolded_weights,
)
from tf_sphereface.quantization_training.plan import KERNELS, read_plan
from tf_sphereface.quantization_training.recipe import QuantizationRecipe
from tf_sphereface.quantization_training.report import file_size, kernel_figures
from tf_sphereface.quantization_training.run_source import RunSource, open_source_run
from tf_sphereface.quantization_training.schemes import folds_batch_norm, make_scheme
from tf_sphereface.quantization_training.twin import build_twin, check_twin
from tf_sphereface.training.batches import (
    naming_damaged_records,
    recipe_batches,
    recipe_order,
)
from tf_sphereface.training.callbacks import History
from tf_sphereface.training.recipes.recipe import DataRecipe
from tf_sphereface.training.run_folder import HISTORY
from tf_sphereface.whole_folders import appearing

MODEL, TFLITE, RESULT = "model.keras", "model.tflite", "quantization_training.json"
_RANGE_IMAGES = 100  # that the channels are made alike on: minutes for more
_FEW = 8  # for tensors within a layer, which have no trained range


def quantization_train(
    run: Path, recipe: QuantizationRecipe, records: Path, out: Path
) -> dict:
    """Goes on with a run so that its network bears a smaller file.

    Args:
        run: Run folder of `sphereface train`.
        recipe: What to do.
        records: The records that the run was trained on.
        out: Folder that will be made, whole or not at all: `model.tflite`,
            `model.keras`, `history.csv` and `quantization_training.json`.

    Returns: What `quantization_training.json` holds.
    Raises: InputError on unusable paths, records or networks; FloatingPointError if the
        loss stops being finite.
    """
    started = time.monotonic()
    with appearing(out) as folder:
        source = open_source_run(run, recipe.checkpoint, records)
        keras.utils.set_random_seed(recipe.schedule.seed)
        backbone = as_float32(source.classifier.backbone)
        before = _tflite(backbone)
        plan = read_plan(backbone)
        batches = _batches(source, recipe, records)
        history = History(folder / HISTORY, 0)
        with naming_damaged_records(records):
            scheme, images, twin_error = _scheme(recipe, backbone, plan, batches)
            scheme.begin(batches, pixel_contract_of(backbone))
            fine_tune(
                *(scheme, source.classifier, batches),
                *(recipe.optimizer, recipe.schedule, history),
            )
        weights = scheme.weights()
        if folds_batch_norm(recipe.scheme):
            weights = unfolded_weights(plan, weights)
        for layer in backbone.layers:
            layer.set_weights(weights.get(layer.name, []))
        backbone.save(folder / MODEL)
        content = _file(scheme, backbone, images)
        (folder / TFLITE).write_bytes(content)
        result = {
            "source": {"file": source.checkpoint.name, "sha256": source.sha256},
            "recipe": recipe.model_dump(mode="json"),
            "twin_error": twin_error,
            "history": history.rows,
            "seconds": round(time.monotonic() - started, 1),
            "float": file_size(before),
            "result": file_size(content),
            "kernels": kernel_figures(_kernels(scheme, plan, weights)),
            "sha256": {name: sha256_of(folder / name) for name in (MODEL, TFLITE)},
        }
        text = json.dumps(result, indent=2) + "\n"
        (folder / RESULT).write_text(text, encoding="utf-8")
    return result


def _batches(source: RunSource, recipe, records):
    data = DataRecipe.model_validate(
        source.data.model_dump(exclude_none=True) | recipe.data.model_dump()
    )
    contract = pixel_contract_of(source.classifier.backbone)
    order = recipe_order(data, records, recipe.schedule.seed)
    return recipe_batches(data, order, contract)


def _scheme(recipe, backbone, plan, batches):
    """The scheme; images that an 8-bit file takes ranges from; the twin's error."""
    images = eight_bits = None
    if recipe.scheme.name == "qat":
        images = _images(batches)
        with native_messages_held_back():
            eight_bits = plan_eight_bits(backbone, images, recipe.scheme.equalized)
        plan = eight_bits.network
    elif folds_batch_norm(recipe.scheme):
        plan = folded_plan(backbone)
    twin = build_twin(plan)
    error = check_twin(backbone, twin)
    steps = recipe.schedule.steps
    return make_scheme(recipe.scheme, twin, steps, eight_bits), images, error


def _images(batches):
    images = []
    for batch, _ in batches:
        images.extend(batch.numpy())
        if len(images) >= _RANGE_IMAGES:
            return np.stack(images[:_RANGE_IMAGES])


def _kernels(scheme, plan, weights):
    stored = getattr(scheme, "stored_kernels", None)
    if stored is not None:
        return stored()
    return {
        layer.name: weights[layer.name][0]
        for layer in plan.layers
        if layer.kind in KERNELS
    }


def _tflite(backbone):
    with native_messages_held_back():
        return FloatModel(backbone, pixel_contract_of(backbone)).content


def _file(scheme, backbone, images):
    if images is None:
        return _tflite(backbone)
    with native_messages_held_back():
        return to_eight_bit_tflite(backbone, images[:_FEW], scheme.ranges())
