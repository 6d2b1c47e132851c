"""Cases of decisions: scores, thresholds, names, frames."""

from types import SimpleNamespace

import numpy as np

from case_makers.case_folder import CaseFolder
from tf_sphereface.bundle.calibration import Calibration, decide
from tf_sphereface.bundle.features import combine
from tf_sphereface.bundle.scores import cosine_scores
from tf_sphereface.errors import InputError
from tf_sphereface.gallery.identity import checksum_of_parts
from tf_sphereface.gallery.naming import name_face
from tf_sphereface.gallery.search import TemplateMatrix
from tf_sphereface.gallery.thresholds import SearchThreshold, search_threshold
from tf_sphereface.gallery.tracks import Answer, FaceTracks
from tf_sphereface.geometry import landmark_template
from tf_sphereface.similarity import unit_rows

_CALIBRATION = {
    "genuine": 500,
    "impostor": 5000,
    "people": 40,
    "confidence": 0.95,
    "threshold_intervals": {},
    "probability": {"slope": 20.0, "intercept": -7.0},
    "frr_target": 0.01,
    "different_below": 0.25,
}
_THRESHOLDS = {
    "accuracy": 0.35,
    "far_0.1": 0.24,
    "far_0.01": 0.43,
    "far_0.001": 0.5,
    "far_0.0001": 0.56,
}
_CROSS = {"accuracy": 0.34, "far_0.1": 0.23, "far_0.01": 0.42, "far_0.001": 0.49}


def add_decision_cases(folder: CaseFolder) -> None:
    """Adds the topics of scores and of what follows from them."""
    _add_cosines(folder)
    _add_features(folder)
    _add_verdicts(folder)
    _add_thresholds(folder)
    _add_names(folder)
    _add_frames(folder)
    _add_checksums(folder)


def _add_cosines(folder):
    rng = np.random.default_rng(1)
    first = np.float32(rng.normal(size=(4, 6)).round(3))
    first[1], first[2] = first[0] * np.float32(2), -first[0]
    first[3] = np.float32(rng.normal(size=6) * 1e-3)
    cases = [
        {
            "name": f"pair {i}, {j}",
            "first": first[i],
            "second": first[j],
            "unit": unit_rows(first[i]),
            "cosine": cosine_scores(first[i : i + 1], first[j : j + 1])[0, 0],
        }
        for i, j in ((0, 0), (0, 1), (0, 2), (0, 3), (3, 1))
    ]
    about = "Cosine of two features, and the first at length 1."
    folder.topic("cosine", about, cases, tolerance=1e-6)


