"""The whole of a training for a smaller file, from the run folder to the result.

Only the process that trains imports this module: see `process.py`.
"""

import json
import time
from pathlib import Path

import keras

from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.embedding_models import as_float32, pixel_contract_of
from tf_sphereface.files import sha256_of
from tf_sphereface.native_messages import native_messages_held_back
from tf_sphereface.quantization_training.eight_bit_file import to_eight_bit_tflite
from tf_sphereface.quantization_training.fine_tuning import fine_tune
from tf_sphereface.quantization_training.folding import (
    fold_batch_norm,
    unfolded_weights,
)
from tf_sphereface.quantization_training.plan import KERNELS, read_plan
from tf_sphereface.quantization_training.recipe import QuantizationRecipe
from tf_sphereface.quantization_training.report import file_size, kernel_figures
from tf_sphereface.quantization_training.run_source import RunSource, open_source_run
from tf_sphereface.quantization_training.schemes import folds_batch_norm, make_scheme
from tf_sphereface.quantization_training.twin import build_twin, check_twin
from tf_sphereface.training.batches import naming_damaged_records, recipe_batches
from tf_sphereface.training.callbacks import History
from tf_sphereface.training.recipe import DataRecipe
from tf_sphereface.training.run_folder import HISTORY
from tf_sphereface.whole_folders import appearing

MODEL, TFLITE, RESULT = "model.keras", "model.tflite", "quantization_training.json"


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
        twin = build_twin(fold_batch_norm(plan) if _folds(recipe) else plan)
        twin_error = check_twin(backbone, twin)
        scheme = make_scheme(recipe.scheme, twin, recipe.schedule.steps)
        history = History(folder / HISTORY, 0)
        with naming_damaged_records(records):
            _train(scheme, source, recipe, records, history)
        weights = scheme.weights()
        if _folds(recipe):
            weights = unfolded_weights(plan, weights)
        for layer in backbone.layers:
            layer.set_weights(weights.get(layer.name, []))
        backbone.save(folder / MODEL)
        content = _eight_bit(scheme.model) if _folds(recipe) else _tflite(backbone)
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


def _folds(recipe):
    return folds_batch_norm(recipe.scheme)


def _train(scheme, source: RunSource, recipe, records, history):
    data = DataRecipe.model_validate(
        source.data.model_dump(exclude_none=True) | recipe.data.model_dump()
    )
    contract = pixel_contract_of(source.classifier.backbone)
    batches = recipe_batches(data, records, contract, recipe.schedule.seed)
    scheme.begin(batches, contract)
    fine_tune(
        scheme,
        source.classifier,
        batches,
        recipe.optimizer,
        recipe.schedule,
        history,
    )


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


def _eight_bit(model):
    with native_messages_held_back():
        return to_eight_bit_tflite(model)
