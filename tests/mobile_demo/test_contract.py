"""Contract cases of mobile_demo: the package computes what they say."""

import base64
import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from case_makers.cascade import ScriptedNetworks
from case_makers.pixels import rgb_of_planes
from tf_sphereface.bundle.calibration import decide
from tf_sphereface.bundle.features import combine
from tf_sphereface.bundle.scores import cosine_scores
from tf_sphereface.detection import MTCNN, Face, MTCNNSettings
from tf_sphereface.detection.boxes import overlap, refine, suppress, to_squares
from tf_sphereface.detection.consensus import agree_on_landmarks
from tf_sphereface.detection.crops import Pyramid, pyramid_levels, square_crops
from tf_sphereface.errors import InputError
from tf_sphereface.gallery.identity import checksum_of_parts
from tf_sphereface.gallery.naming import name_face
from tf_sphereface.gallery.poses import POSES, head_turn, is_pose
from tf_sphereface.gallery.quality import contrast, measure, reason_codes
from tf_sphereface.gallery.records import Quality
from tf_sphereface.gallery.search import TemplateMatrix
from tf_sphereface.gallery.thresholds import SearchThreshold, search_threshold
from tf_sphereface.gallery.tracks import Answer, FaceTracks
from tf_sphereface.geometry import CropGeometry, align_face, crop_transform
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.similarity import unit_rows

ROOT = Path(__file__).parents[2] / "mobile_demo" / "contract"
INDEX = json.loads((ROOT / "cases.json").read_text())


def picture(name):
    return np.array(Image.open(ROOT / name))


def document(topic):
    return json.loads((ROOT / INDEX["topics"][topic]).read_text())


def assert_pictures(actual, expected, tolerance):
    apart = np.abs(actual.astype(int) - expected)
    assert actual.shape == expected.shape
    assert apart.max(initial=0) <= tolerance["grey_levels"]
    assert (apart > 0).mean() <= tolerance.get("share_of_bytes", 1)


def assert_numbers(actual, expected, tolerance):
    expected = np.array(expected, float)  # null is NaN
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


def grey(normalised):
    return np.rint(normalised * 128 + 127.5).astype(np.uint8)


def bilinear(photo, matrix, height, width, outside):
    """The warp as the README has it, in float32; shares no code with OpenCV's."""
    matrix = np.float32(matrix)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    places = [row[0] * x + (row[1] * y + row[2]) for row in matrix]
    columns, rows = (np.floor(place).astype(int) for place in places)
    along, down = ((p - np.floor(p))[..., None] for p in places)

    def taken(rows, columns):
        inside = (rows >= 0) & (rows < photo.shape[0])
        inside &= (columns >= 0) & (columns < photo.shape[1])
        kept = photo[np.where(inside, rows, 0), np.where(inside, columns, 0)]
        return np.where(inside[..., None], np.float32(kept), np.float32(outside))

    def mixed(rows):
        left, right = taken(rows, columns), taken(rows, columns + 1)
        return left + along * (right - left)

    above, below = mixed(rows), mixed(rows + 1)
    return np.rint(above + down * (below - above)).astype(np.uint8)


def check_area_resize(case, about):
    size = case["width"], case["height"]
    made = cv2.resize(picture(case["photo"]), size, interpolation=cv2.INTER_AREA)
    assert_pictures(made, picture(case["expected"]), about["tolerance"])


def check_enlarged(case, about):
    photo, factor = picture(case["photo"]), case["factor"]
    size = photo.shape[1] * factor, photo.shape[0] * factor
    made = cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR)
    assert_pictures(made, picture(case["expected"]), about["tolerance"])


def check_pyramid(case, about):
    photo = picture(case["photo"])
    settings = case["smallest_face"], case["pyramid_factor"]
    levels = pyramid_levels(*photo.shape[:2], about["cell"], *settings)
    pyramid = Pyramid(photo)
    for (size, scales), expected in zip(levels, case["levels"], strict=True):
        assert [*size] == [expected["height"], expected["width"]]
        assert_numbers(scales, expected["scales_xy"], 1e-8)
        made = grey(pyramid(*size))
        assert_pictures(made, picture(expected["expected"]), about["tolerance"])


def check_warp(case, about):
    photo, side = picture(case["photo"]), case["side"]
    expected = picture(case["expected"])
    if "box" in case:
        (made,) = square_crops([photo], np.array([case["box"]]), np.array([0]), side)
        assert_pictures(grey(made), expected, about["tolerance"])
        x1, y1, x2, _ = case["box"]
        scale = (x2 - x1) / (side - 1)
        matrix = np.array([[scale, 0, x1 - 0.5], [0, scale, y1 - 0.5]])
    else:
        matrix = np.array(case["to_photo"])
    if np.hypot(*matrix[:, 0]) > 4:
        size = [round(length / 2) for length in photo.shape[1::-1]]
        ratios = np.divide(size, photo.shape[1::-1])[:, None]
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        matrix = (matrix + (0, 0, 0.5)) * ratios - (0, 0, 0.5)
    made = bilinear(photo, matrix, side, side, 128)
    assert_pictures(made, expected, about["tolerance"])


