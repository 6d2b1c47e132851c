"""Tests for tf_sphereface.evaluation.embeddings.model_embeddings."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.photos import reading_ahead
from tf_sphereface.data.photos.lookup import find_photos
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import ModelEmbeddings
from tf_sphereface.evaluation.embeddings import model_embeddings
from tf_sphereface.preprocessing import PixelContract


class CornerEmbedder:
    """Embeds a crop as its upper left and upper right red values."""

    kind = "keras"
    pixel_contract = PixelContract(2, 3)
    embedding_dim = 2

    def embed(self, aligned_faces):
        return aligned_faces[:, 0, [0, -1], 0].astype(np.float32)


def save(root, relative, left=10, right=20, size=(3, 2)):
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, 0], pixels[:, -1] = left, right
    (root / relative).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(root / relative)


def test_face_comes_before_its_mirror_image(tmp_path):
    save(tmp_path, "a/a_0001.png", 10, 20)
    embeddings = ModelEmbeddings(CornerEmbedder()).features(["a/a_0001"], tmp_path)
    assert embeddings.dtype == np.float32
    np.testing.assert_array_equal(embeddings, [[10, 20, 20, 10]])


def test_mirror_images_are_in_the_same_call(tmp_path):
    class Recorder(CornerEmbedder):
        def __init__(self):
            self.calls = []

        def embed(self, aligned_faces):
            assert aligned_faces.flags.c_contiguous
            self.calls.append(len(aligned_faces))
            return super().embed(aligned_faces)

    for number in range(5):
        save(tmp_path, f"a/{number}.png", number, 100 + number)
    names, plain, mirrored = [f"a/{n}.png" for n in range(5)], Recorder(), Recorder()
    rows = ModelEmbeddings(mirrored, batch_size=2).features(names, tmp_path)
    ModelEmbeddings(plain, batch_size=2).features(names, tmp_path, mirror=False)
    assert (mirrored.calls, plain.calls) == ([4, 4, 2], [2, 2, 1])
    np.testing.assert_array_equal(rows, [[n, 100 + n, 100 + n, n] for n in range(5)])


def test_crops_in_memory_do_not_grow_with_the_folder(tmp_path, monkeypatch):
    held, read = [], model_embeddings.read_photo

    def counted(file):
        held.append(file)
        return read(file)

    class Embedder(CornerEmbedder):
        embedded = 0

        def embed(self, aligned_faces):
            ahead.append(len(held) - self.embedded)
            self.embedded += len(aligned_faces)
            return super().embed(aligned_faces)

    for number in range(60):
        save(tmp_path, f"a/{number}.png")
    monkeypatch.setattr(model_embeddings, "read_photo", counted)
    monkeypatch.setattr(reading_ahead, "usable_cores", lambda: 4)
    names, ahead = [f"a/{number}.png" for number in range(60)], []
    ModelEmbeddings(Embedder(), batch_size=2).features(names, tmp_path, mirror=False)
    assert len(held) == 60 and max(ahead) <= 2 * (2 + 1)


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_rows_keep_the_order_and_missing_ones_are_nan(tmp_path, batch_size):
    for number in (1, 2, 4):
        save(tmp_path, f"a/{number}.png", number, 0)
    paths = ["a/4.png", "a/3.png", "a/1.png", "b/1.png", "a/2.png"]
    source = ModelEmbeddings(CornerEmbedder(), batch_size)
    embeddings = source.features(paths, tmp_path, mirror=False)
    np.testing.assert_array_equal(embeddings[:, 0], [4, np.nan, 1, np.nan, 2])


def test_progress_counts_the_photos_that_are_there(tmp_path):
    for number in range(3):
        save(tmp_path, f"a/{number}.png")
    paths, calls = [f"a/{number}.png" for number in range(4)], []
    ModelEmbeddings(CornerEmbedder(), batch_size=2).features(
        paths,
        tmp_path,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(2, 3), (3, 3)]


def test_crop_of_another_size_is_refused_by_name(tmp_path):
    save(tmp_path, "a/a_0001.png", size=(3, 4))
    with pytest.raises(InputError, match=r"2 x 3 pixels.*a_0001.png, 4 x 3"):
        ModelEmbeddings(CornerEmbedder()).features(["a/a_0001"], tmp_path)


def test_damaged_crop_is_refused(tmp_path):
    save(tmp_path, "a/a_0001.png")
    content = (tmp_path / "a/a_0001.png").read_bytes()
    (tmp_path / "a/a_0001.png").write_bytes(content[:40])
    with pytest.raises(InputError, match="image"):
        ModelEmbeddings(CornerEmbedder()).features(["a/a_0001"], tmp_path)


def test_first_damaged_crop_of_the_list_is_named(tmp_path):
    for number in range(12):
        save(tmp_path, f"a/{number:02}.png")
    for number in (3, 4, 9):
        (tmp_path / f"a/{number:02}.png").write_bytes(b"text")
    names = [f"a/{number:02}.png" for number in reversed(range(9))]
    with pytest.raises(InputError, match=r"not an image: .*04\.png"):
        ModelEmbeddings(CornerEmbedder(), batch_size=1).features(names, tmp_path)


def test_model_of_nan_is_refused_and_not_taken_for_missing_photos(tmp_path):
    class NaNEmbedder(CornerEmbedder):
        def embed(self, aligned_faces):
            return np.full((len(aligned_faces), 2), np.nan, np.float32)

    save(tmp_path, "a/a_0001.png")
    with pytest.raises(InputError, match="not finite.*a_0001.png"):
        ModelEmbeddings(NaNEmbedder()).features(["a/a_0001"], tmp_path)


def test_batch_size_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="batch_size=0"):
        ModelEmbeddings(CornerEmbedder(), batch_size=0).features([], tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPG", ".jpeg"])
def test_lfw_naming_finds_any_suffix(tmp_path, suffix):
    save(tmp_path, f"Sammy Jr./Sammy Jr._0001{suffix}")
    [found] = find_photos(tmp_path, ["Sammy Jr./Sammy Jr._0001"])
    assert found == tmp_path / f"Sammy Jr./Sammy Jr._0001{suffix}"


def test_stem_with_two_photos_is_refused_unless_the_suffix_is_given(tmp_path):
    save(tmp_path, "a/a_0001.png")
    save(tmp_path, "a/a_0001.jpg")
    with pytest.raises(InputError, match="a_0001.jpg and a_0001.png"):
        find_photos(tmp_path, ["a/a_0001"])
    assert find_photos(tmp_path, ["a/a_0001.png"]) == [tmp_path / "a/a_0001.png"]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_list", ["NFC", "NFD"])
def test_both_spellings_of_accents_find_the_photo(tmp_path, on_disk, in_list):
    save(tmp_path, unicodedata.normalize(on_disk, "José/José_0001.png"))
    path = unicodedata.normalize(in_list, "José/José_0001")
    assert find_photos(tmp_path, [path]) != [None]


def test_missing_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find_photos(tmp_path / "none", ["a/a_0001"])


def test_timing_leaves_out_the_first_of_several_calls(monkeypatch):
    clock = iter([0.0, 9.0, 10.0, 10.2, 20.0, 20.4])  # seconds: 9, then 0.2, then 0.4
    monkeypatch.setattr(
        "tf_sphereface.evaluation.embeddings.model_embeddings.time.perf_counter",
        lambda: next(clock),
    )
    timed = ModelEmbeddings(CornerEmbedder())
    assert np.isnan(timed.milliseconds_per_face)
    timed.embed(np.zeros((2, 2, 3, 3), np.uint8))
    assert timed.milliseconds_per_face == pytest.approx(4500)
    timed.embed(np.zeros((2, 2, 3, 3), np.uint8))
    timed.embed(np.zeros((4, 2, 3, 3), np.uint8))
    assert timed.milliseconds_per_face == pytest.approx(100)
