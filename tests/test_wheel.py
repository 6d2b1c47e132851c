"""The wheel, installed where no checkout is in reach, from photos to a match."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("tf_sphereface", "recipes", "setup.cfg", "pyproject.toml")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: setuptools writes into the folder that it builds from."""
    source, out = (tmp_path_factory.mktemp(name) for name in ("source", "wheel"))
    for name in (*SOURCES, "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip(sys.executable, "wheel", "--no-build-isolation", "--wheel-dir", out, source)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel; dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Its own .pth files, such as that of an editable install, are not read from there.
    dependencies = [path for path in sys.path if path.endswith("-packages")]
    (packages / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    pip(folder / "bin" / "python", "install", "--no-index", wheel)
    return folder / "bin"


def pip(python, command, *arguments):
    done = run_pip(python, command, *arguments)
    assert done.returncode == 0, done.stderr


def run_pip(python, command, *arguments):
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
    call = [sys.executable, "-m", "pip", "--python", python, command, *quiet]
    return subprocess.run([*call, *arguments], capture_output=True, text=True)


def run(installed, folder, *arguments):
    """stdout of a command of the installed package, run in `folder`."""
    hidden = ("PYTHONPATH", "PYTHONHOME")
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [installed / arguments[0], *arguments[1:]],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_wheel_holds_what_is_not_python(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    missing = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "tf_sphereface").rglob("*")
        if file.suffix in (".html", ".css", ".pyi", ".typed")
        and str(file.relative_to(ROOT)) not in names
    ]
    assert not missing
    for recipe in (ROOT / "recipes").glob("*.toml"):
        assert f"tf_sphereface/recipes/{recipe.name}" in names
    metadata = next(name for name in names if name.endswith("/METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    assert "Requires-Python: <3.14,>=3.11" in text


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.14", "3.10"])
def test_pip_on_another_python_says_which_it_needs(wheel, version, tmp_path):
    # `pip install` of that Python resolves alike; its --target does not look.
    there = ("--dest", tmp_path, "--python-version", version)
    done = run_pip(
        *(sys.executable, "download", "--no-index", "--only-binary", ":all:"),
        *(*there, wheel),
    )
    assert done.returncode != 0
    assert f"requires a different Python: {version}" in done.stderr
    assert "<3.14,>=3.11" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_installed_command_finds_its_package_and_recipes(installed, tmp_path):
    program = "import tf_sphereface; print(tf_sphereface.__file__)"
    place = run(installed, tmp_path, "python", "-c", program)
    assert place.startswith(str(installed.parent))
    assert "quickstart" in run(installed, tmp_path, "sphereface", "recipes")
    assert "saved-model" in run(installed, tmp_path, "sphereface", "export", "--help")


@pytest.mark.slow
def test_an_installed_wheel_goes_from_photos_to_a_match(installed, tmp_path):
    def sphereface(*arguments):
        return run(installed, tmp_path, "sphereface", *arguments)

    people = ("--identities", "6", "--images", "4", "--seed", "1")
    sphereface("synthesize", "--out", "photos", *people)
    sphereface(
        *("align", "photos", "--out", "aligned"),
        *("--landmarks", "photos/landmarks.csv"),
    )
    sphereface("records", "aligned", "--out", "records", "--shards", "2")
    small = ("schedule.steps=20", "schedule.steps_per_epoch=10", "data.batch_size=8")
    changes = [part for text in small for part in ("--set", text)]
    trained = sphereface(
        *("train", "quickstart", "--records", "records", "--run", "run"), *changes
    )
    assert json.loads(trained)["steps"] == 20
    exported = sphereface(
        *("export", "tflite", "run", "--out", "bundle", "--calibration", "aligned")
    )
    assert list(json.loads(exported)["variants"]) == ["none"]
    photos = sorted(map(str, (tmp_path / "photos").glob("*/*.jpg")))[:2]
    match = json.loads(sphereface("match", "bundle", *photos))
    assert -1 <= match["score"] <= 1 and match["threshold"] is None
