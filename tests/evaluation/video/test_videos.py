"""Tests for tf_sphereface.evaluation.video."""

import math

import numpy as np
import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import EmbeddingFile
from tf_sphereface.evaluation.video import (
    evaluate_videos,
    mean_of_frames,
    read_youtube_splits,
    video_means,
)


def simulated(folder, people=24, frames=(1, 6), noise=0.9, seed=0):
    """Two videos a person with a few frames each, and pairs in three folds.

    Returns the file of embeddings, the path of the list, its pairs as (left, right,
    same, fold), and the frames by video.
    """
    rng = np.random.default_rng(seed)
    videos, pairs = {}, []
    for person in range(people):
        centre = rng.normal(size=12)
        for video in (0, 3):
            count = rng.integers(*frames)
            rows = centre + noise * rng.normal(size=(count, 12))
            videos[f"p{person:02d}/{video}"] = rows.astype(np.float32)
    for person in range(people):
        other = (person + 3) % people
        for right, same in ((person, 1), (other, 0)):
            pairs.append((f"p{person:02d}/0", f"p{right:02d}/3", same, person % 3))
    names = [f"{v}/{i}.jpg" for v, rows in videos.items() for i in range(len(rows))]
    lines = ["split number, split index, first name, second name, is same"]
    lines += [
        f"{fold + 1}, {i}, {left}, {right}, {same}"
        for i, (left, right, same, fold) in enumerate(pairs)
    ]
    (folder / "splits.txt").write_text("\n".join(lines) + "\n")
    file = EmbeddingFile(np.concatenate(list(videos.values())), names)
    return file, folder / "splits.txt", pairs, videos


def slow_mean_of_frame_pairs(left, right):
    scores = [
        sum(x * y for x, y in zip(a, b, strict=True))
        / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
        for a in left.tolist()
        for b in right.tolist()
    ]
    return sum(scores) / len(scores)


def slow_folds(scores, same, fold):
    """The best squared distance of the other folds, 0, 0.01 .. 3.99, judges a fold."""
    accuracies = []
    for held_out in sorted(set(fold)):
        best, chosen = -1, None
        for step in range(400):
            calls = [
                (2 - 2 * s < step / 100) == bool(y)
                for s, y, f in zip(scores, same, fold, strict=True)
                if f != held_out
            ]
            if sum(calls) > best:
                best, chosen = sum(calls), step / 100
        test = [
            (2 - 2 * s < chosen) == bool(y)
            for s, y, f in zip(scores, same, fold, strict=True)
            if f == held_out
        ]
        accuracies.append(sum(test) / len(test))
    return accuracies


def test_frame_pairs_are_those_of_all_pairs_of_frames(tmp_path):
    file, splits, pairs, videos = simulated(tmp_path)
    report = evaluate_videos(file, "ytf", splits, pooling="frame-pairs", resamples=0)
    scores = [slow_mean_of_frame_pairs(videos[a], videos[b]) for a, b, _, _ in pairs]
    # The report has the pairs in the order of the list.
    np.testing.assert_allclose(report.plain_scores, scores, atol=1e-6)
    same, fold = [p[2] for p in pairs], [p[3] for p in pairs]
    assert report.fold_accuracies == tuple(slow_folds(scores, same, fold))
    assert 0.6 < report.accuracy < 1


def test_mean_frames_score_as_one_face(tmp_path):
    file, splits, pairs, videos = simulated(tmp_path)
    report = evaluate_videos(file, "ytf", splits, resamples=0)
    for (left, right, _, _), score in zip(pairs, report.plain_scores, strict=True):
        means = []
        for video in (left, right):
            rows = videos[video].astype(float)
            means.append((rows / np.linalg.norm(rows, axis=1)[:, None]).mean(axis=0))
        expected = means[0] @ means[1] / np.linalg.norm(means[0])
        assert score == pytest.approx(expected / np.linalg.norm(means[1]), abs=1e-6)
    assert report.protocol == "ytf"
    assert any("mean of its L2-normalised frames" in note for note in report.notes)


def test_poolings_differ_by_hand():
    """A video with frames x and y, and one with frame x.

    Mean (1, 1) / 2: its cosine with x is 0.71; the frame pairs score 1 and 0, mean 0.5.
    """
    mean = mean_of_frames(np.array([[5.0, 0], [0, 0.1]]))
    assert mean.tolist() == [0.5, 0.5]
    assert mean @ [1, 0] == 0.5
    assert mean @ [1, 0] / np.linalg.norm(mean) == pytest.approx(math.sqrt(0.5))