def check_aligned(case, about):
    crop = CropGeometry(case["height"], case["width"], case["template"], case["fit"])
    photo, landmarks = picture(case["photo"]), np.array(case["landmarks"])
    expected = picture(case["expected"])
    assert_pictures(align_face(photo, landmarks, crop), expected, about["tolerance"])
    square = np.vstack([crop_transform(landmarks, crop), [0, 0, 1]])
    made = bilinear(photo, np.linalg.inv(square)[:2], *expected.shape[:2], 0)
    assert_pictures(made, expected, about["tolerance"])


def check_similarity(case, about):
    crop = CropGeometry(template=case["template"], fit=case["fit"])
    matrix = crop_transform(np.array(case["landmarks"]), crop)
    assert_numbers(matrix, case["to_crop"], about["tolerance"])


def check_normalised(case, about):
    pixels = np.array(case["pixels"])
    order, mean, scale = case["channel_order"], case["mean"], case["scale"]
    contract = PixelContract(2, 2, order, mean, scale)
    made = contract.normalize(np.float32(pixels))
    assert_numbers(made, case["expected"], about["tolerance"])


def check_camera(case, about):
    height, width = case["height"], case["width"]

    def samples(plane, rows, columns, row_stride, step):
        content = np.frombuffer(base64.b64decode(case[plane]), np.uint8)
        places = np.arange(rows)[:, None] * row_stride + np.arange(columns) * step
        return content[places]

    halves = (height + 1) // 2, (width + 1) // 2
    strides = case["uv_row_stride"], case["uv_pixel_stride"]
    rgb = rgb_of_planes(
        samples("y", height, width, case["y_row_stride"], 1),
        samples("u", *halves, *strides),
        samples("v", *halves, *strides),
    )
    upright = np.rot90(rgb, -case["rotation"] // 90)
    assert_pictures(upright, picture(case["expected"]), about["tolerance"])


def check_boxes(case, about):
    boxes = np.array(case["boxes"]).reshape(-1, 4)
    offsets = np.array(case["offsets"]).reshape(-1, 4)
    limit, shape = about["tolerance"], (len(boxes), len(boxes))
    for name in ("union", "smaller"):
        expected = np.reshape(case[f"overlap_{name}"], shape)
        assert_numbers(overlap(boxes, boxes, name), expected, limit)
    for kept in case["kept"]:
        rule = kept["threshold"], kept["denominator"]
        assert (
            suppress(boxes, np.array(case["scores"]), *rule).tolist()
            == (kept["indices"])
        )
    assert_numbers(refine(boxes, offsets).ravel(), np.ravel(case["refined"]), limit)
    assert_numbers(to_squares(boxes).ravel(), np.ravel(case["squares"]), limit)


def check_consensus(case, about):
    answers = [{"offsets": [0] * 4, "score": 1.0} for _ in range(4)]
    for answer, landmarks in zip(answers, sum(case["answers"], []), strict=True):
        answer["landmarks"] = np.array(landmarks, float)
    networks, limits = ScriptedNetworks({}, (), answers), about["tolerance"]
    seen = []

    def onet(crops):
        seen.append(grey(crops))
        return networks.onet(crops)

    (agreed,), (confidence,) = agree_on_landmarks(
        onet,
        [picture(case["photo"])],
        np.array([0]),
        np.array([case["box"]]),
        np.array([case["landmarks"]]),
    )
    assert_numbers(agreed, case["agreed"], limits["landmarks"])
    assert_numbers(confidence, case["confidence"], limits["confidence"])
    assert len(seen) == case["rounds_asked"]
    for name, crop in zip(
        ("upright", "mirrored"), seen[0] if seen else (), strict=False
    ):
        if name in case:
            assert_pictures(crop, picture(case[name]), limits)


def check_cascade(case, about):
    cells = {(each["height"], each["width"]): each["cells"] for each in case["pnet"]}
    networks = ScriptedNetworks(cells, case["rnet"], case["onet"])
    settings = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in case["settings"].items()
    }
    (faces,) = MTCNN(networks, MTCNNSettings(**settings)).detect(
        [picture(case["photo"])]
    )
    asked = networks.asked
    assert asked["pnet"] == case["levels_asked"]
    assert (asked["rnet"], asked["onet"]) == (len(case["rnet"]), len(case["onet"]))
    limit = about["tolerance"]
    for face, expected in zip(faces, case["faces"], strict=True):
        assert_numbers(face.box, expected["box"], limit)
        assert_numbers(face.score, expected["score"], limit)
        assert_numbers(face.landmarks, expected["landmarks"], limit)
        assert_numbers(face.landmark_confidence, expected["confidence"], limit)
        assert face.found_by == expected["found_by"]


