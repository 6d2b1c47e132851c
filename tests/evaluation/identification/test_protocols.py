"""Tests of the protocols of search, templates and videos: files in, report out."""

import json

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.commands.main import main
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import (
    PROTOCOLS,
    EmbeddingFile,
    ModelEmbeddings,
    read_embeddings,
    write_embeddings,
)
from tf_sphereface.preprocessing import PixelContract


class ColourEmbedder:
    """Embeds a crop as its mean colour."""

    kind = "keras"
    pixel_contract = PixelContract(4, 6)
    embedding_dim = 3

    def embed(self, aligned_faces):
        return aligned_faces.mean(axis=(1, 2)).astype(np.float32)


@pytest.fixture
def folders(tmp_path):
    """Photos of three people by colour; one of each is enrolled, strangers are grey."""
    colours = {"a": (200, 9, 9), "b": (9, 200, 9), "c": (9, 9, 200)}
    for name, colour in colours.items():
        for number in (1, 2, 3):
            place = "gallery" if number == 1 else "probes"
            folder = tmp_path / place / name
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.full((4, 6, 3), colour, np.uint8) + np.uint8(number)
            Image.fromarray(pixels).save(folder / f"{name}_{number}.png")
    folder = tmp_path / "crowd" / "1" / "x@N00"
    folder.mkdir(parents=True)
    for level in (50, 90):
        pixels = np.full((4, 6, 3), level, np.uint8)
        Image.fromarray(pixels).save(folder / f"{level}.png")
    return tmp_path


def run(name, source, **options):
    return PROTOCOLS[name].load()(source, name, **options)


def test_folders_and_files_give_the_same(folders):
    report = run(
        "identification",
        ModelEmbeddings(ColourEmbedder()),
        images=folders / "probes",
        gallery=[folders / "gallery"],
        distractors=folders / "crowd",
        mirror=False,
    )
    assert (report.rank_1, report.counts["distractors"]) == (1.0, 2)
    rows, names = [], []
    for place in ("probes", "gallery"):
        for path in sorted((folders / place).rglob("*.png")):
            pixels = np.asarray(Image.open(path))
            rows.append(pixels.reshape(-1, 3).mean(axis=0))
            names.append(path.relative_to(folders / place).as_posix())
    probes = EmbeddingFile(np.array(rows[:6]), names[:6])
    write_embeddings(
        folders / "gallery.npz", EmbeddingFile(np.array(rows[6:]), names[6:])
    )
    np.save(folders / "crowd.npy", np.array([[50.0] * 3, [90.0] * 3]))
    again = run(
        "identification",
        probes,
        gallery=[folders / "gallery.npz"],
        distractors=folders / "crowd.npy",
    )
    np.testing.assert_allclose(again.mate_scores, report.mate_scores, atol=1e-6)
    assert again.counts == report.counts


def test_nearest_neighbour_of_all_others(folders):
    source = ModelEmbeddings(ColourEmbedder())
    report = run("nearest-neighbour", source, images=folders / "probes", mirror=False)
    assert report.cmc == (1.0,)


def test_megaface_leaves_noise_out(folders):
    (folders / "scrub.txt").write_text("a_2.png\n")
    (folders / "mega.txt").write_text("1/x@N00/90.jpg\n")
    report = run(
        "megaface",
        ModelEmbeddings(ColourEmbedder()),
        images=folders / "probes",
        distractors=folders / "crowd",
        probe_noise=folders / "scrub.txt",
        distractor_noise=folders / "mega.txt",
    )
    # b and c keep two photos each, which make two trials each.
    assert (report.counts["trials"], report.counts["distractors"]) == (4, 1)
    assert report.rank_1 == 1.0


def test_lfw_identification_takes_names_from_files(folders):
    (folders / "known.txt").write_text("a\n")
    (folders / "extra.txt").write_text("b\n\n")
    report = run(
        "lfw-identification",
        ModelEmbeddings(ColourEmbedder()),
        images=folders / "probes",
        known=folders / "known.txt",
        extra=folders / "extra.txt",
    )
    assert report.closed.counts["gallery_people"] == 2
    assert report.open.counts["unknown_probes"] == 4


