"""Fixtures of files of weights that are refused."""

import pytest

from tests.weights import ports
from tf_sphereface.errors import InputError
from tf_sphereface.weights import import_weights


@pytest.fixture
def refuse(tmp_path):
    """Imports bytes and gives the message; no model may be left behind."""

    def import_bytes(content, name="x.pth", backbone="sphereface4", **options):
        source, out = tmp_path / name, tmp_path / "model.keras"
        source.write_bytes(content)
        with pytest.raises(InputError) as caught:
            import_weights(source, backbone, out, **options)
        assert not [p for p in tmp_path.iterdir() if p.suffix == ".keras"]
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return import_bytes


def sphere4(get, image, width=1 / 32):
    """SphereFace-4's tensors; not a forward pass."""
    before = 3
    for stage in range(1, 5):
        channels = round(64 * width) * 2 ** (stage - 1)
        get(f"conv{stage}_1.weight", (channels, before, 3, 3))
        get(f"conv{stage}_1.bias", (channels,))
        get(f"relu{stage}_1.weight", (channels,))
        before = channels
    get("fc5.weight", (5, 42 * before))
    get("fc5.bias", (5,))


@pytest.fixture
def state():
    return ports.make_state(sphere4)
