"""Tests for the opening of bundles that someone has tampered with."""

import json
import os
import shutil

import pytest
from PIL import Image

from tests.bundle.sealing import edit_contract, reseal
from tests.bundle.small_bundles import failed, with_variants, write_bundle
from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.embedder import Embedder
from tf_sphereface.bundle.match import match_photos
from tf_sphereface.commands import bundle as bundle_command
from tf_sphereface.commands import calibrate, cluster, embed, evaluate, match
from tf_sphereface.deployment.checking.bundle import check_bundle
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.deployment.samples import synthetic_faces
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import load_embedding_source
from tf_sphereface.preprocessing import PixelContract

# A pipe that is opened as a plain file waits for ever: such a test must fail instead.
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A whole bundle with a threshold, not to be changed."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    content = FloatModel(tiny(), PixelContract()).content
    return write_bundle(folder, content, 32, thresholds={"far_0.01": 0.4}).path


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "bundle")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """(folder of crops with a pair list in it, two photos)."""
    folder = tmp_path_factory.mktemp("people")
    for index, face in enumerate(synthetic_faces(PixelContract(), 2, 2)):
        (folder / f"crops/p{index // 2}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.crop).save(folder / f"crops/p{index // 2}/{index % 2}.png")
        Image.fromarray(face.photo).save(folder / f"{index}.png")
    (folder / "pairs.txt").write_text("1\t1\np0\t1\t2\np0\t1\tp1\t1\n")
    return folder


def threshold(value):
    def change(content):
        content["variants"]["none"]["thresholds"] = {"far_0.01": value}

    return change


def edited(folder, old, new):
    """Changes the contract's text and leaves its checksum as it is."""
    path = folder / "contract.json"
    before = path.read_text()
    path.write_text(before.replace(old, new, 1))
    assert path.read_text() != before


def commands(folder, people, out):
    crops = ["--images", people / "crops"]
    pairs = [*crops, "--pairs", people / "pairs.txt"]
    return {
        "match": (match, [folder, people / "0.png", people / "2.png"]),
        "show": (bundle_command, ["show", folder]),
        "sign": (bundle_command, ["sign", folder, "--key", people / "0.png"]),
        "calibrate": (calibrate, [folder, *pairs, "--far", 1]),
        "evaluate": (evaluate, [folder, *pairs, "--out", out / "report"]),
        "embed": (embed, [folder, *crops, "--out", out / "a.npz"]),
        "cluster": (cluster, [folder, *crops, "--out", out / "a.csv"]),
    }


NAMES = ["match", "show", "sign", "calibrate", "evaluate", "embed", "cluster"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_refuses_an_edited_contract(copy, people, tmp_path, name, capsys):
    edited(copy, '"far_0.01": 0.4', '"far_0.01": -0.9')
    before = (copy / "contract.json").read_bytes()
    (tmp_path / "out").mkdir()
    module, arguments = commands(copy, people, tmp_path / "out")[name]
    assert module.main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert "its checksum differs from contract.json.sha256" in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert (copy / "contract.json").read_bytes() == before
    assert list((tmp_path / "out").iterdir()) == []


def test_the_library_refuses_an_edited_contract(copy, people):
    edited(copy, '"far_0.01": 0.4', '"far_0.01": -0.9')
    photos = people / "0.png", people / "2.png"
    for use in (
        load_bundle,
        Embedder,
        load_embedding_source,
        lambda path: match_photos(path, photos),
        # The file alone takes its pixels from the contract beside it.
        lambda path: load_embedding_source(path / "embedder.tflite"),
    ):
        with pytest.raises(InputError, match=r"checksum differs from contract\.json"):
            use(copy)


def test_a_gate_that_was_edited_to_passed_is_not_sealed_anew(copy, people, capsys):
    contract = with_variants(load_bundle(copy), none={"gate": failed("bad")}).contract
    contract.write(copy / "contract.json")
    edited(copy, '"passed": false', '"passed": true')
    edited(copy, '"bad"', "")
    module, arguments = commands(copy, people, copy)["calibrate"]
    assert module.main([str(argument) for argument in arguments]) == 2
    assert "checksum differs" in capsys.readouterr().err
    with pytest.raises(InputError, match="checksum differs"):
        load_bundle(copy)


@pytest.mark.parametrize("file", ["contract.json", "contract.json.sha256"])
def test_a_contract_without_its_checksum_is_refused(copy, file):
    (copy / file).unlink()
    with pytest.raises(InputError, match=rf"no {file}|{file}: missing"):
        load_bundle(copy)


@pytest.mark.parametrize(
    "value",
    [-5, 1e308, "-1", True, float("nan"), float("-inf"), 1.01, [0.4], {"low": 0.4}],
)
def test_a_threshold_is_a_number_that_a_cosine_can_reach(copy, value):
    edit_contract(copy, threshold(value))
    with pytest.raises(InputError, match="damaged contract: .*"):
        load_bundle(copy)


@pytest.mark.parametrize(
    "key", ["far_x", "far_0", "far_2", "far_-0.1", "far_1e-999", "far_nan", "", "0.01"]
)
def test_a_threshold_is_of_a_far(copy, key):
    said = {"thresholds": {key: 0.4}}
    edit_contract(copy, lambda content: content["variants"]["none"].update(said))
    with pytest.raises(InputError, match="damaged contract"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ((), "embedding_dim", "32"),
        ((), "embedding_dim", 32.0),
        ((), "format_version", "3"),
        (("pixels",), "mean", True),
        (("pixels",), "height", "112"),
        (("golden",), "bytes", True),
        (("golden",), "bytes", "2"),
        (("samples",), "rendered", 1),
        (("variants", "none", "gate"), "passed", "yes"),
        (("variants", "none", "drift"), "crops", "24"),
        (("detector", "settings"), "face_overlap", "0.7"),
        (("detector", "settings"), "face_overlap", True),
    ],
)
def test_types_are_those_of_the_schema(copy, part, key, value):
    def change(content):
        for name in part:
            content = content[name]
        content[key] = value

    edit_contract(copy, change)
    with pytest.raises(InputError, match="damaged contract|format version"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"far_0.01": 0.4', '"far_0.01": 0.4, "far_0.01": -0.9', "'far_0.01' is there"),
        ('"variants": {', '"variants": {}, "variants": {', "'variants' is there twice"),
        # One key in two spellings.
        ('"golden": {', '"gold\\u0065n": 5, "golden": {', "'golden' is there twice"),
        ('"far_0.01": 0.4', '"far_0.01": NaN', "NaN is no number of JSON"),
        ('"far_0.01": 0.4', '"far_0.01": -Infinity', "-Infinity is no number"),
        ('"far_0.01": 0.4', '"far_0.01": 1e999', "finite number"),
        ('"far_0.01": 0.4', '"far_0.01": ' + 5000 * "[", "nested too deeply|Expecting"),
        ('"far_0.01": 0.4', '"far_0.01": ' + 5000 * "9", "damaged contract"),
    ],
)
def test_json_that_readers_understand_differently_is_refused(copy, old, new, reason):
    edited(copy, old, new)
    reseal(copy)
    with pytest.raises(InputError, match=f"damaged contract: .*{reason}|{reason}"):
        load_bundle(copy)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"", b"{}", b"5"]
)
def test_a_contract_of_other_bytes_is_refused(copy, content):
    (copy / "contract.json").write_bytes(content)
    reseal(copy)
    with pytest.raises(InputError, match="damaged contract"):
        load_bundle(copy)


