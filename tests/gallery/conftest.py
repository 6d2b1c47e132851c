"""Files and keys of small galleries."""

import pytest

from tests.gallery.small_galleries import SECRET
from tf_sphereface.gallery import sealing


@pytest.fixture(params=[None, SECRET], ids=["clear", "encrypted"])
def secret(request):
    if request.param:
        pytest.importorskip("cryptography")
    return request.param


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch):
    monkeypatch.setitem(sealing._SCRYPT, "n", 2)  # 0.1 s each otherwise


@pytest.fixture
def path(tmp_path):
    return tmp_path / "people.gallery"
