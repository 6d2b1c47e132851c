"""Tests for tf_sphereface.evaluation.clustering, and for the projector."""

import itertools
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, AgglomerativeClustering

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.clustering import clustering
from tf_sphereface.evaluation.clustering.clustering import METHODS, cluster_features
from tf_sphereface.evaluation.clustering.metrics import (
    bcubed_agreement,
    pairwise_agreement,
)
from tf_sphereface.evaluation.embeddings.projector import write_projector
from tf_sphereface.similarity import unit_rows


def at(*degrees):
    """Unit vectors in the plane, at angles from the first axis, of unlike lengths."""
    theta = np.radians(degrees)
    lengths = np.linspace(0.5, 3, len(degrees))[:, None]
    return lengths * np.stack([np.cos(theta), np.sin(theta)], axis=1)


def cosine(degrees):
    return math.cos(math.radians(degrees))


# Six faces: people A (4) and B (2); clusters 0 has A A A B, 1 has A B.
# Pairs in a cluster: 6 + 1 = 7, of which one person's: A A A gives 3. Precision 3/7.
# Pairs of a person: 6 + 1 = 7. Recall 3/7.
# BCubed precision: 3 faces at 3/4, B at 1/4; then 1/2 and 1/2: (9/4+1/4+1)/6 = 7/12.
# BCubed recall: 3 faces at 3/4, one A at 1/4, both B at 1/2: (9/4+1/4+1)/6 = 7/12.
BY_HAND = ([0, 0, 0, 0, 1, 1], "AAABAB")


def test_agreement_worked_by_hand():
    assert pairwise_agreement(*BY_HAND) == pytest.approx((3 / 7, 3 / 7, 3 / 7))
    assert bcubed_agreement(*BY_HAND) == pytest.approx((7 / 12, 7 / 12, 7 / 12))


def test_agreement_of_unknown_faces_worked_by_hand():
    # Each unknown face is alone: BCubed precision 1, recall (1/2 + 1/2 + 1)/3 = 2/3.
    assert bcubed_agreement([-1, -1, 0], "AAB") == pytest.approx((1, 2 / 3, 0.8))
    pairs = pairwise_agreement([-1, -1, 0], "AAB")
    assert math.isnan(pairs.precision) and pairs.recall == 0 and math.isnan(pairs.f)
    assert pairwise_agreement([0, 0, 1, 1], "ABAB") == (0, 0, 0)


def slow_agreements(clusters, people):
    """Both measures by plain loops over faces and pairs, in exact fractions."""
    faces = range(len(people))

    def together(a, b):
        return a == b or (clusters[a] == clusters[b] and clusters[a] >= 0)

    pairs = list(itertools.combinations(faces, 2))
    both = sum(together(a, b) and people[a] == people[b] for a, b in pairs)
    precision = Fraction(both, sum(together(a, b) for a, b in pairs))
    recall = Fraction(both, sum(people[a] == people[b] for a, b in pairs))
    bcubed = [Fraction(0), Fraction(0)]
    for a in faces:
        cluster = {b for b in faces if together(a, b)}
        person = {b for b in faces if people[a] == people[b]}
        bcubed[0] += Fraction(len(cluster & person), len(cluster) * len(faces))
        bcubed[1] += Fraction(len(cluster & person), len(person) * len(faces))
    return (precision, recall), tuple(bcubed)


def test_agreement_is_that_of_plain_loops():
    rng = np.random.default_rng(0)
    for _ in range(20):
        clusters, people = rng.integers(-1, 5, 30), rng.integers(0, 6, 30)
        for found, (precision, recall) in zip(
            (pairwise_agreement(clusters, people), bcubed_agreement(clusters, people)),
            slow_agreements(clusters, people),
            strict=True,
        ):
            f = 2 * precision * recall / (precision + recall)
            assert found == pytest.approx((float(precision), float(recall), float(f)))


@pytest.mark.parametrize("measure", [pairwise_agreement, bcubed_agreement])
def test_agreement_refuses_other_lengths(measure):
    for clusters, people in (([0, 1], "A"), ([], "")):
        with pytest.raises(ValueError, match="must both be"):
            measure(clusters, people)


@pytest.mark.parametrize("method", METHODS)
def test_people_far_apart_become_clusters_by_size(method):
    features = at(90, 91, 0, 1, 2, 180, 181, 182, 183, 92, 270)
    threshold = None if method == "hdbscan" else cosine(20)
    min_faces = 3 if method == "dbscan" else 2
    found = cluster_features(features, method, threshold, min_faces)
    # Four at 180; of the two with three faces the one at 90 has the first face.
    assert found[:10].tolist() == [1, 1, 2, 2, 2, 0, 0, 0, 0, 1]
    # The lone face at 270 is the edge of the nearest group to hdbscan.
    assert found[10] == (0 if method == "hdbscan" else -1)