def test_ijb_embeds_each_photo_once(folders):
    (folders / "list.txt").write_text(
        "a/a_2.png 1 1\na/a_3.png 2 2\na/a_2.png 3 1\nb/b_2.png 4 3\nnone.png 4 4\n"
    )
    (folders / "pairs.txt").write_text("1 2 1\n3 2 1\n1 4 0\n")
    report = run(
        "ijb",
        ModelEmbeddings(ColourEmbedder()),
        images=folders / "probes",
        templates=folders / "list.txt",
        pairs=folders / "pairs.txt",
    )
    assert (report.counts["templates"], len(report.genuine)) == (4, 2)
    assert report.genuine.min() > 0.99 > report.falling.max()
    assert report.missing_photos == ("none.png",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((3,)), r"floats \(n, dim\)"),
        (np.zeros((3, 2), int), "int64"),
        (np.array([None]), "not a whole .npy"),
        (b"\x93NUMPY", "not a whole .npy"),
        (None, "cannot read"),
    ],
)
def test_unusable_distractors_are_refused(folders, content, message):
    path = folders / "crowd.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    options = {"images": folders / "probes", "distractors": path}
    with pytest.raises(InputError, match=message):
        run("megaface", ModelEmbeddings(ColourEmbedder()), **options)


def test_noise_list_of_nameless_distractors_is_refused(folders):
    np.save(folders / "crowd.npy", np.ones((2, 3)))
    with pytest.raises(InputError, match="a .npy has none"):
        run(
            "megaface",
            ModelEmbeddings(ColourEmbedder()),
            images=folders / "probes",
            distractors=folders / "crowd.npy",
            distractor_noise=folders / "mega.txt",
        )


def test_written_embeddings_are_a_gallery(folders):
    file = EmbeddingFile(np.eye(3), ["a/1.jpg", "b/1.jpg", "c/1.jpg"], list("aab"))
    write_embeddings(folders / "faces.npz", file)
    report = run("nearest-neighbour", read_embeddings(folders / "faces.npz"))
    # Who is who is what the file says: two photos of a, and b alone.
    assert (report.counts["trials"], report.counts["unknown_probes"]) == (2, 1)


def command(folder, name, *options):
    arguments = [str(folder / "faces.npz"), "--protocol", name, *map(str, options)]
    return main(["evaluate", *arguments, "--out", str(folder / "report")])


@pytest.fixture
def faces(tmp_path):
    """Embeddings of a, b and c, two photos each and a third of a."""
    rng = np.random.default_rng(0)
    rows = np.repeat(np.eye(3, 8), (3, 2, 2), axis=0) + 0.1 * rng.normal(size=(7, 8))
    names = [
        "a/1.jpg",
        "a/2.jpg",
        "a/3.jpg",
        "b/1.jpg",
        "b/2.jpg",
        "c/1.jpg",
        "c/2.jpg",
    ]
    write_embeddings(tmp_path / "faces.npz", EmbeddingFile(rows, names))
    np.save(tmp_path / "crowd.npy", rng.normal(size=(50, 8)))
    (tmp_path / "known.txt").write_text("a\nb\n")
    (tmp_path / "list.txt").write_text("a/1 1 1\na/2 2 2\nb/1 3 3\nb/2 4 4\n")
    (tmp_path / "pairs.txt").write_text("1 2 1\n3 4 1\n1 3 0\n")
    for number, line in enumerate(["1,a", "3,b"]):
        (tmp_path / f"g{number}.csv").write_text(f"T,S\n{line}\n")
    (tmp_path / "probes.csv").write_text("T,S\n2,a\n4,b\n")
    return tmp_path


def options_of(folder):
    lists = [folder / name for name in ("g0.csv", "g1.csv")]
    return {
        "identification": ["--gallery", folder / "faces.npz"],
        "nearest-neighbour": [],
        "megaface": ["--distractors", folder / "crowd.npy"],
        "lfw-identification": ["--known", folder / "known.txt"],
        "ijb": [
            *("--templates", folder / "list.txt", "--pairs", folder / "pairs.txt"),
            *("--gallery", *lists, "--probes", folder / "probes.csv"),
        ],
    }


@pytest.mark.parametrize(
    "name",
    ["identification", "nearest-neighbour", "megaface", "lfw-identification", "ijb"],
)
def test_command_writes_report_and_page(faces, name, capsys):
    assert command(faces, name, *options_of(faces)[name]) == 0
    content = json.loads((faces / "report" / "report.json").read_text())
    assert content["protocol"] == name
    assert "100.00 %" in (faces / "report" / "report.html").read_text()
    json.loads(capsys.readouterr().out)


def test_command_refuses_in_one_line(faces, capsys):
    assert command(faces, "ijb") == 2
    assert capsys.readouterr().err == "error: --protocol ijb needs --templates\n"
    np.save(faces / "crowd.npy", np.ones((3, 5)))
    assert command(faces, "megaface", *options_of(faces)["megaface"]) == 2
    assert "one size, from one model" in capsys.readouterr().err
    assert not (faces / "report").exists()
