"""Tests for evaluation.templates.insightface_rule, against loops in float64."""

import json
import math

import numpy as np
import pytest

from tf_sphereface.commands.evaluate import main
from tf_sphereface.errors import InputError
from tf_sphereface.evaluation import EmbeddingFile, write_embeddings
from tf_sphereface.evaluation.embeddings.sources import open_features
from tf_sphereface.evaluation.templates import read_photo_scores
from tf_sphereface.evaluation.templates.insightface_rule import rates_at_nearest_fars
from tf_sphereface.evaluation.templates.protocol import evaluate_ijb

PEOPLE, EACH, DIM = 12, 3, 6  # templates a person: the first is the gallery's
FAR, FPIRS = 1e-2, (0.1, 0.01)


class Case:
    """Random lists and features: several photos and frames a template."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.people = np.repeat(np.arange(PEOPLE), EACH)
        self.template = np.repeat(np.arange(PEOPLE * EACH), 4)
        self.media = rng.integers(0, 3, len(self.template))
        self.names = [f"{n}.jpg" for n in range(len(self.template))]
        centres = rng.normal(size=(PEOPLE, 2 * DIM))
        noise = rng.normal(size=(len(self.names), 2 * DIM))
        lengths = rng.uniform(0.2, 5, (len(self.names), 1))
        whose = self.people[self.template]
        self.features = ((0.8 * centres[whose] + noise) * lengths).astype("float32")
        self.detected = rng.uniform(0.5, 1, len(self.names))
        left, right = np.triu_indices(PEOPLE * EACH, 1)
        self.left, self.right = left, right
        self.same = self.people[left] == self.people[right]

    def templates(self, scores=True, mirror=True):
        """Unit rows as the scripts make them: lengths and scores are kept."""
        rows = []
        for number in range(PEOPLE * EACH):
            total = np.zeros(DIM)
            for medium in set(self.media[self.template == number]):
                frames = []
                for photo in np.flatnonzero(self.template == number):
                    if self.media[photo] == medium:
                        halves = np.float64(self.features[photo]).reshape(2, DIM)
                        feature = halves.sum(axis=0) if mirror else halves[0]
                        frames.append(feature * (self.detected[photo] if scores else 1))
                total += sum(frames) / len(frames)
            rows.append(total / math.sqrt(total @ total))
        return np.array(rows)


def nearest(genuine, impostor, far):
    """(FAR, TAR) of the corner of the ROC that is nearest to the target."""
    points = [(0, 0)]
    for threshold in sorted({*genuine, *impostor}, reverse=True):
        points.append(
            (
                sum(score >= threshold for score in impostor),
                sum(score >= threshold for score in genuine),
            )
        )
    steps = [
        (b[0] - a[0], b[1] - a[1]) for a, b in zip(points, points[1:], strict=False)
    ]
    corners = [
        point
        for point, before, after in zip(points[1:-1], steps, steps[1:], strict=False)
        if before != after
    ]
    corners = [points[0], *corners, points[-1]]
    rates = [(x / len(impostor), y / len(genuine)) for x, y in corners]
    return min(rates[::-1], key=lambda rate: abs(rate[0] - far))


def searched(gallery, probes, people, fpir):
    """Share of the probes above the ceil(n FPIR)-th score with a stranger."""
    own, strangers = [], []
    for number, probe in enumerate(probes):
        for person, face in enumerate(gallery):
            mine = person == people[number]
            (own if mine else strangers).append(float(probe @ face))
    barrier = sorted(strangers, reverse=True)[math.ceil(len(probes) * fpir) - 1]
    return sum(score > barrier for score in own) / len(own)


@pytest.fixture
def lists(tmp_path):
    def write(case):
        write_embeddings(
            tmp_path / "faces.npz",
            EmbeddingFile(case.features, case.names, mirror=True),
        )
        rows = zip(case.names, case.template, case.media, strict=True)
        text = "".join(f"{name} {t} {m}\n" for name, t, m in rows)
        (tmp_path / "photos.txt").write_text(text)
        rows = zip(case.left, case.right, case.same, strict=True)
        text = "".join(f"{a} {b} {int(same)}\n" for a, b, same in rows)
        (tmp_path / "pairs.txt").write_text(text)
        rows = zip(case.names, case.detected, strict=True)
        text = "".join(f"{name} {'1.5 ' * 10}{score:.17g}\n" for name, score in rows)
        (tmp_path / "scores.txt").write_text(text)
        subjects = list(enumerate(case.people))
        for name, chosen in (
            ("g1", subjects[0 : EACH * 6 : EACH]),
            ("g2", subjects[EACH * 6 :: EACH]),
            ("probes", [row for row in subjects if row[0] % EACH]),
        ):
            text = "".join(f"{t},{person}\n" for t, person in chosen)
            (tmp_path / f"{name}.csv").write_text(f"TEMPLATE_ID,SUBJECT_ID\n{text}")
        return tmp_path

    return write


def options(folder):
    return {
        "templates": folder / "photos.txt",
        "pairs": folder / "pairs.txt",
        "gallery": [folder / "g1.csv", folder / "g2.csv"],
        "probes": folder / "probes.csv",
    }


@pytest.mark.parametrize("scores", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_rates_are_those_of_the_scripts(lists, seed, scores):
    case = Case(seed)
    folder, rows = lists(case), case.templates(scores)
    report = evaluate_ijb(
        open_features(folder / "faces.npz"),
        "ijb",
        **options(folder),
        rule="insightface",
        photo_scores=folder / "scores.txt" if scores else None,
    )
    found = np.einsum("pd,pd->p", rows[case.left], rows[case.right])
    far, tar = nearest(found[case.same], found[~case.same], FAR)
    point = report.tar_at_far[FAR]
    assert (point.far, point.tar) == (pytest.approx(far), pytest.approx(tar))
    kept = np.sort(found[~case.same])[::-1]
    np.testing.assert_allclose(report.falling, kept, atol=1e-5)
    assert math.isnan(report.tar_at_far[1e-3].tar)  # 576 impostor pairs
    is_probe = np.arange(len(rows)) % EACH > 0
    for fpir in FPIRS:
        args = rows[~is_probe], rows[is_probe], case.people[is_probe], fpir
        assert report.dir_at_fpir()[fpir] == pytest.approx(searched(*args))
        assert report.searched[fpir].far * is_probe.sum() == (
            math.ceil(is_probe.sum() * fpir) - 1
        )
    assert report.open == () and any("nearest FAR" in note for note in report.notes)
    json.dumps(report.to_json(), allow_nan=False)
    usual = evaluate_ijb(open_features(folder / "faces.npz"), "ijb", **options(folder))
    assert abs(usual.falling - report.falling).max() > 0.01 and not usual.searched


def test_the_nearest_far_may_be_above_the_target():
    """Of ten impostors one in ten is the least FAR above 0: 0.16 is nearer to 0.2."""
    falling = np.linspace(0.9, 0, 10)
    genuine = np.array([0.95, 0.85, 0.75, -math.inf])
    points = rates_at_nearest_fars(genuine, falling, (0.16, 0.1, 0.05))
    assert (points[0.16].far, points[0.16].tar) == (0.2, 0.75)
    assert (points[0.1].far, points[0.1].tar) == (0.1, 0.5)
    assert points[0.1].threshold == pytest.approx(0.85)
    assert math.isnan(points[0.05].tar)
    best = rates_at_nearest_fars(np.array([0.95]), np.array([0.99] * 10), (0.1,))
    assert (best[0.1].far, best[0.1].tar) == (0.0, 0.0)
    assert math.isfinite(best[0.1].threshold) and best[0.1].threshold > 0.99


def test_command_takes_the_rule(lists, capsys):
    folder = lists(Case(0))
    given = options(folder)
    command = [str(folder / "faces.npz"), "--protocol", "ijb", "--templates"]
    command += [str(given["templates"]), "--pairs", str(given["pairs"])]
    command += ["--out", str(folder / "report")]
    scores = ["--photo-scores", str(folder / "scores.txt")]
    assert main([*command, "--rule", "insightface", *scores]) == 0
    stored = json.loads((folder / "report" / "report.json").read_text())
    assert any("InsightFace's rule" in note for note in stored["notes"])
    assert main([*command, *scores]) == 2
    assert "say --rule insightface" in capsys.readouterr().err
    assert main([*command, "--rule", "sphereface"]) == 2
    assert "`rule` must be insightface, or not be given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1.jpg 1 2 0.5\n2.jpg\n", "line 2: .*NAME ... SCORE.*Received: '2.jpg'"),
        ("1.jpg x\n", "line 1"),
        ("1.jpg -1\n", "line 1"),
        ("1.jpg nan\n", "line 1"),
        ("1.jpg inf\n", "line 1"),
        ("1.jpg 0.5\n", "1 photos have no score; the first is 2.jpg"),
    ],
)
def test_bad_scores_are_refused(tmp_path, content, message):
    (tmp_path / "scores.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        read_photo_scores(tmp_path / "scores.txt", ["1.jpg", "2.jpg"])