def check_cosine(case, about):
    first, second = np.float32([case["first"]]), np.float32([case["second"]])
    limit = about["tolerance"]
    assert_numbers(cosine_scores(first, second)[0, 0], case["cosine"], limit)
    assert_numbers(unit_rows(first)[0], case["unit"], limit)


def check_mirror(case, about):
    plain, mirrored = np.float32(case["plain"]), np.float32(case["mirrored"])
    made = plain
    if case["mirror"] != "none":
        made = combine(plain, mirrored, case["mirror"])
    assert_numbers(made, case["features"], about["tolerance"])


def check_verdict(case, about):
    limit = case["different_below"]
    calibration = None if limit is None else SimpleNamespace(different_below=limit)
    assert decide(case["score"], case["threshold"], calibration) == case["verdict"]


def check_search_threshold(case, about):
    impostor, cross = case["impostor_pairs"], case["cross_variant_thresholds"]
    record = SimpleNamespace(
        thresholds=case["thresholds"],
        cross_variant=cross and SimpleNamespace(thresholds=cross),
        calibration=impostor and SimpleNamespace(impostor=impostor),
    )
    if case["expected"] is None:
        with pytest.raises(InputError):
            search_threshold(record, **case["asked"])
        return
    found, expected = search_threshold(record, **case["asked"]), case["expected"]
    assert (found.threshold, found.far) == (expected["threshold"], expected["far"])
    assert found.false_alarms == pytest.approx(expected["false_alarms_at_most"])


def check_naming(case, about):
    people = [] if case.get("empty") else about["people"]
    stored = [np.float32(person["templates"]) for person in people]
    matrix = TemplateMatrix(
        np.concatenate([np.empty((0, len(case["probe"])), np.float32), *stored]),
        np.repeat(range(len(people)), [len(rows) for rows in stored]).astype(int),
        [person["name"] for person in people],
    )
    calibration = SimpleNamespace(different_below=about["different_below"])
    wanted = SearchThreshold(case["threshold"], 0.01, len(matrix), calibration)
    found = name_face(
        matrix, np.float32(case["probe"]), wanted, case["rule"], case["k"]
    )
    limit = about["tolerance"]
    assert {key: pytest.approx(value, abs=limit) for key, value in found.items()} == (
        case["expected"]
    )


def check_frames(case, about):
    tracks = FaceTracks()
    for frame in case["frames"]:
        faces = frame["faces"]
        answers = [Answer(f["decision"], f["name"], f["score"]) for f in faces]
        shown = tracks.update([face["box"] for face in faces], answers)
        for track, expected in zip(shown, frame["expected"], strict=True):
            assert expected == {
                "track": track.number,
                "decision": track.decision,
                "name": track.name,
                "score": pytest.approx(track.score, abs=about["tolerance"]),
            }


def check_quality(case, about):
    others = [case.pop(key) for key in ("contrast", "eyes_needed", "rival")]
    codes = case.pop("codes")
    quality = Quality(**{key: case[key] for key in case if key != "name"})
    assert reason_codes(quality, *others) == codes


def check_measures(case, about):
    crop = picture(case["crop"])
    landmarks = np.array(case["landmarks"])
    face = Face(np.zeros(4), case["score"], landmarks, case["confidence"])
    found = measure(face, crop).model_dump() | {"contrast": contrast(crop)}
    limits = about["tolerance"]
    for key, expected in case["expected"].items():
        assert found[key] == pytest.approx(expected, abs=limits.get(key, 1e-4)), key


def check_poses(case, about):
    turn = head_turn(np.array(case["landmarks"]))
    assert_numbers(turn, (case["yaw"], case["pitch"]), about["tolerance"])
    front = case["front_pitch"]
    assert [pose for pose in POSES if is_pose(turn, pose, front)] == case["poses"]


def check_checksums(case, about):
    assert checksum_of_parts(case["parts"]) == case["checksum"]


CHECKS = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}


@pytest.mark.parametrize("topic", CHECKS)
def test_the_package_computes_what_the_cases_say(topic):
    about = document(topic)
    for case in about["cases"]:
        try:
            CHECKS[topic](case, about)
        except AssertionError as error:
            raise AssertionError(f"{topic}: {case['name']}") from error


def test_every_topic_has_a_check():
    assert set(INDEX["topics"]) == {*CHECKS, "imports"}
