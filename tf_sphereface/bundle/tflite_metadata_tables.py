"""The standard TFLite metadata of a face-embedding network, as a flatbuffer.

The schema is metadata_schema.fbs of tflite-support, file identifier "M001". Only the
tables that we fill are here; the numbers are the places of their fields in the schema.
"""

import dataclasses

import flatbuffers
import numpy as np

from tf_sphereface.preprocessing import Values

FILE_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"  # all fields that we fill are of the first schema
_UNKNOWN_COLOR, _RGB = 0, 1
_IMAGE_PROPERTIES = 2  # in the union ContentProperties
_NORMALIZATION_OPTIONS = 1  # in the union ProcessUnitOptions


@dataclasses.dataclass(frozen=True)
class ImageInput:
    """The input tensor, a picture.

    Args:
        name: Of the tensor.
        description: For people.
        height: Pixels.
        width: Pixels.
        rgb: Whether channels are red, green, blue. The schema has no other order:
            for any other one it says "unknown".
        mean: Subtracted from pixels 0..255: a number, or one of each channel.
        std: Divides the difference; likewise.
    """

    name: str
    description: str
    height: int
    width: int
    rgb: bool
    mean: Values
    std: Values


@dataclasses.dataclass(frozen=True)
class ModelTables:
    """Metadata of the whole file.

    Args:
        name: Of the network.
        description: For people.
        version: Of the model.
        licence: Or None.
        image: The only input.
        output_name: Of the only output tensor.
        output_description: For people.
    """

    name: str
    description: str
    version: str
    licence: str | None
    image: ImageInput
    output_name: str
    output_description: str


def metadata_flatbuffer(tables: ModelTables) -> bytes:
    """The content of the metadata entry "TFLITE_METADATA"; same in, same bytes out."""
    builder = flatbuffers.Builder(2048)
    subgraph = _table(
        builder,
        {
            2: _offsets(builder, [_input_tensor(builder, tables.image)]),
            3: _offsets(
                builder,
                [
                    _described(
                        builder, tables.output_name, tables.output_description, {}
                    )
                ],
            ),
        },
    )
    fields = {2: builder.CreateString(tables.version)}
    fields[3] = _offsets(builder, [subgraph])
    if tables.licence is not None:
        fields[5] = builder.CreateString(tables.licence)
    fields[7] = builder.CreateString(_PARSER_VERSION)
    model = _described(builder, tables.name, tables.description, fields)
    builder.Finish(model, file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def _input_tensor(builder, image):
    properties = _table(
        builder,
        {1: _image_size(builder, image)},
        {0: _RGB if image.rgb else _UNKNOWN_COLOR},
    )
    content = _table(builder, {1: properties}, {0: _IMAGE_PROPERTIES})
    mean, std = np.broadcast_to(image.mean, 3), np.broadcast_to(image.std, 3)
    normalization = _table(
        builder, {0: _floats(builder, mean), 1: _floats(builder, std)}
    )
    unit = _table(builder, {1: normalization}, {0: _NORMALIZATION_OPTIONS})
    darkest, brightest = ((x - mean) / std for x in (0, 255))
    stats = _table(
        builder, {0: _floats(builder, brightest), 1: _floats(builder, darkest)}
    )
    fields = {3: content, 4: _offsets(builder, [unit]), 5: stats}
    return _described(builder, image.name, image.description, fields)


def _described(builder, name, description, fields):
    # Of models and tensors alike, the first fields are name and description.
    strings = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    return _table(builder, {**strings, **fields})


def _image_size(builder, image):
    builder.StartObject(2)
    builder.PrependUint32Slot(0, image.width, 0)
    builder.PrependUint32Slot(1, image.height, 0)
    return builder.EndObject()


def _table(builder, offsets, bytes_=None):
    """A table of offsets and of one-byte numbers, by the place of the field."""
    builder.StartObject(max({*offsets, *(bytes_ or {})}) + 1)
    for place, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(place, offset, 0)
    for place, value in (bytes_ or {}).items():
        builder.PrependUint8Slot(place, value, 0)
    return builder.EndObject()


def _offsets(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder, values):
    return builder.CreateNumpyVector(np.asarray(values, np.float32))
