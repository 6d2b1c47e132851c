"""Tests for mobile_demo/desktop: keys, motion, drawing, and videos without a window."""

import json
import threading

import cv2
import numpy as np
import pytest

from desktop import app, window
from desktop.keys import Dialogue
from desktop.motion import Motion
from desktop.overlay import Screen, caption, draw, fitted
from desktop.session import Session
from desktop.watch import Watch
from tests.gallery import rendered_people
from tests.gallery.rendered_people import RenderedEmbedder, picture, save
from tf_sphereface.errors import InputError
from tf_sphereface.gallery.tracks import Track

NOBODY = np.full((160, 140, 3), 90, np.uint8)


class Opened:
    """A bundle whose networks are not run."""

    path = "bundle"

    def __init__(self, **changes):
        self.contract = rendered_people.contract(**changes)

    def variant(self, name):
        return self.contract.variants[name]


@pytest.fixture
def bundle(monkeypatch):
    def embedder(bundle, variant=None):
        return RenderedEmbedder(bundle.contract, variant)

    monkeypatch.setattr("tf_sphereface.gallery.gallery.Embedder", embedder)
    return Opened()


@pytest.fixture
def session(bundle, tmp_path):
    with Session(tmp_path / "people.gallery", bundle, every=1) as session:
        yield session


def film(path, pictures, rate=10):
    kind = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), kind, rate, (140, 160))
    for pixels in pictures:
        writer.write(np.ascontiguousarray(pixels[..., ::-1]))
    writer.release()
    return path


def typed(dialogue, text):
    return [action for action in map(dialogue.press, map(ord, text)) if action]


def test_keys_are_commands_until_a_name_is_typed():
    dialogue = Dialogue()
    assert [action.kind for action in typed(dialogue, "vfhV")] == [
        *("variant", "far", "help", "variant")
    ]
    assert typed(dialogue, "ex") == [("freeze", "")]
    assert dialogue.press(8) is None and dialogue.text == ""
    assert typed(dialogue, "qd vf") == []  # letters of a name, not commands
    assert dialogue.press(13) == ("enrol", "qd vf")
    dialogue.ask()
    assert typed(dialogue, "q") == [] and dialogue.press(13) == (
        *("enrol all the same", "qd vf"),
    )
    assert typed(dialogue, "d") == [("ask whom", "")] and dialogue.text == ""
    assert dialogue.press(10) is None and dialogue.mode == "deleting"  # no name yet
    assert dialogue.press(27) is None and dialogue.mode == "watching"
    assert dialogue.press(27) == ("quit", "")
    assert dialogue.press(-1) is None and dialogue.press(0xFF51) is None


def test_names_may_have_capitals_and_letters_of_other_scripts():
    dialogue = Dialogue()
    codes = [ord("e"), 0xFFE1, ord("z"), ord("o"), 0xEB, -0x37, 0x0100674E, 0xFF51, 9]
    for code in codes:  # e; Shift; z, o; ë; OpenCV's é; a character; an arrow; a tab
        dialogue.press(code)
    assert dialogue.text == "Zoëé李"


def test_boxes_follow_the_picture_and_stay_where_nothing_is_seen():
    rng = np.random.default_rng(4)
    coarse = rng.integers(0, 256, (24, 32, 3), np.uint8)
    before = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    boxes = np.array([[200.0, 120, 300, 240], [400, 200, 480, 300]])
    centre = np.array([320.0, 240])
    matrix = np.array([[1.05, 0, 9 - 0.05 * 320], [0, 1.05, -6 - 0.05 * 240]])
    after = cv2.warpAffine(before, matrix, (640, 480))
    expected = (boxes.reshape(-1, 2) - centre) * 1.05 + centre + (9, -6)
    moved = Motion(before).moved(boxes, Motion(after))
    np.testing.assert_allclose(moved.reshape(-1, 2), expected, atol=2.5)
    flat = Motion(np.full((480, 640, 3), 50, np.uint8))
    np.testing.assert_allclose(flat.moved(boxes, flat), boxes, atol=1e-6)
    other_size = Motion(before[:200])
    np.testing.assert_array_equal(Motion(before).moved(boxes, other_size), boxes)
    assert Motion(before).moved([], Motion(after)).shape == (0, 4)


def test_a_frame_is_drawn_large_enough_to_be_read_and_stays_as_it_was():
    pixels = picture(1)
    kept = pixels.copy()
    track = Track(1, np.array([20.0, 24, 118, 130]), "known", "Zoë 李" * 40, 0.61)
    screen = Screen(("none", "FAR 1 %"), "a message", "Name: A", "Enter", help=True)
    shown = draw(pixels, [track], screen)
    assert shown.shape == (640, 560, 3) and shown.dtype == np.uint8
    np.testing.assert_array_equal(pixels, kept)
    plain, scale = fitted(pixels)
    assert scale == 4 and (shown != plain).any(axis=2).mean() > 0.1
    green = (shown == (46, 184, 92)).all(axis=2)
    assert green[300, 80:85].any()  # the box's left edge, four times as far
    usual = np.zeros((480, 640, 3), np.uint8)
    assert draw(usual, [track], screen).any() and not usual.any()
    assert caption(Track(1, track.box, "unknown", None, 0.125)) == "unknown  0.12"
    assert caption(Track(1, track.box)) == "…"
    large = fitted(np.zeros((1001, 4003, 3), np.uint8))[0]
    assert large.shape == (400, 1600, 3)


