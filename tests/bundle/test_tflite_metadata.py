"""Tests for tf_sphereface.bundle.tflite_metadata and metadata_tables."""

import base64
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer.utils import tfl_flatbuffer_utils

from tf_sphereface.backbones import SphereFaceCNN
from tf_sphereface.bundle.tflite_metadata import (
    FileMetadata,
    metadata_entries,
    read_metadata,
    with_metadata,
)
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.quantization.ai_edge import quantize
from tf_sphereface.errors import InputError
from tf_sphereface.runtimes.litert import allocate, open_interpreter
from tf_sphereface.runtimes.tflite_graph import packed, read_model

# `read` is what tflite-support, the library of the schema's authors, read from `entry`.
GOLDEN = json.loads(Path(__file__).with_name("tflite_metadata_golden.json").read_text())
CASES = GOLDEN["cases"]


def metadata(index=0, **changes):
    # The cases are of format 1, which is upgraded.
    content = {"format_version": 1, **CASES[index]["metadata"], **changes}
    return FileMetadata.parse(json.dumps(content).encode())


@pytest.fixture(scope="module")
def files():
    keras.utils.set_random_seed(3)
    backbone = SphereFaceCNN(4, embedding_dim=32, width_multiplier=0.125)
    model = FloatModel(backbone, backbone.pixel_contract)
    dynamic = quantize(model, "dynamic")
    return {"none": model.content, "dynamic": dynamic}


@pytest.mark.parametrize("index", range(len(CASES)))
def test_standard_entry_is_the_bytes_that_tflite_support_read(index):
    entries = metadata(index).entries()
    assert entries["TFLITE_METADATA"] == base64.b64decode(CASES[index]["entry"])


def test_standard_entry_has_the_numbers_of_each_channel():
    pixels = CASES[0]["metadata"]["pixels"] | {"mean": [1, 2, 3], "scale": [4, 5, 6.5]}
    entry = metadata(pixels=pixels).entries()["TFLITE_METADATA"]
    least, most = ([(x - 1) / 4, (x - 2) / 5, (x - 3) / 6.5] for x in (0, 255))
    for numbers in ([1, 2, 3], [4, 5, 6.5], least, most):
        assert np.float32(numbers).tobytes() in entry
    assert b"(pixel - (1, 2, 3)) / (4, 5, 6.5)" in entry


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_tflite_support_read_what_the_file_needs(case):
    pixels, graph = case["metadata"]["pixels"], case["metadata"]["graph"]
    (subgraph,) = case["read"]["subgraph_metadata"]
    (image,), (output,) = (
        subgraph[f"{side}_tensor_metadata"] for side in ("input", "output")
    )
    assert (image["name"], output["name"]) == ("aligned_face", "embedding")
    properties = image["content"]["content_properties"]
    size = {"width": pixels["width"], "height": pixels["height"]}
    assert properties["default_size"] == size
    rgb = graph["pixels"] or pixels["channel_order"] == "RGB"
    assert properties.get("color_space") == ("RGB" if rgb else None)
    (unit,) = image["process_units"]
    mean, std = (0.0, 1.0) if graph["pixels"] else (pixels["mean"], pixels["scale"])
    assert unit["options"] == {"mean": [mean] * 3, "std": [std] * 3}
    least, most = image["stats"]["min"], image["stats"]["max"]
    assert least == pytest.approx([(0 - mean) / std] * 3, abs=1e-6)
    assert most == pytest.approx([(255 - mean) / std] * 3, abs=1e-6)
    width = case["metadata"]["embedding_dim"] * (2 if graph["mirror"] else 1)
    assert str(width) in output["description"]
    assert case["read"].get("license") == case["metadata"]["licence"]


