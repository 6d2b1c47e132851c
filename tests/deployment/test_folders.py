"""Tests for tf_sphereface.deployment.folders."""

import subprocess
import sys

import pytest

from tf_sphereface.deployment.folders import check_output, check_paths, replacing_export
from tf_sphereface.errors import InputError


def test_missing_parents_are_made_when_the_folder_is_written(tmp_path):
    out = tmp_path / "a" / "b" / "out"
    check_output(out, overwrite=False)
    assert list(tmp_path.iterdir()) == []
    with replacing_export(out) as folder:
        (folder / "contract.json").write_text("{}")
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert (out / "contract.json").read_text() == "{}"


def test_parents_that_were_made_go_with_a_failure(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(RuntimeError), replacing_export(tmp_path / "a/b/c/out") as made:
        (made / "half").touch()
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_parents_that_others_use_stay(tmp_path):
    with pytest.raises(RuntimeError), replacing_export(tmp_path / "a/b/out"):
        (tmp_path / "a" / "theirs").touch()
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "theirs"]


@pytest.mark.parametrize("inner", ["file/out", "file/deeper/out"])
def test_output_inside_a_file_is_refused(tmp_path, inner):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not a folder.*file$"):
        check_output(tmp_path / inner, overwrite=True)


def test_checks_load_no_tensorflow():
    check = (
        "import sys, tf_sphereface.deployment.folders\n"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_model_inside_the_folder_that_is_replaced_is_refused(tmp_path):
    (tmp_path / "contract.json").write_text('{"library_version": "1", "pixels": {}}')
    (tmp_path / "model.keras").touch()
    with pytest.raises(InputError, match="the model lies in the folder"):
        check_paths(tmp_path / "model.keras", tmp_path, overwrite=True)


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"pixels": {}}', "\x00"])
def test_folder_with_a_contract_of_others_is_not_replaced(tmp_path, content):
    (tmp_path / "contract.json").write_text(content)
    with pytest.raises(InputError, match="not an earlier export"):
        check_output(tmp_path, overwrite=True)
