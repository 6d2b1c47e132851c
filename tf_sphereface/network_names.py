"""Names of networks that say the depth, and old names of their arguments."""

import re
from collections.abc import Mapping
from typing import Any

_SHORT = re.compile(r"(sphereface|iresnet)([0-9]{1,4})")
_FULL = {"sphereface": "sphereface_cnn", "iresnet": "iresnet"}

# Former names of arguments of backbones, and the present ones.
_OLD_ARGUMENTS = {"width": "width_multiplier", "columns": "width"}
_LARGEST_FACTOR = 8  # no image is so small


def present_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Renames a backbone's arguments from old to present names.

    `columns` was the image's width, and `width` the factor on channels: it is that
    beside `columns`, or if it is too small for an image.

    Example:
        present_arguments({"width": 0.5, "height": 112, "columns": 96})
        # {"width_multiplier": 0.5, "height": 112, "width": 96}
    """
    width = arguments.get("width")
    number = isinstance(width, int | float) and not isinstance(width, bool)
    old = "columns" in arguments or (number and width <= _LARGEST_FACTOR)
    if not old or "width_multiplier" in arguments:
        return dict(arguments)
    return {_OLD_ARGUMENTS.get(name, name): arguments[name] for name in arguments}


def with_depth(name: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A short name's full one, with the depth among the arguments.

    Recipes, `build_backbone` and `import-weights` take both kinds of names by this one
    rule. A name that is not short is left as it is.

    Raises: ValueError if `depth` is given too and is another.

    Example:
        with_depth("iresnet50", {"width_multiplier": 0.5})
        # ("iresnet", {"width_multiplier": 0.5, "depth": 50})
    """
    short = _SHORT.fullmatch(name) if isinstance(name, str) else None
    if short is None:
        return name, dict(arguments)
    depth = int(short[2])
    if arguments.get("depth", depth) != depth:
        raise ValueError(
            f"`depth` must be {depth} with the name {name!r}, or be left out. "
            f"Received: depth={arguments['depth']!r:.80}"
        )
    return _FULL[short[1]], {**arguments, "depth": depth}
