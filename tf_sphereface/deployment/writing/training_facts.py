"""Facts of a model card that are not in the contract: data, crops and pairs."""

import dataclasses
import json
import tomllib
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.files import sha256_of


@dataclasses.dataclass(frozen=True)
class CardFacts:
    """Facts of a model and its measurements that its contract does not hold.

    Args:
        training: Sentences on the data and the training; empty if nothing is known.
        pairs: What the pairs of accuracy and thresholds are, such as "LFW, 10 folds";
            None if unknown.
        groups: Sentences on groups of people that were measured apart; empty if none.
    """

    training: tuple[str, ...] = ()
    pairs: str | None = None
    groups: tuple[str, ...] = ()


def training_facts(model: Path, records: Path | None = None) -> tuple[str, ...]:
    """Sentences on the training of a model, from its run folder.

    No name of a person is given, of however many the records hold the names.

    Args:
        model: A run folder, or a model file in one. Anything else gives nothing.
        records: The folder of records that it was trained on, if it is at hand.

    Raises: InputError if the run's recipe is damaged, or the records are others.
    """
    run = model if model.is_dir() else model.parent
    if not (run / "recipe.toml").is_file() or not (run / "records.sha256").is_file():
        return ()
    try:
        recipe = tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"damaged recipe: {run / 'recipe.toml'} ({error})") from error
    checksum = (run / "records.sha256").read_text().strip()
    return (
        *_start(recipe),
        *_course(recipe),
        f"The manifest of its records has the SHA-256 {checksum}.",
        *_records(records, checksum),
    )


def _start(recipe):
    if "fine_tuning" in recipe:
        return ("It was fine-tuned from other weights.",)
    return ("It was trained from random weights.",)


def _course(recipe):
    head = recipe.get("head", {}).get("name")
    if head is not None:
        margin = recipe["head"].get("margin")
        with_margin = "" if margin is None else f" with margin {margin:g}"
        yield f"The head was {head}{with_margin}."
    steps = recipe.get("schedule", {}).get("steps")
    batch = recipe.get("data", {}).get("batch_size")
    if steps is not None and batch is not None:
        yield f"It ran {steps:,} steps of {batch:,} faces."


def _records(records, checksum):
    if records is None:
        return
    manifest = records / "manifest.json"
    if not manifest.is_file():
        raise InputError(f"not a folder of records (no manifest.json): {records}")
    if sha256_of(manifest) != checksum:
        raise InputError(f"not the records that the model was trained on: {records}")
    content = json.loads(manifest.read_bytes())
    faces, people = content["records"], len(content["identities"])
    yield f"The records hold {faces:,} faces of {people:,} people."
