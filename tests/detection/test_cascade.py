"""Tests for tf_sphereface.detection: faces in real, rendered and drawn photos."""

from pathlib import Path

import numpy as np
import pytest

from tests.detection.package_arithmetic import PACKAGE, PACKAGE_SETTINGS
from tf_sphereface.data.photos.images import read_photo
from tf_sphereface.data.synthetic import (
    render_photo,
    sample_capture,
    sample_identity,
)
from tf_sphereface.detection import (
    MTCNN,
    Face,
    LiteRTNetworks,
    MTCNNSettings,
    cached_networks,
    cascade,
    load_detector,
    nearest_to_centre,
)
from tf_sphereface.detection.arithmetic import EXACT
from tf_sphereface.detection.boxes import overlap
from tf_sphereface.detection.networks import KerasNetworks

LFW = Path(__file__).parents[3] / "shared" / "data" / "lfw" / "images"
# Levels of 240, 120, 60, ... pixels are whole numbers: there the package, which reckons
# with levels before rounding, has no rounding error.
EXACT_LEVELS = MTCNNSettings(
    24, 0.5, thresholds=(0.6, 0.7, 0.8), landmark_rule="single"
)


@pytest.fixture(scope="module")
def networks():
    return LiteRTNetworks(cached_networks())


@pytest.fixture(scope="module")
def package():
    return pytest.importorskip("mtcnn").MTCNN()


@pytest.fixture(scope="module")
def rendered():
    rng = np.random.default_rng(0)
    return [
        render_photo(sample_identity(rng), sample_capture(rng, 15.0), 240)
        for _ in range(12)
    ]


@pytest.fixture(scope="module")
def real():
    if not LFW.is_dir():
        pytest.skip("the LFW photos are not here")
    paths = sorted(LFW.glob("*/*.jpg"))[::450]
    return [read_photo(path)[5:245, 5:245].copy() for path in paths]


def found_by_package(package, photo, **options):
    rows = package.detect_faces(
        [photo],
        output_type="numpy",
        box_format="xyxy",
        fit_to_image=False,
        **options,
    )
    return [Face(row[1:5], row[5], row[6:].reshape(2, 5).T) for row in rows]


def compare(networks, package, photos, settings, arithmetic=EXACT, **options):
    """Box overlap, landmark distances and score difference of the central faces."""
    overlaps, distances, scores = [], [], []
    for photo, faces in zip(
        photos, MTCNN(networks, settings, arithmetic).detect(photos), strict=True
    ):
        theirs = found_by_package(package, photo, **options)
        ours = nearest_to_centre(faces, *photo.shape[:2])
        theirs = nearest_to_centre(theirs, *photo.shape[:2])
        overlaps.append(overlap(ours.box[None], theirs.box[None])[0, 0])
        distances.append(np.linalg.norm(ours.landmarks - theirs.landmarks, axis=1))
        scores.append(ours.score - theirs.score)
    return np.array(overlaps), np.array(distances), np.array(scores)


def test_real_faces_are_those_of_the_package(networks, package, real):
    overlaps, distances, scores = compare(
        networks, package, real, EXACT_LEVELS, min_face_size=24, scale_factor=0.5
    )
    assert np.median(overlaps) > 0.97
    assert overlaps.min() > 0.85
    assert np.median(distances) < 0.5
    assert np.abs(scores).max() < 0.01


@pytest.mark.slow
def test_real_faces_are_those_of_the_package_at_its_own_settings(
    networks, package, real
):
    settings = MTCNNSettings(thresholds=(0.6, 0.7, 0.8), landmark_rule="single")
    overlaps, distances, _ = compare(networks, package, real, settings)
    assert np.median(overlaps) > 0.94
    assert np.median(distances) < 1


@pytest.mark.slow
def test_rendered_faces_are_those_of_the_package(networks, package, rendered):
    overlaps, distances, _ = compare(
        networks,
        package,
        [photo.image for photo in rendered],
        EXACT_LEVELS,
        min_face_size=24,
        scale_factor=0.5,
    )
    assert np.median(overlaps) > 0.9
    assert np.median(distances) < 2


def test_landmarks_have_no_shift_against_the_mirror_image(networks, real):
    detector, swap = MTCNN(networks), [1, 0, 2, 4, 3]
    mirrored = [np.ascontiguousarray(photo[:, ::-1]) for photo in real]
    differences = []
    for faces, mirror_faces in zip(
        detector.detect(real), detector.detect(mirrored), strict=True
    ):
        landmarks = nearest_to_centre(faces, 240, 240).landmarks
        mirror_landmarks = nearest_to_centre(mirror_faces, 240, 240).landmarks[swap]
        differences.append(landmarks[:, 0] - (239 - mirror_landmarks[:, 0]))
    assert abs(np.median(differences)) / 2 < 0.25