def test_first_frames_are_those_of_the_lowest_numbers():
    rows = np.eye(4, dtype=np.float32)
    file = EmbeddingFile(
        rows, ["a/1/0.10.jpg", "a/1/0.9.jpg", "a/1/0.2.jpg", "b/1/1.jpg"]
    )
    found = video_means(file, None, ["a/1", "b/1", "c/1"], frames=2)
    assert found.means[0].tolist() == [0, 0.5, 0.5, 0]
    assert found.frames.tolist() == [2, 1, 0]
    assert np.isnan(found.means[2]).all()


def test_file_may_say_which_video_a_frame_is_of():
    file = EmbeddingFile(
        np.eye(2, dtype=np.float32),
        ["f1.jpg", "f2.jpg"],
        parts={"videos": np.array(["a/1", "a/1"])},
    )
    assert video_means(file, None, ["a/1"]).frames.tolist() == [2]


def test_video_without_frames_counts_as_wrong_or_is_left_out(tmp_path):
    file, splits, pairs, _ = simulated(tmp_path, noise=0.01)
    text = splits.read_text().replace("p05/0,", "p05/9,")
    splits.write_text(text)
    wrong = evaluate_videos(file, "ytf", splits, resamples=0)
    assert wrong.missing_photos == ("p05/9",)
    assert wrong.accuracy == pytest.approx(1 - 2 / len(pairs))
    skipped = evaluate_videos(file, "ytf", splits, resamples=0, missing="skip")
    assert skipped.accuracy == 1.0
    with pytest.raises(InputError, match="1 of the 48 videos have no frame.*p05/9"):
        evaluate_videos(file, "ytf", splits, missing="error")


def test_list_of_pairs_is_read(tmp_path):
    (tmp_path / "splits.txt").write_text(
        "1, 1, Ann_Lee/2, Ann_Lee/4, 1, 7\r\n2,1,Ann_Lee/2,Bo/0,0\n"
    )
    pairs = read_youtube_splits(tmp_path / "splits.txt")
    assert pairs.folds == 2
    assert pairs.pairs[0] == ("Ann_Lee/2", "Ann_Lee/4", True, 0)
    assert pairs.pairs[1] == ("Ann_Lee/2", "Bo/0", False, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1, 1, a/1, b/1\n", "line 1"),
        ("heads\n1, 1, a/1, b/1, 2\n", "line 2"),
        ("1, 1, a, b/1, 1\n", "line 1"),
        ("1, 1, a/../.., b/1, 1\n", "line 1"),
        ("0, 1, a/1, b/1, 1\n", "line 1"),
        ("1, 1, a/1, b/1, 1\n\u00b2, 1, a/1, b/1, 1\n", "line 2"),
        (f"{9**20}, 1, a/1, b/1, 1\n", "not be empty"),  # taken for headings
        ("1, 1, a/1, a/1, 1\n", "line 1: a pair must be two videos"),
        ("\n", "not be empty"),
    ],
)
def test_bad_lists_are_refused(tmp_path, content, message):
    (tmp_path / "splits.txt").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_youtube_splits(tmp_path / "splits.txt")


def test_options_that_do_not_fit_are_refused(tmp_path):
    file, splits, _, _ = simulated(tmp_path)
    for options, message in (
        ({"pooling": "max"}, "`pooling`"),
        ({"pooling": "frame-pairs", "rule": "sphereface"}, "`rule`"),
        ({"missing": "maybe"}, "`missing`"),
        ({"frames": 0}, "`frames`"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate_videos(file, "ytf", splits, **options)


def test_odd_lists_are_noted_or_refused(tmp_path):
    file, splits, _, _ = simulated(tmp_path)
    text = splits.read_text()
    splits.write_text(f"{text}1, 1, p00/3, p00/0, 1\n")
    notes = evaluate_videos(file, "ytf", splits, resamples=0).notes
    assert any("1 of 49 pairs repeat an earlier one" in note for note in notes)
    splits.write_text(f"{text}1, 1, p00/3, p00/0, 0\n")
    with pytest.raises(InputError, match="Received both: p00/0 and p00/3"):
        evaluate_videos(file, "ytf", splits)


def test_folds_are_checked_before_the_frames_are_embedded(tmp_path):
    _, splits, _, _ = simulated(tmp_path)
    splits.write_text(splits.read_text() + "4, 1, p00/0, p00/3, 1\n")
    with pytest.raises(InputError, match="only genuine pairs"):
        evaluate_videos(None, "ytf", splits)  # no source: nothing asks for a frame


def test_frames_of_any_name_are_sorted():
    names = ("a/1/\u00b2.jpg", "a/1/10.jpg", "a/1/2.jpg")
    file = EmbeddingFile(np.eye(3, dtype=np.float32), names)
    found = video_means(file, None, ["a/1"], frames=1)
    np.testing.assert_array_equal(found.means, [[0, 0, 1]])
