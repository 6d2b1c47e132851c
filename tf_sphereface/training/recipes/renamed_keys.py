"""Former keys of recipes, which are still read, or said to have no use any more."""

from typing import Any

from tf_sphereface.network_names import present_arguments

# Former tables and the present ones; the keys of [backbone] are renamed as those of the
# constructors, by `present_arguments`.
_TABLES = {"set_losses": "metric_losses"}


def present_recipe(tree: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A recipe under its present keys, and a note for each key that has another."""
    present = {_TABLES.get(key, key): value for key, value in tree.items()}
    notes = [f"{old} is now {_TABLES[old]}" for old in tree if old in _TABLES]
    backbone = tree.get("backbone")
    if isinstance(backbone, dict):
        present["backbone"] = present_arguments(backbone)
        keys = zip(backbone, present["backbone"], strict=True)
        notes += [f"backbone.{old} is now {new}" for old, new in keys if old != new]
    data = tree.get("data")
    if isinstance(data, dict) and "shuffle_buffer" in data:
        present["data"] = {k: v for k, v in data.items() if k != "shuffle_buffer"}
        notes.append("data.shuffle_buffer has no use: all records are shuffled")
    return present, notes


def present_override(key: str, value: Any) -> str:
    """The present form of a dotted key; its value tells which `width` is meant."""
    first, *rest = key.split(".")
    if first == "backbone" and len(rest) == 1:
        rest = list(present_arguments({rest[0]: value}))
    return ".".join([_TABLES.get(first, first), *rest])
