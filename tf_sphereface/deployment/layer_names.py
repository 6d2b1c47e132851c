"""Which layer of the network a tensor of a TFLite file comes from."""

import re

from tf_sphereface.litert import open_interpreter

# NETWORK_1/LAYER_1/operation: TensorFlow numbers the scopes of a network's later calls.
_SCOPES = re.compile(r"(?:^|;)[^/;]+?_\d+/([^/;]+?)_\d+/")


def layer_of(tensor: str) -> str | None:
    """The layer that gives a tensor, by the tensor's name; None if none does.

    Of several fused layers it is the first.
    """
    found = _SCOPES.search(tensor)
    return found.group(1) if found else None


def layers_of(content: bytes) -> set[str]:
    """Names of the layers in a TFLite file that was converted from Keras."""
    interpreter = open_interpreter(content)
    names = {layer_of(details["name"]) for details in interpreter.get_tensor_details()}
    return names - {None}