def test_average_linkage_and_chains_differ():
    # Steps of 10 degrees. A chain joins all within 10. On average, {0, 10} and {20, 30}
    # are 20 apart, and so are {0, 10} and {20}: 15.
    features = at(0, 10, 20, 30)
    assert cluster_features(features, "dbscan", cosine(10)).tolist() == [0, 0, 0, 0]
    pairs = cluster_features(features, "agglomerative", cosine(12))
    assert pairs.tolist() == [0, 0, 1, 1]
    assert cluster_features(features, threshold=cosine(19.9)).tolist() == [0, 0, 1, 1]
    assert cluster_features(features, threshold=cosine(20.1)).tolist() == [0, 0, 0, 0]


def test_a_pair_at_the_threshold_itself_is_one_person():
    for method in ("agglomerative", "dbscan"):
        found = cluster_features(at(0, 30), method, cosine(30))
        assert found.tolist() == [0, 0]
        found = cluster_features(at(0, 30.001), method, cosine(30))
        assert found.tolist() == [-1, -1]


def test_one_face_is_unknown_unless_alone_is_enough():
    for method in METHODS:
        threshold = None if method == "hdbscan" else 0.5
        assert cluster_features(at(5), method, threshold).tolist() == [-1]
    assert cluster_features(at(5), threshold=0.5, min_faces=1).tolist() == [0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "kmeans", "threshold": 0.1}, "`method` must be .*'kmeans'"),
        ({"threshold": None}, "`threshold` must be given"),
        ({"method": "hdbscan", "threshold": 0.5}, "`threshold` must be given"),
        ({"threshold": 1.5}, "must be a cosine.*1.5"),
        ({"threshold": 0.5, "min_faces": 0}, "`min_faces` must be"),
        ({"method": "hdbscan", "min_faces": 1}, "`min_faces` must be"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        cluster_features(at(0, 1), **arguments)


def test_bad_features_are_named():
    with pytest.raises(ValueError, match="`features` must be finite"):
        cluster_features(np.array([[1, math.nan]]), threshold=0.5)
    with pytest.raises(InputError, match="at most 20,000 faces"):
        cluster_features(np.ones((20_001, 1)), threshold=0.5)
    with pytest.raises(InputError, match="at most 12,000 .* hdbscan, .*4 GB of memory"):
        cluster_features(np.ones((12_001, 1)), "hdbscan")


def test_clusters_are_those_of_all_angles_at_once():
    """scikit-learn's own, which has each pair six times in memory."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(150, 1, 8)) + 0.2 * rng.normal(size=(150, 4, 8))
    unit = unit_rows(rows.reshape(600, 8))
    theta = np.arccos(np.clip(unit @ unit.T, -1, 1))
    limit = math.radians(20)
    kinds = {
        "agglomerative": AgglomerativeClustering(
            n_clusters=None,
            distance_threshold=limit,
            metric="precomputed",
            linkage="average",
        ),
        "dbscan": DBSCAN(eps=limit, min_samples=3, metric="precomputed"),
    }
    for method, model in kinds.items():
        expected = model.fit_predict(theta)
        found = cluster_features(unit, method, math.cos(limit), min_faces=3)
        sizes = np.bincount(expected[expected >= 0])
        large = (expected >= 0) & (sizes[expected] >= 3)
        assert 10 < found.max() + 1 == (sizes >= 3).sum()
        assert (found >= 0).tolist() == large.tolist()
        assert (
            len({*zip(found[large], expected[large], strict=True)}) == found.max() + 1
        )


def test_a_pair_of_faces_takes_few_bytes(monkeypatch):
    monkeypatch.setattr(clustering, "_ROWS", 32)
    features = np.random.default_rng(0).normal(size=(1000, 16))
    cluster_features(features[:9], threshold=0.9)  # loads the library
    tracemalloc.start()
    cluster_features(features, threshold=0.9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 11 * len(features) ** 2


def test_projector_files_are_rows_of_tabs(tmp_path):
    embeddings = np.array([[3.0, 4.0], [0.0, -2.0]])
    people = ["Ann\tLee", ""]
    write_projector(tmp_path / "new", embeddings, ["a.png", "b\n.png"], {"who": people})
    read = (tmp_path / "new/tensors.tsv").read_text("utf-8")
    assert read == "0.6\t0.8\n0\t-1\n"
    words = (tmp_path / "new/metadata.tsv").read_text("utf-8")
    assert words == "name\twho\na.png\tAnn Lee\nb .png\t-\n"


def test_projector_config_is_what_tensorboard_reads(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    write_projector(tmp_path, np.eye(2), ["a", "b"])
    config = text_format.Parse(
        (tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig()
    )
    (embedding,) = config.embeddings
    for path in (embedding.tensor_path, embedding.metadata_path):
        assert len((tmp_path / path).read_text().splitlines()) == 2


def test_projector_refuses_other_lengths(tmp_path):
    with pytest.raises(ValueError, match="every column"):
        write_projector(tmp_path, np.eye(2), ["a"])
    with pytest.raises(ValueError, match="must be finite"):
        write_projector(tmp_path, np.full((1, 2), np.inf), ["a"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", METHODS)
def test_clusters_larger_than_all_faces_are_none(method):
    threshold = None if method == "hdbscan" else -1.0
    assert cluster_features(at(0, 0, 1), method, threshold, 4).tolist() == [-1] * 3
