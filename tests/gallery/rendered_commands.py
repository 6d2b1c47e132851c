"""Fixtures of tests that call the commands of galleries; no network is run."""

import json

import pytest

from tests.gallery import rendered_people
from tests.gallery.rendered_people import RenderedEmbedder, picture, save
from tf_sphereface.gallery import sealing

BUNDLE = ("--bundle", "bundle")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder: photos of Ada, Bob and a stranger; no network is run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(sealing.KEY_VARIABLE, raising=False)
    monkeypatch.setitem(sealing._SCRYPT, "n", 2)
    contract = rendered_people.contract()
    for module in ("bundle.embedder", "bundle.bundle"):
        name = f"tf_sphereface.{module}.load_bundle"
        monkeypatch.setattr(name, lambda *_: Opened(contract))

    def embedder(bundle, variant=None):
        return RenderedEmbedder(bundle.contract, variant)

    monkeypatch.setattr("tf_sphereface.gallery.gallery.Embedder", embedder)
    monkeypatch.setattr("tf_sphereface.bundle.embedder.Embedder", embedder)
    for person, name in ((1, "Ada"), (2, "Bob"), (3, "strangers")):
        for seed in range(2):
            save(tmp_path / f"{name}/{seed}.png", picture(person, seed))
    return tmp_path


class Opened:
    def __init__(self, contract):
        self.contract = contract


@pytest.fixture
def call(capsys):
    def call(command, *arguments, status=0):
        assert command.main([str(argument) for argument in arguments]) == status
        printed = capsys.readouterr()
        return json.loads(printed.out) if printed.out else None, printed.err

    return call
