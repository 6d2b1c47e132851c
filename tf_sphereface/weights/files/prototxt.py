"""A network's description in Caffe's text format, as a check of a .caffemodel."""

import warnings
from pathlib import Path

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)

from tf_sphereface.errors import InputError
from tf_sphereface.weights.files.tensors import WeightFile

_LARGEST = 4 << 20  # bytes
_OUTPUTS = {
    "Convolution": "convolution_param",
    "InnerProduct": "inner_product_param",
}


def check_prototxt(path: Path, file: WeightFile) -> None:
    """Compares layers with weights: their names, kinds and numbers of outputs.

    Layers without weights, and those that only training has, are passed over.

    Raises: InputError if the description is damaged or is that of another network.
    """
    if file is None or file.kind != "caffe":
        raise InputError("--prototxt goes with a .caffemodel only")
    for layer in _parse(path).layer:
        kind = file.metadata["types"].get(layer.name)
        parameter = _OUTPUTS.get(layer.type)
        if parameter is None and layer.type != "PReLU":
            continue
        if kind != layer.type:
            raise InputError(
                f"{file.path} must have the layers of {path}: {layer.name:.80} is a "
                f"{layer.type} there. Received: {kind or 'no such layer'}"
            )
        weight = file.tensors.get(f"{layer.name}.weight")
        if parameter is None or weight is None:
            continue
        outputs = getattr(layer, parameter).num_output
        if weight.shape[:1] != (outputs,):
            raise InputError(
                f"{file.path} must have the layers of {path}: {layer.name:.80} has "
                f"{outputs} outputs there. Received: {weight.shape}"
            )


def _parse(path):
    if path.stat().st_size > _LARGEST:
        raise InputError(f"a prototxt must be smaller than 4 MB: {path}")
    net = _message_class()()
    try:
        with warnings.catch_warnings():
            # The library's reader warns of odd escapes in texts.
            warnings.simplefilter("ignore", DeprecationWarning)
            text = path.read_text(encoding="utf-8")
            text_format.Parse(text, net, allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        reason = (str(error).splitlines() or ["nested too deeply"])[0]
        raise InputError(f"not a prototxt: {path} ({reason:.200})") from error
    return net


def _message_class():
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="tf_sphereface/prototxt.proto", package="tf_sphereface.prototxt"
    )

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            made.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            if kind in ("STRING", "UINT32"):
                made.field[-1].type = getattr(kinds, f"TYPE_{kind}")
            else:
                made.field[-1].type = kinds.TYPE_MESSAGE
                made.field[-1].type_name = f".{file.package}.{kind}"
        return made

    message("Outputs", ("num_output", "UINT32"))
    message(
        "Layer",
        ("name", "STRING"),
        ("type", "STRING"),
        *((parameter, "Outputs") for parameter in _OUTPUTS.values()),
    )
    net = message("Net", ("layer", "Layer"))
    net.field[0].label = kinds.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"{file.package}.Net")
    )