class Passing:
    """A gallery that sees a face which moves by 3 pixels a frame to the right."""

    def __init__(self):
        coarse = np.random.default_rng(2).integers(0, 256, (24, 32, 3), np.uint8)
        scene = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
        self.frames = [np.roll(scene, 3 * index, axis=1) for index in range(8)]
        self.go = threading.Event()

    def identify(self, pixels, far):
        self.go.wait(20)
        index = [frame is pixels for frame in self.frames].index(True)
        box = [60 + 3 * index, 60, 140 + 3 * index, 160]
        return [{"box": box, "decision": "unknown", "name": None, "score": 0.1}]


def test_boxes_move_between_two_searches_and_with_a_late_result():
    gallery = Passing()
    gallery.go.set()
    watch = Watch(gallery, 0.01, every=5)
    lefts = [watch.see(pixels)[0].box[0] for pixels in gallery.frames]
    watch.close()
    np.testing.assert_allclose(lefts, 60 + 3 * np.arange(8), atol=1)
    gallery.go.clear()
    watch = Watch(gallery, 0.01)
    for pixels in gallery.frames[:7]:
        assert watch.see(pixels) == []  # nothing waits for the first search
    gallery.go.set()
    watch._search.result()
    (track,) = watch.see(gallery.frames[7])
    watch.close()
    assert track.box[0] == pytest.approx(81, abs=1.5)


def test_searches_in_another_thread_give_names(session):
    session.enrol("Ada", picture(1))
    session.watch.pause()
    watch = Watch(session._gallery, 0.01)
    for seed in range(5):
        tracks = watch.see(picture(1, seed))
        if watch._search is not None:
            watch._search.result()
    watch.close()
    assert [(track.name, track.number) for track in tracks] == [("Ada", 1)]