@pytest.mark.parametrize("smallest_face", [20, 40, 60])
@pytest.mark.parametrize("factor", [0.6, 0.709, 0.85])
def test_rendered_faces_are_found_at_any_setting(
    networks, rendered, smallest_face, factor
):
    settings = MTCNNSettings(smallest_face, factor, thresholds=(0.6, 0.7, 0.8))
    found = MTCNN(networks, settings).detect([photo.image for photo in rendered])
    errors = []
    for photo, faces in zip(rendered, found, strict=True):
        if face := nearest_to_centre(faces, 240, 240):
            eyes = np.linalg.norm(photo.landmarks[0] - photo.landmarks[1])
            distances = np.linalg.norm(face.landmarks - photo.landmarks, axis=1)
            errors.append(distances / eyes)
    assert len(errors) >= 10  # of 12
    assert np.median(errors) < 0.1  # of the distance between the eyes


def test_faces_of_several_photos_are_those_of_each_alone(networks, rendered):
    detector = MTCNN(networks)
    sizes = [(240, 240), (200, 240), (240, 180)]
    photos = [
        photo.image[:height, :width]
        for photo, (height, width) in zip(rendered, sizes * 4, strict=True)
    ]
    together = detector.detect(photos)
    for photo, faces in zip(photos, together, strict=True):
        (alone,) = detector.detect([photo])
        assert len(alone) == len(faces)
        for one, other in zip(alone, faces, strict=True):
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-3)


def test_two_faces_come_best_first_and_the_central_one_is_chosen(networks, rendered):
    photo = np.zeros((240, 720, 3), np.uint8)
    photo[:, 480:] = rendered[0].image
    photo[:, 230:470] = rendered[1].image
    (faces,) = MTCNN(networks).detect([photo])
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    chosen = nearest_to_centre(faces, 240, 720)
    assert np.abs(chosen.landmarks - (rendered[1].landmarks + [230, 0])).max() < 10


def test_face_cut_by_the_photo_is_found(networks, rendered):
    truth = rendered[0].landmarks
    top = int(truth[0, 1] - 15)  # above the eyes
    (faces,) = MTCNN(networks).detect([rendered[0].image[top:].copy()])
    assert np.abs(faces[0].landmarks - (truth - [0, top])).mean() < 6


@pytest.mark.parametrize("shape", [(1, 1), (11, 11), (5, 400), (19, 19), (12, 12)])
def test_photo_smaller_than_a_face_has_none(networks, shape):
    assert MTCNN(networks).detect([np.zeros((*shape, 3), np.uint8)]) == [[]]


def test_no_photo_and_no_face():
    detector = load_detector()
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    assert detector.detect([]) == []
    assert detector.detect([noise, np.full((64, 64, 3), 255, np.uint8)]) == [[], []]
    assert nearest_to_centre([], 10, 10) is None


@pytest.mark.parametrize(
    "photo", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3), np.float32)]
)
def test_other_arrays_are_refused(networks, photo):
    with pytest.raises(ValueError, match="`photos` must be uint8"):
        MTCNN(networks).detect([photo])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smallest_face": 11}, "`smallest_face` .* smallest_face=11"),
        ({"pyramid_factor": 1.0}, "`pyramid_factor` .* pyramid_factor=1.0"),
        ({"thresholds": (0.6, 0.7)}, "`thresholds` must be three"),
        ({"thresholds": (0.6, 0.7, 1.2)}, "`thresholds` must be three"),
        ({"thresholds": (0.0, 0.7, 0.9)}, "`thresholds` must be three"),
        ({"pyramid_factor": 0.91}, "`pyramid_factor` .* pyramid_factor=0.91"),
        ({"level_overlap": 1.0}, "`level_overlap` must be above 0 and below 1"),
        ({"photo_overlap": float("nan")}, "`photo_overlap` .* photo_overlap=nan"),
        ({"refined_overlap": 0}, "`refined_overlap` must be above 0"),
        ({"second_thresholds": (0.5, 0.6)}, "`second_thresholds` must be three"),
        ({"second_thresholds": (0.5, 0.6, 0)}, "`second_thresholds` must be three"),
        ({"landmark_rule": "best"}, "`landmark_rule` must be one of .*'best'"),
        ({"face_overlap": 2}, "`face_overlap` must be above 0 and below 1"),
    ],
)
def test_bad_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        MTCNNSettings(**options)


def sure_at(score, second=()):
    """Settings that a face of a lesser score does not meet."""
    return MTCNNSettings(thresholds=(0.6, 0.7, score), second_thresholds=second)


@pytest.mark.parametrize("size", [240, 1100])
def test_second_look_finds_the_face_that_the_first_has_not(networks, rendered, size):
    """In an enlarged photo, or in one that is too large to be enlarged."""
    photo = np.full((size, size, 3), 90, np.uint8)
    photo[:240, :240] = rendered[1].image
    photos = [np.zeros((240, 240, 3), np.uint8), photo]
    assert MTCNN(networks, sure_at(0.9999999)).detect(photos) == [[], []]
    settings = sure_at(0.9999999, (0.6, 0.7, 0.8))
    nothing, (face, *_) = MTCNN(networks, settings).detect(photos)
    assert nothing == [] and face.found_by == "second look"
    ((expected, *_),) = MTCNN(networks, sure_at(0.8)).detect([photo])
    assert expected.found_by == "first look"
    eyes = np.linalg.norm(expected.landmarks[0] - expected.landmarks[1])
    away = np.linalg.norm(face.landmarks - expected.landmarks, axis=1)
    assert away.mean() < 0.03 * eyes
    assert overlap(face.box[None], expected.box[None])[0, 0] > 0.7


