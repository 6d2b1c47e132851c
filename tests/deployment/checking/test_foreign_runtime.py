"""Tests of another Python's runtime: in processes, with a runtime made to be wrong."""

import json
import sys

import pytest

from tf_sphereface.commands import bundle as bundle_command
from tf_sphereface.deployment.checking.foreign_runtime import check_runtime
from tf_sphereface.errors import InputError

WRONG = """
from ai_edge_litert.interpreter import Interpreter as Right

class Interpreter(Right):
    def __init__(self, model_path, num_threads):
        content = open(model_path, "rb").read()
        if {refused!r}.encode() in content:
            raise ValueError("Didn't find op for builtin opcode\\nmore")
        super().__init__(model_content=content, num_threads=num_threads)

    def get_tensor(self, index):
        value = super().get_tensor(index)
        return {value}
"""


@pytest.fixture
def python(tmp_path):
    """Makes an interpreter whose tflite-runtime 9.9 is a changed LiteRT."""

    def make(value="value", refused="nothing is refused", body=WRONG):
        package = tmp_path / "tflite_runtime"
        package.mkdir()
        (package / "__init__.py").write_text("")
        text = body.format(value=value, refused=refused)
        (package / "interpreter.py").write_text(text)
        facts = tmp_path / "tflite_runtime-9.9.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: tflite-runtime\nVersion: 9.9\n"
        )
        script = tmp_path / "python"
        script.write_text(
            f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n'
        )
        script.chmod(0o755)
        return script

    return make


def test_the_same_runtime_gives_the_same_numbers(bundle):
    found = check_runtime(bundle)
    assert found.runtime.startswith("ai-edge-litert ")
    assert (found.refused, found.differences) == ({}, ())


@pytest.mark.parametrize(
    "value", ["-value", "value * float('nan')", "value[..., ::-1]"]
)
def test_other_numbers_are_told_of_every_face(bundle, python, value):
    found = check_runtime(bundle, python(value))
    faces = len(bundle.golden.faces)
    floats = ("none", "fp16", "dynamic", "int8")
    for name in floats:
        lines = [line for line in found.differences if f" {name} " in line]
        assert len(lines) == faces
    assert all(line.startswith("tflite-runtime 9.9: golden f") for line in lines)


def test_a_runtime_that_refuses_a_variant_is_no_difference(bundle, python, capsys):
    refuses = python(refused="serving_default")  # a name in each file of ours
    command = ["verify", str(bundle.path), "--runtime", str(refuses)]
    assert bundle_command.main(command) == 0
    out, err = capsys.readouterr()
    refused = json.loads(out)["runtime"]["refused"]
    assert refused == dict.fromkeys(
        bundle.contract.variants, "Didn't find op for builtin opcode"
    )
    assert "refused by tflite-runtime 9.9: int8 (Didn't find op" in err


def test_the_command_ends_with_1_if_numbers_differ(bundle, python, capsys):
    command = ["verify", str(bundle.path), "--runtime", str(python("-value"))]
    assert bundle_command.main(command) == 1
    told = capsys.readouterr().err
    assert "differs: tflite-runtime 9.9: golden face 0: the embedding of none" in told


def test_what_has_no_runtime_is_refused_in_a_line(bundle, python, tmp_path):
    with pytest.raises(InputError, match="no Python that runs: .*none"):
        check_runtime(bundle, tmp_path / "none")
    with pytest.raises(InputError, match="no module named numpy|cannot run TFLite"):
        check_runtime(bundle, "/bin/false")
    dies = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    with pytest.raises(InputError, match="was ended by signal 11"):
        check_runtime(bundle, python(body=dies))