def test_what_the_keys_do_with_the_gallery(session):
    assert session.enrol("Ada", NOBODY) == (True, "not taken: no face found")
    taken, words = session.enrol("Ada", picture(1) // 8)
    assert not taken and words == "too dark: turn towards the light"
    assert session.enrol("Ada", picture(1) // 8, force=True)[0]
    assert session.enrol("ada", picture(1), force=True) == (True, "Ada is enrolled")
    taken, words = session.enrol(" ", picture(1))
    assert taken and words.startswith("not taken: a name must have")
    assert session.people_in_words() == "enrolled: Ada"
    for _ in range(3):
        (track,) = session.watch.see(picture(1, 7))
    assert track.name == "Ada"
    assert session.next_far() == (
        "FAR 0.01 %: a stranger passes in 1 of 10,000 comparisons"
    )
    assert session.threshold == 0.9 and "FAR 0.01 %" in session.status()
    assert session.watch.see(picture(1, 7))[0].decision is None  # judged anew
    assert session.next_far().startswith("FAR 1 %")
    assert session.next_variant() == "variant int8"  # by its cross-variant thresholds
    assert session.threshold == 0.41
    assert session.enrol("Bob", picture(2))[1].startswith("not taken: ")
    assert session.forget("Zoe").startswith("nobody is called 'Zoe'")
    assert session.forget("ADA") == "Ada is deleted for good"
    assert session.people_in_words() == "nobody is enrolled"


@pytest.fixture
def run(bundle, tmp_path, monkeypatch, capsys):
    """Runs the demo; gives its result, or its error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tf_sphereface.bundle.bundle.load_bundle", lambda *_: bundle)

    def run(*arguments, status=0):
        options = ["--bundle", "bundle", *map(str, arguments)]
        assert app.main(options) == status
        printed = capsys.readouterr()
        return json.loads(printed.out) if status == 0 else printed.err

    return run


def test_a_video_without_a_window_gives_a_video_and_lines(run, tmp_path):
    with Session(tmp_path / "people.gallery", Opened()) as session:
        session.enrol("Ada", picture(1))
    pictures = [picture(1, seed) for seed in range(8)]
    pictures += 10 * [NOBODY] + [picture(3, seed) for seed in range(7)]
    film(tmp_path / "film.avi", pictures)
    headless = ("--video", "film.avi", "--headless", "--out")
    result = run(*headless, "out.avi", "--every", 2)
    assert result == {"frames": 25, "people": {"Ada": 4}}
    text = (tmp_path / "out.avi.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["frame"] for line in lines] == list(range(25))
    (shown,) = lines[7]["faces"]  # searched in frames 0, 2 and 4
    assert (shown["name"], shown["decision"], shown["track"]) == ("Ada", "known", 1)
    assert lines[3]["faces"][0]["decision"] is None and lines[12]["faces"] == []
    (shown,) = lines[24]["faces"]
    assert (shown["name"], shown["decision"]) == (None, "unknown")
    capture = cv2.VideoCapture("out.avi")
    count = 0
    while (frame := capture.read()[1]) is not None:
        count += 1
        assert frame.shape == (640, 560, 3)
    assert count == 25
    again = run(*headless, "out.avi", status=2)
    assert again == "error: --out must be new: out.avi\n"


def test_a_picture_without_a_window_is_judged_at_once(run, tmp_path):
    with Session(tmp_path / "g", Opened()) as session:
        session.enrol("Ada", picture(1))
    save(tmp_path / "ada.png", picture(1, 5))
    still = ("--image", "ada.png", "--gallery", "g", "--headless", "--out")
    assert run(*still, "out.png") == {"frames": 1, "people": {"Ada": 1}}
    assert cv2.imread("out.png").shape == (640, 560, 3)
    assert "--out must end in one of .jpg" in run(*still, "out.mp4", status=2)


def test_a_video_that_is_cut_off_keeps_what_it_gave(run, tmp_path):
    path = film(tmp_path / "film.avi", [picture(1, seed) for seed in range(20)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    arguments = ("--video", path, "--headless", "--out", "out.mp4")
    error = run(*arguments, status=2)
    assert "is cut off: it has" in error and error.count("\n") == 1
    lines = (tmp_path / "out.mp4.jsonl").read_text().splitlines()
    assert 5 < len(lines) < 20 and (tmp_path / "out.mp4").stat().st_size > 1000


def test_bad_input_is_one_line(run, bundle, tmp_path, monkeypatch):
    save(tmp_path / "a.png", picture(1))
    (tmp_path / "no.png").write_text("no picture")
    (tmp_path / "broken").write_bytes(b"SQLite format 3\0" + bytes(100))
    out = ("--headless", "--out", "o.png")
    image = ("--image", "a.png", *out)
    with Session(tmp_path / "other", Opened(landmark_fit="photo")) as session:
        session.enrol("Ada", picture(1))
    cases = [
        (("--image", "no.png", *out), "no.png"),
        (("--image", "none.png", *out), "no such photo: none.png"),
        ((*image, "--gallery", "broken"), "damaged gallery: broken"),
        ((*image, "--gallery", "other"), "of another bundle"),
        ((*image, "--gallery", "no/where"), "no such folder: no"),
        ((*image, "--far", "0.5"), "no threshold at FAR 0.5"),
    ]
    bare = {n: {**v.model_dump(), "thresholds": None} for n, v in variants(bundle)}
    for arguments, message in cases:
        error = run(*arguments, status=2)
        assert message in error and error.startswith("error: ")
        assert error.count("\n") == 1 and not (tmp_path / "o.png").exists()
    for each in bare.values():
        each["calibration"] = None
    bundle.contract = rendered_people.contract(variants=bare)
    assert "no threshold was measured for bundle" in run(*image, status=2)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no screen here" in run("--camera", 77, status=2)
    monkeypatch.setattr(window, "require_window", lambda: None)
    assert "error: no camera 77" in run("--camera", 77, status=2)


def test_a_folder_that_is_no_bundle_is_named(tmp_path, capsys):
    save(tmp_path / "a.png", picture(1))
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "contract.json").write_text('{"format_version": 99}')
    for name in ("none", "bundle"):
        options = ("--bundle", tmp_path / name, "--image", tmp_path / "a.png")
        options += ("--headless", "--out", tmp_path / "o.png")
        assert app.main([*map(str, options)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1


def variants(bundle):
    return bundle.contract.variants.items()


def test_a_camera_that_is_taken_away_closes_the_window(session, monkeypatch):
    shown = []
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "resizeWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, pixels: shown.append(pixels))
    monkeypatch.setattr(cv2, "waitKeyEx", lambda _: -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: shown.append("closed"))

    def frames():
        yield window_frame()
        yield window_frame()
        raise InputError("camera 0 gives no more pictures: was it unplugged?")

    source = window.Source(frames(), "camera 0", 30, "camera")
    with pytest.raises(InputError, match="unplugged"):
        window.Window(source, session).run()
    assert len(shown) == 3 and shown[-1] == "closed"


@pytest.mark.parametrize(("kind", "said"), [("video", 1), ("image", 0)])
def test_a_picture_has_no_end(session, monkeypatch, kind, said):
    for name in ("namedWindow", "resizeWindow", "imshow", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    keys = iter([-1, -1, ord("q")])
    monkeypatch.setattr(cv2, "waitKeyEx", lambda _: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    words = []
    monkeypatch.setattr(window.Window, "_say", lambda _, text: words.append(text))
    window.Window(window.Source([window_frame()], "film", 30, kind), session).run()
    assert words.count("that was the end") == said


def window_frame():
    from tf_sphereface.data.photos.frames import Frame

    return Frame(picture(1), 0.0)