def test_second_look_is_not_taken_where_the_first_has_found_a_face(networks, rendered):
    photos = [photo.image for photo in rendered[:3]]
    alone = MTCNN(networks, sure_at(0.8)).detect(photos)
    both = MTCNN(networks, sure_at(0.8, (0.3, 0.3, 0.3))).detect(photos)
    for faces, others in zip(alone, both, strict=True):
        assert [f.score for f in faces] == [f.score for f in others]


class EverywhereAFace:
    """Networks that see a face in every window, surer from window to window."""

    def __init__(self):
        self.judged = []

    def pnet(self, photos):
        shape = (len(photos), (photos.shape[1] - 10) // 2, (photos.shape[2] - 10) // 2)
        scores = np.linspace(0.7, 1, np.prod(shape)).reshape(shape)
        return np.zeros((*shape, 4)), scores

    def rnet(self, crops):
        self.judged.append(len(crops))
        return np.zeros((len(crops), 4)), np.linspace(0.95, 1, len(crops))

    def onet(self, crops):
        self.judged.append(len(crops))
        points = np.tile(np.linspace(0.3, 0.7, 10), (len(crops), 1))
        return np.zeros((len(crops), 4)), points, np.linspace(0.95, 1, len(crops))


@pytest.mark.parametrize("photos", [1, 3])
def test_the_work_for_a_photo_has_a_bound(monkeypatch, photos):
    """With overlaps that drop next to nothing: time is the square of the number."""
    monkeypatch.setattr("tf_sphereface.detection.cascade._MOST_PROPOSALS", 100)
    settings = MTCNNSettings(level_overlap=0.99, photo_overlap=0.99)
    networks = EverywhereAFace()
    MTCNN(networks, settings).detect([np.zeros((200, 300, 3), np.uint8)] * photos)
    assert 50 * photos < networks.judged[0] <= 100 * photos


def test_the_surest_proposals_are_kept_in_their_order(monkeypatch):
    scores = np.random.default_rng(0).permutation(1000) / 1000
    levels = [(np.stack([part] * 4, 1), part) for part in np.split(scores, [10, 600])]
    monkeypatch.setattr("tf_sphereface.detection.cascade._MOST_PROPOSALS", 50)
    kept = list(cascade._strongest(levels))
    for (boxes, found), (_, before) in zip(kept, levels, strict=True):
        np.testing.assert_array_equal(boxes[:, 0], found)
        np.testing.assert_array_equal(found, before[before >= 0.95])
    monkeypatch.setattr("tf_sphereface.detection.cascade._MOST_PROPOSALS", 1000)
    for (_, found), (_, before) in zip(cascade._strongest(levels), levels, strict=True):
        np.testing.assert_array_equal(found, before)


@pytest.mark.slow
def test_package_settings_find_the_package_s_faces(networks, package, real):
    overlaps, distances, scores = compare(
        networks, package, real, PACKAGE_SETTINGS, PACKAGE
    )
    assert overlaps.min() > 0.9999
    assert distances.max() < 0.01
    assert np.abs(scores).max() < 1e-4


def test_package_settings_find_the_package_s_faces_in_rendered_photos(
    networks, package, rendered
):
    photos = [photo.image for photo in rendered]
    overlaps, distances, _ = compare(
        networks, package, photos, PACKAGE_SETTINGS, PACKAGE
    )
    assert np.median(overlaps) > 0.9999
    assert np.median(distances) < 0.001


@pytest.mark.parametrize(
    "settings",
    [
        MTCNNSettings(landmark_rule="single"),
        MTCNNSettings(landmark_rule="consensus"),
        PACKAGE_SETTINGS,
    ],
    ids=["single", "consensus", "package"],
)
@pytest.mark.parametrize("arithmetic", [EXACT, PACKAGE])
def test_keras_networks_find_what_the_files_find(
    networks, rendered, settings, arithmetic
):
    photos = [photo.image for photo in rendered[:3]]
    ours = MTCNN(networks, settings, arithmetic).detect(photos)
    theirs = MTCNN(KerasNetworks(), settings, arithmetic).detect(photos)
    assert [len(faces) for faces in ours] == [len(faces) for faces in theirs]
    assert sum(map(len, ours)) >= 3
    for face, other in zip(sum(ours, []), sum(theirs, []), strict=True):
        assert np.abs(face.landmarks - other.landmarks).max() <= 0.01
        assert np.abs(face.box - other.box).max() <= 0.01
