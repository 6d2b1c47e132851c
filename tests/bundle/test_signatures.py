"""Tests for tf_sphereface.bundle.signatures: who signed a bundle."""

import shutil
import stat
import subprocess
import sys

import pytest

pytest.importorskip("cryptography")
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.bundle.sealing import edit_contract, reseal
from tests.bundle.small_bundles import write_bundle
from tf_sphereface.bundle.bundle import load_bundle, sign_bundle
from tf_sphereface.bundle.signatures import SIGNATURE_FILE, make_key
from tf_sphereface.deployment.checking.bundle import check_bundle
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.parity.measurement import write_calibrations
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import load_embedding_source
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.whole_folders import changing


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Files of a private and its public key, and of another public one."""
    folder = tmp_path_factory.mktemp("keys")
    return folder / "key", make_key(folder / "key"), make_key(folder / "other")


@pytest.fixture(scope="module")
def made(tiny, keys, tmp_path_factory):
    """A signed bundle, not to be changed."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    content = FloatModel(tiny(), PixelContract()).content
    write_bundle(folder, content, 32, thresholds={"far_0.01": 0.4})
    sign_bundle(folder, keys[0])
    return folder


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "bundle")


def test_a_signed_bundle_is_trusted_by_its_own_key_alone(made, keys):
    assert load_bundle(made, keys[1]).variant().thresholds == {"far_0.01": 0.4}
    assert load_embedding_source(made, trust=keys[1]).embedding_dim == 32
    assert load_bundle(made).path == made  # without a key nobody asks
    for use in (load_bundle, check_bundle):
        use(made, keys[1])
        with pytest.raises(InputError, match="not to be trusted.*was not signed with"):
            use(made, keys[2])


def test_openssl_finds_the_same(made, keys, tmp_path):
    """An independent implementation, as the documents tell those without ours."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    checksum = made / "contract.json.sha256"
    for key, code in ((keys[1], 0), (keys[2], 1)):
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin"]
            + ["-in", checksum, "-sigfile", made / SIGNATURE_FILE],
            capture_output=True,
        )
        assert done.returncode == code, done


def lower(content):
    content["variants"]["none"]["thresholds"] = {"far_0.01": -0.9}


@pytest.mark.parametrize("change", [lower, lambda content: None])
def test_a_forger_who_makes_all_checksums_again_is_told(copy, keys, change):
    edit_contract(copy, change)  # even if the contract says the same in other bytes
    assert load_bundle(copy)
    with pytest.raises(InputError, match="not to be trusted"):
        load_bundle(copy, keys[1])


def test_a_file_below_a_signed_contract_is_compared_too(copy, keys):
    (copy / "golden.json").write_text("[]")
    with pytest.raises(InputError, match="golden.json is not the file"):
        load_bundle(copy, keys[1])
    (copy / "contract.json.sha256").unlink()
    with pytest.raises(InputError, match="missing"):
        load_bundle(copy, keys[1])


def test_the_signature_of_another_bundle_does_not_hold(copy, made, keys, tmp_path):
    other = shutil.copytree(made, tmp_path / "other")
    edit_contract(other, lower)
    sign_bundle(other, keys[0])
    assert load_bundle(other, keys[1])
    shutil.copy(other / SIGNATURE_FILE, copy / SIGNATURE_FILE)
    with pytest.raises(InputError, match="not to be trusted"):
        load_bundle(copy, keys[1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"\n"),
        lambda path: path.write_bytes(bytes(64)),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("s")) and path.symlink_to("s"),
    ],
)
def test_a_signature_that_is_none_is_refused(copy, keys, damage):
    damage(copy / SIGNATURE_FILE)
    with pytest.raises(InputError, match="trusted|not signed|bytes that|files only"):
        load_bundle(copy, keys[1])


def test_only_a_whole_bundle_is_signed(copy, keys):
    (copy / SIGNATURE_FILE).unlink()
    edit_contract(copy, lower)
    reseal(copy)
    (copy / "golden.json").write_text("[]")
    with pytest.raises(InputError, match="damaged bundle"):
        sign_bundle(copy, keys[0])
    assert not (copy / SIGNATURE_FILE).exists()


def test_calibration_takes_the_former_signature_away(copy):
    with changing(copy) as folder:
        write_calibrations(load_bundle(copy), {}, folder)
    assert not (copy / SIGNATURE_FILE).exists()


def test_a_model_that_is_no_bundle_cannot_be_trusted(made, keys):
    with pytest.raises(InputError, match="only a bundle can be signed"):
        load_embedding_source(made / "embedder.tflite", trust=keys[1])


def test_keys_are_new_files_and_the_private_one_is_its_owner_s(tmp_path):
    public = make_key(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for out in ("key", "fresh"):
        (tmp_path / "fresh.pub").write_bytes(b"")
        with pytest.raises(InputError, match="must be new"):
            make_key(tmp_path / out)
    assert before == {path: path.read_bytes() for path in before}
    assert not (tmp_path / "fresh").exists()


def pem(key, password=None):
    kind = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kind
    )


NO_KEYS = {
    "text": b"hello",
    "empty": b"",
    "password": pem(ed25519.Ed25519PrivateKey.generate(), b"secret"),
    "elliptic": pem(ec.generate_private_key(ec.SECP256R1())),
}


@pytest.mark.parametrize("name", [*NO_KEYS, "missing", "swapped"])
def test_a_file_that_is_no_key_is_one_line(copy, keys, tmp_path, name):
    file = tmp_path / "file"
    if name in NO_KEYS:
        file.write_bytes(NO_KEYS[name])
    private, public = (keys[1], keys[0]) if name == "swapped" else (file, file)
    with pytest.raises(InputError, match="no such key|no private key of Ed25519"):
        sign_bundle(copy, private)
    with pytest.raises(InputError, match="no such key|no public key of Ed25519"):
        load_bundle(copy, public)


def test_without_the_package_the_error_names_it(made, keys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(InputError, match=r"pip install 'tf-sphereface\[signing\]'"):
        load_bundle(made, keys[1])
    assert load_bundle(made)
