"""Tests for the JSON schema of contract.json."""

import copy
import functools
import json
from pathlib import Path

import jsonschema
import pytest

from tests.bundle.contract_example import RECORD, example
from tf_sphereface.bundle.contract import (
    BundleContract,
)
from tf_sphereface.bundle.schema import (
    bundle_schema,
    schema_content,
)
from tf_sphereface.errors import InputError

DOCUMENT = Path(__file__).parents[2] / "docs/contract.schema.json"


def written(folder, content):
    path = folder / "contract.json"
    path.write_text(json.dumps(content))
    return path


def test_schema_in_the_documents_is_that_of_the_code():
    # If it is not, write what `schema_content` gives to the file, and tell in the
    # changelog what has changed for programs that read bundles.
    assert DOCUMENT.read_bytes() == schema_content()


@functools.cache
def validator():
    kind = jsonschema.Draft202012Validator
    kind.check_schema(bundle_schema())
    return kind(bundle_schema())


def test_contracts_that_we_write_keep_the_schema(tmp_path):
    contract = BundleContract.read(written(tmp_path, example()))
    contract.write(tmp_path / "again.json")
    validator().validate(json.loads((tmp_path / "again.json").read_text()))


def test_contract_of_a_bundle_keeps_the_schema(bundle):
    validator().validate(json.loads((bundle.path / "contract.json").read_text()))


# By key and value; reader and schema must refuse the same.
BROKEN = [
    (("format_version",), 1),
    (("library_version",), None),
    (("colour",), "red"),
    (("pixels",), {"height": 112, "width": 96}),
    (("pixels", "channel_order"), "GRB"),
    (("pixels", "colour"), "red"),
    (("pixels", "scale"), 0),
    (("pixels", "mean"), "dark"),
    (("pixels", "mean"), [1.0, 2.0]),
    (("pixels", "scale"), [1.0, 2.0, 0.0]),
    (("pixels", "height"), 0),
    (("embedding_dim",), 0),
    (("landmark_template",), [[1, 2]]),
    (("feature", "mirror"), True),
    (("feature", "inside"), ["crop"]),
    (("feature", "inside"), ["l2", "l2"]),
    (("golden", "file"), "../golden.json"),
    (("golden", "file"), "/golden.json"),
    (("golden", "file"), "a//b"),
    (("golden", "file"), "a\\b"),
    (("golden", "file"), "golden/."),
    (("golden", "sha256"), "abc"),
    (("golden", "bytes"), 0),
    (("variants",), {}),
    (("variants", "int8", "output", "dtype"), "float64"),
    (("variants", "int8", "verification", "accuracy"), 1.5),
    (("variants", "int8", "drift", "crops"), 0),
    (("model", "parameters"), 0),
]


@pytest.mark.parametrize(("place", "value"), BROKEN)
def test_schema_and_reader_refuse_the_same(tmp_path, place, value):
    content = copy.deepcopy(example())
    validator().validate(content)
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    assert not validator().is_valid(content)
    with pytest.raises(InputError, match="damaged contract|format version"):
        BundleContract.read(written(tmp_path, content))


def test_pixels_may_be_of_each_channel(tmp_path):
    content = copy.deepcopy(example())
    content["pixels"] |= {"mean": [1.0, 2.0, 3.0], "scale": [4.0, 5.0, 6.0]}
    validator().validate(content)
    contract = BundleContract.read(written(tmp_path, content))
    assert contract.pixels.mean == (1.0, 2.0, 3.0)
    contract.write(tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["pixels"] == content["pixels"]


@pytest.mark.parametrize("name", ["a", "a/b.json", "..a", "a..", ".a", "a/.b/c"])
def test_schema_and_reader_take_the_same_names(tmp_path, name):
    content = {**example(), "golden": {**RECORD, "file": name}}
    validator().validate(content)
    assert BundleContract.read(written(tmp_path, content)).golden.file == name


def test_schema_says_what_every_field_is():
    schema = bundle_schema()
    parts = {"BundleContract": schema, **schema["$defs"]}
    for name, part in parts.items():
        assert part["description"], name
        for field, value in part["properties"].items():
            assert value.get("description", "").endswith("."), f"{name}.{field}"