FILES = ["embedder.tflite", "detector/onet.tflite", "golden.json"]
SEALS = ["contract.json", "contract.json.sha256"]


@pytest.mark.parametrize("difference", [-1, 1, 2**20])
@pytest.mark.parametrize("file", FILES)
def test_the_size_is_compared(copy, file, difference):
    def change(content):
        records = [content["variants"]["none"], content["golden"]]
        records += content["detector"]["files"].values()
        (record,) = (record for record in records if record["file"] == file)
        record["bytes"] += difference

    edit_contract(copy, change)
    with pytest.raises(InputError, match=r"\(its size differs\)|than the \d+ bytes"):
        load_bundle(copy)
    told = [line for line in check_bundle(copy).differences if line.startswith(file)]
    assert len(told) == 1 and ("size differs" in told[0] or "bytes that" in told[0])


def test_what_would_take_all_memory_is_refused_before_it_is_read(copy):
    os.truncate(copy / "golden.json", 2**40)  # sparse: it takes no space
    with pytest.raises(InputError, match=r"more than the \d+ bytes"):
        load_bundle(copy)
    edit_contract(copy, lambda content: content["golden"].update(bytes=2**40))
    with pytest.raises(InputError, match="all files must have"):
        load_bundle(copy)
    os.truncate(copy / "contract.json", 2**40)
    with pytest.raises(InputError, match="more than the"):
        load_bundle(copy)


