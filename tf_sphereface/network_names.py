"""Names of networks that say the depth: "sphereface20", "iresnet50"."""

import re
from collections.abc import Mapping
from typing import Any

_SHORT = re.compile(r"(sphereface|iresnet)([0-9]{1,4})")
_FULL = {"sphereface": "sphereface_cnn", "iresnet": "iresnet"}


def with_depth(name: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A short name's full one, with the depth among the arguments.

    Recipes, `build_backbone` and `import-weights` take both kinds of names by this one
    rule. A name that is not short is left as it is.

    Raises: ValueError if `depth` is given too and is another.

    Example:
        with_depth("iresnet50", {"width": 0.5})
        # ("iresnet", {"width": 0.5, "depth": 50})
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
