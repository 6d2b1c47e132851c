"""A map proposed for a file whose names say nothing: by order and shape."""

import json

from tf_sphereface.weights.files.tensors import FLOATS, WeightFile
from tf_sphereface.weights.targets import Target


def suggest_map(file: WeightFile, targets: list[Target], layout: str) -> str:
    """TOML for `read_name_map`: each weight gets the next unused tensor of its shape.

    Order and shape prove nothing: where another tensor of the same shape follows, the
    line says so in a comment, and the proposal is to be reviewed.
    """
    left = [name for name, tensor in file.tensors.items() if tensor.dtype in FLOATS]
    lines, missing, used = [], [], set()
    for target in targets:
        shape = target.shape if layout == "torch" else tuple(target.variable.shape)
        fitting = [
            name
            for name in left
            if name not in used and file.tensors[name].shape == shape
        ]
        if not fitting:
            missing.append(f"# nothing for {target.label}")
            continue
        used.add(fitting[0])
        comment = f"  # or one of {len(fitting) - 1} more" if len(fitting) > 1 else ""
        lines.append(f"{json.dumps(fitting[0])} = {json.dumps(target.label)}{comment}")
    others = [name for name in file.tensors if name not in used]
    head = [
        "# A proposal by order and shape: review it before use.",
        f"layout = {json.dumps(layout)}",
        f"drop = {json.dumps(others)}",
    ]
    return "\n".join([*head, *missing, "", "[tensors]", *lines]) + "\n"