@pytest.mark.parametrize("kind", ["pipe", "endless", "link", "folder", "dangling"])
@pytest.mark.parametrize("file", [*FILES, *SEALS])
def test_only_regular_files_are_opened(copy, file, kind):
    path, other = copy / file, copy.parent / "other"
    path.rename(other)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        targets = {"endless": "/dev/zero", "link": other, "dangling": copy / "none"}
        path.symlink_to(targets[kind])
    with pytest.raises(
        InputError, match=r"regular files only|lacks a file|missing|not a b"
    ):
        load_bundle(copy)
    if file not in SEALS:
        assert any(line.startswith(file) for line in check_bundle(copy).differences)


def test_a_linked_folder_in_a_bundle_is_refused_and_the_bundle_may_be_one(copy):
    (copy.parent / "latest").symlink_to(copy)
    assert load_bundle(copy.parent / "latest").variant().thresholds["far_0.01"] == 0.4
    (copy / "detector").rename(copy.parent / "elsewhere")
    (copy / "detector").symlink_to(copy.parent / "elsewhere")
    with pytest.raises(InputError, match="detector is a link"):
        load_bundle(copy)


def test_the_detector_s_networks_are_those_that_were_checked(copy):
    detector = copy / "detector"
    shutil.copy(detector / "pnet.tflite", detector / "checked.tflite")
    shutil.copy(detector / "rnet.tflite", detector / "pnet.tflite")
    name = {"file": "detector/checked.tflite"}
    edit_contract(
        copy, lambda content: content["detector"]["files"]["pnet"].update(name)
    )
    load_bundle(copy).detector()  # of the unchecked file: not the network pnet


@pytest.mark.parametrize("file", ["embedder.tflite", "detector/rnet.tflite"])
def test_a_file_that_is_exchanged_after_the_check_is_not_used(copy, file):
    bundle = load_bundle(copy)
    other = copy / "detector/onet.tflite"
    shutil.copy(other, copy / file)
    with pytest.raises(InputError, match="differs|bytes that it may have"):
        Embedder(bundle)


def test_no_network_of_an_unsealed_contract_is_run(copy, monkeypatch):
    edited(copy, '"far_0.01": 0.4', '"far_0.01": -0.9')
    monkeypatch.delattr("tf_sphereface.runtimes.litert.Interpreter")
    check = check_bundle(copy)
    assert check.differences == (
        "contract.json: its checksum differs from contract.json.sha256",
    )
    assert check.intact_variants() == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("level_overlap", 1.0),
        ("photo_overlap", 5.0),
        ("refined_overlap", 0),
        ("face_overlap", -1e308),
        ("thresholds", [0.0, 0.7, 0.9]),
        ("thresholds", [0.6, 0.7, -5]),
        ("thresholds", 0.6),
        ("pyramid_factor", 0.95),
        ("smallest_face", 1e-9),
        ("smallest_face", 12),  # 2.0 times the pixels of the photo
        ("smallest_face", 14),  # 2.0 times at the second look, 1.5 at the first
        ("pyramid_factor", 0.9),
        ("second_thresholds", [0.5, 0.6]),
        ("second_thresholds", [0.5, 0.6, 0.0]),
        ("landmark_rule", "best"),
        ("landmark_rule", 1.0),
        ("colour", 1.0),
    ],
)
def test_detector_settings_that_stall_are_refused(copy, key, value):
    settings = {key: value}
    edit_contract(
        copy, lambda content: content["detector"]["settings"].update(settings)
    )
    with pytest.raises(
        InputError, match="detector settings of .* are unusable|damaged contract"
    ):
        load_bundle(copy)


def test_a_contract_of_thousands_of_brackets_is_one_line_of_show(copy, capsys):
    (copy / "contract.json").write_text("[" * 200_000)
    reseal(copy)
    for action in ("show", "verify"):
        assert bundle_command.main([action, str(copy)]) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith("error: damaged contract: ")
        assert printed.err.count("\n") == 1


def test_a_whole_bundle_is_opened_by_all(copy, people, tmp_path, capsys):
    for name in ("match", "show", "embed"):
        module, arguments = commands(copy, people, tmp_path)[name]
        assert module.main([str(argument) for argument in arguments]) == 0
    assert json.loads((copy / "contract.json").read_text())["variants"]