@pytest.mark.parametrize("variant", ["none", "dynamic"])
def test_round_trip_keeps_every_value_and_the_outputs(files, variant):
    content, expected = files[variant], metadata(variant=variant)
    marked = with_metadata(content, expected)
    assert read_metadata(marked) == expected
    assert read_metadata(content) is None
    np.testing.assert_array_equal(outputs(marked), outputs(content))
    assert operators(marked) == operators(content)


@pytest.mark.parametrize("variant", ["none", "dynamic"])
def test_buffers_are_those_of_before_and_aligned(files, variant):
    before, after = (
        buffers(content)
        for content in (files[variant], with_metadata(files[variant], metadata()))
    )
    # The last two are the metadata's own.
    assert [data for _, data in after[:-2]] == [data for _, data in before]
    assert {place % 16 for place, data in after if data} == {0}


def test_equal_vectors_stay_written_once(files):
    content = packed(read_model(files["dynamic"]))
    assert len(with_metadata(content, metadata())) < len(content) + 4096


def test_other_tools_read_the_file(files):
    marked = with_metadata(files["none"], metadata())
    model = tfl_flatbuffer_utils.read_model(bytearray(marked))
    assert [entry.name.decode() for entry in model.metadata][-2:] == [
        "TFLITE_METADATA",
        "tf_sphereface",
    ]
    assert marked[4:8] == b"TFL3"
    assert metadata_entries(marked)["TFLITE_METADATA"][4:8] == b"M001"


def test_metadata_is_replaced_not_added(files):
    first, second = metadata(0), metadata(2, name="a network with a longer name")
    once = with_metadata(files["none"], first)
    assert with_metadata(once, first) == once
    twice = with_metadata(once, second)
    assert twice == with_metadata(files["none"], second)
    assert set(metadata_entries(twice)) - set(metadata_entries(files["none"])) == {
        "TFLITE_METADATA",
        "tf_sphereface",
    }


def test_metadata_of_others_is_kept(files):
    before = metadata_entries(files["none"])
    assert before  # the converter's own
    after = metadata_entries(with_metadata(files["none"], metadata()))
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 64, b"PK\3\4" + b"\0" * 60])
def test_what_is_no_tflite_file_is_refused(content):
    for call in (read_metadata, lambda content: with_metadata(content, metadata())):
        with pytest.raises(InputError, match="not a TFLite file"):
            call(content)


@pytest.mark.parametrize("cut", [12, 40, 400])
def test_cut_files_are_an_input_error(files, cut):
    marked = with_metadata(files["none"], metadata())
    with pytest.raises(InputError, match="damaged TFLite file"):
        with_metadata(marked[:cut], metadata())
    with pytest.raises(InputError, match="damaged TFLite file"):
        read_metadata(marked[:cut])


def test_damaged_entry_is_named(files):
    marked = with_metadata(files["none"], metadata())
    with pytest.raises(InputError, match=r"damaged metadata .*\(format_version"):
        read_metadata(marked.replace(b'{"format_version":3', b'{"format_version":9'))
    with pytest.raises(InputError, match="damaged metadata"):
        read_metadata(marked.replace(b'{"format_version":3', b'{"format_version"#3'))


def outputs(content):
    """Of one face, by the interpreter with its CPU delegate."""
    interpreter = open_interpreter(content, threads=1)
    allocate(interpreter)
    (details,) = interpreter.get_input_details()
    face = np.random.default_rng(7).normal(size=details["shape"]).astype(np.float32)
    interpreter.set_tensor(details["index"], face)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def operators(content):
    """Names of what runs, the delegate's partitions among them."""
    interpreter = open_interpreter(content)
    allocate(interpreter)
    return [operator["op_name"] for operator in interpreter._get_ops_details()]


def buffers(content):
    """(place in the file, bytes) of every buffer."""
    model = schema.Model.GetRootAs(content)
    found = []
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        field = buffer._tab.Offset(4)  # the first field of the table
        place = buffer._tab.Vector(field) if field else 0
        found.append((place, bytes(content[place : place + buffer.DataLength()])))
    return found