def _add_features(folder):
    plain = np.float32([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
    mirrored = np.float32([[2.0, -1.0, 0.25], [1.0, 1.0, -1.0]])
    cases = [
        {
            "name": policy,
            "mirror": policy,
            "plain": plain,
            "mirrored": mirrored,
            "features": plain if policy == "none" else combine(plain, mirrored, policy),
        }
        for policy in ("none", "mean", "concat")
    ]
    folder.topic(
        "mirror",
        "Features of the embeddings of crops and of their mirror images.",
        cases,
        tolerance=1e-6,
    )


def _add_verdicts(folder):
    calibrated = Calibration.model_validate(_CALIBRATION)
    strange = calibrated.model_copy(update={"different_below": 0.5})
    unknown = calibrated.model_copy(update={"different_below": None})
    cases = []
    for name, calibration in (
        ("calibrated", calibrated),
        ("zone above the threshold", strange),
        ("zone unknown", unknown),
        ("not calibrated", None),
    ):
        limit = calibration.different_below if calibration else None
        for threshold in (0.43, None):
            for score in (0.9, 0.43, 0.42999, 0.25, 0.24999, -0.5):
                verdict = decide(score, threshold, calibration)
                case = {"name": f"{name}, {threshold}, {score}", "score": score}
                case |= {"threshold": threshold, "different_below": limit}
                cases.append({**case, "verdict": verdict})
    folder.topic(
        "verdict",
        'Verdict on two faces: "same", "different", "unknown" or null; of a gallery '
        'they are called "known", "unknown" and "not sure".',
        cases,
    )


def _add_thresholds(folder):
    calibration = Calibration.model_validate(_CALIBRATION)
    cross = SimpleNamespace(thresholds=_CROSS)
    records = {
        "calibrated": SimpleNamespace(
            thresholds=_THRESHOLDS, cross_variant=cross, calibration=calibration
        ),
        "not calibrated": SimpleNamespace(
            thresholds=_THRESHOLDS, cross_variant=cross, calibration=None
        ),
        "without thresholds": SimpleNamespace(
            thresholds=None, cross_variant=None, calibration=None
        ),
    }
    asked = [
        *({"far": far} for far in (0.1, 0.01, 0.001, 0.05)),
        *(
            {"false_alarms": share, "templates": templates}
            for share in (0.1, 0.01)
            for templates in (0, 10, 12, 1000)
        ),
        {"far": 0.01, "cross_variant": True},
        {"false_alarms": 0.1, "templates": 100, "cross_variant": True},
    ]
    cases = [
        _threshold_case(name, record, {"templates": 7, **options})
        for name, record in records.items()
        for options in asked
    ]
    folder.topic(
        "search_threshold",
        "Threshold of a search: of a FAR per comparison, or of a share of strangers' "
        "searches that may find somebody among N templates. `expected` null: refused.",
        cases,
        tolerance=1e-9,
    )


def _threshold_case(name, record, options):
    cross, calibration = record.cross_variant, record.calibration
    case = {
        "name": f"{name}, {options}",
        "thresholds": record.thresholds,
        "cross_variant_thresholds": cross.thresholds if cross else None,
        "impostor_pairs": calibration.impostor if calibration else None,
        "asked": options,
    }
    try:
        found = search_threshold(record, **options)
    except InputError:
        return {**case, "expected": None}
    expected = {"threshold": found.threshold, "far": found.far}
    expected["false_alarms_at_most"] = found.false_alarms
    return {**case, "expected": expected}


def _add_names(folder):
    rng = np.random.default_rng(6)
    centres = rng.normal(size=(4, 8))
    people = [
        {
            "name": name,
            "templates": np.float32(
                centres[place] + rng.normal(0, 0.8, (count, 8))
            ).round(3),
        }
        for place, (name, count) in enumerate(
            (("Ada", 1), ("Bob", 2), ("Cleo", 5), ("Di", 3))
        )
    ]
    stored = np.concatenate([person["templates"] for person in people])
    owners = np.repeat(range(4), [len(person["templates"]) for person in people])
    names = [person["name"] for person in people]
    calibration = Calibration.model_validate(_CALIBRATION)
    probes = [*(centres + rng.normal(0, 0.5, centres.shape)), rng.normal(size=8)]
    probes.append(centres[0] + centres[1])  # between two people
    cases = []
    for rule, k in (("best", 3), ("mean", 3), ("top-k", 1), ("top-k", 2), ("top-k", 4)):
        for number, probe in enumerate(np.float32(probes).round(3)):
            for threshold in (0.8, 0.43, None) if rule == "best" else (0.6,):
                wanted = SearchThreshold(threshold, 0.01, len(stored), calibration)
                matrix = TemplateMatrix(stored, owners, names)
                named = name_face(matrix, probe, wanted, rule, k)
                case = {"name": f"probe {number}, {rule} {k}, {threshold}"}
                case |= {"probe": probe, "rule": rule, "k": k}
                cases.append({**case, "threshold": threshold, "expected": named})
    empty = TemplateMatrix(np.empty((0, 8), np.float32), np.empty(0, int), [])
    nobody = {"name": "nobody enrolled", "probe": probe, "rule": "best", "k": 3}
    nobody |= {"threshold": 0.43, "empty": True}
    cases.append({**nobody, "expected": name_face(empty, probe, wanted)})
    folder.topic(
        "naming",
        "Names of faces by a gallery of these people: the score of a person is the "
        "best of the templates, the mean of all, or of the k best.",
        cases,
        people=people,
        different_below=_CALIBRATION["different_below"],
        tolerance=1e-5,
    )


def _add_frames(folder):
    ada, bob = ("known", "Ada"), ("known", "Bob")
    unsure, stranger = ("not sure", None), ("unknown", None)
    here, beside = [10, 10, 50, 60], [100, 20, 150, 70]
    scripts = {
        "a name after three": [[(here, ada)]] * 4,
        "one odd answer": [
            [(here, answer)] for answer in (ada, ada, ada, stranger, ada, bob, ada)
        ],
        "another name": [[(here, ada)]] * 5 + [[(here, bob)]] * 4,
        "nothing prevails": [
            [(here, answer)]
            for answer in (ada, bob, unsure, stranger, ada, bob, unsure, bob, bob)
        ],
        "a stranger": [[(here, stranger)]] * 4 + [[(here, unsure)]] * 2,
        "two move": [
            [([10 + 6 * t, 10, 50 + 6 * t, 60], ada), (beside, bob)] for t in range(5)
        ],
        "the order changes": [
            [(here, ada), (beside, bob)],
            [(beside, bob), (here, ada)],
            [(beside, bob), (here, ada)],
        ],
        "away for three frames": [[(here, ada)]] * 3 + [[]] * 3 + [[(here, stranger)]],
        "away for four frames": [[(here, ada)]] * 3 + [[]] * 4 + [[(here, stranger)]],
        "just near enough": [[(here, ada)]] * 3 + [[([30, 10, 70, 60], ada)]],
        "just too far": [[(here, ada)]] * 3 + [[([33, 10, 73, 60], ada)]],
        "too far": [[(here, ada)]] * 3 + [[([50, 40, 90, 90], ada)]],
        "one box for two": [
            [(here, ada), ([20, 10, 60, 60], bob)],
            [([16, 10, 56, 60], bob)],
            [(here, ada), ([20, 10, 60, 60], bob)],
        ],
        "no threshold": [[(here, (None, None))]] * 5,
    }
    cases = []
    for name, frames in scripts.items():
        tracks, told, count = FaceTracks(), [], 0
        for frame in frames:
            faces = []
            for box, (decision, person) in frame:
                score = round(0.3 + 0.07 * (count % 7), 3)
                count += 1
                face = {"box": box, "decision": decision, "name": person}
                faces.append({**face, "score": score})
            given = [Answer(f["decision"], f["name"], f["score"]) for f in faces]
            shown = [
                {
                    "track": track.number,
                    "decision": track.decision,
                    "name": track.name,
                    "score": track.score,
                }
                for track in tracks.update([f["box"] for f in faces], given)
            ]
            told.append({"faces": faces, "expected": shown})
        cases.append({"name": name, "frames": told})
    folder.topic(
        "frames",
        "Faces followed from frame to frame; `expected` is what is shown of each.",
        cases,
        tolerance=1e-6,
    )


def _add_checksums(folder):
    template = [list(point) for point in landmark_template(112, 96).tolist()]
    parts = {
        "numbers": {"whole": 20, "real": 0.709, "below zero": -0.1, "list": [1, 2.5]},
        "texts": {"order": "RGB", "inside": [], "fit": "crop"},
        "nested": {"detector": {"thresholds": [0.6, 0.7, 0.9], "rule": "consensus"}},
        "template": {"landmark_template": template},
    }
    cases = [
        {"name": name, "parts": value, "checksum": checksum_of_parts(value)}
        for name, value in parts.items()
    ]
    folder.topic("checksums", "Checksums of the identity of features.", cases)
