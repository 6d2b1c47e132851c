"""Tests of the web demo's page in Chromium, before a camera of synthetic people.

`make test-web` runs them; they need Playwright, Chromium, npm, and a bundle whose
network knows synthetic people: runs/quickstart/bundle, or the one of BUNDLE=DIR.
"""

import hashlib
import json
import os
import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest

from tests.demo_server.browser import ROOT, Demo, browser, bundle_folder, served
from tests.demo_server.webcam import (
    POSES,
    film,
    png,
    portrait,
    side_by_side,
)
from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.bundle.contract import checksum_line
from tf_sphereface.demo_server.served_files import kept, served_files
from tf_sphereface.demo_server.site import find_site

api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = [pytest.mark.web, pytest.mark.timeout(900)]

ADA, GRACE, STRANGER = 103, 101, 107
IMAGES = os.environ.get("SCREENSHOTS")  # a folder, to look at the page


@pytest.fixture(scope="module")
def files():
    return served_files(find_site(), load_bundle(bundle_folder()))


@pytest.fixture(scope="module")
def server(files):
    with served(files) as server:
        yield server


@pytest.fixture(scope="module")
def playwright():
    with api.sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    """The film before the camera; another may take its place before a start."""
    return tmp_path_factory.mktemp("camera") / "people.y4m"


@pytest.fixture(scope="module")
def chromium(playwright, camera):
    film(camera, [side_by_side(portrait(ADA))])
    with browser(playwright, camera) as launched:
        yield launched


@pytest.fixture
def demo(chromium, server):
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield Demo(context, server.url)
    context.close()


def photos(person, count=3):
    """Portraits of a person in PNG, by a name of a file."""
    turns = (0, 6, -6, 3, -3)[:count]
    return {f"{turn}.png": png(portrait(person, yaw=float(turn))) for turn in turns}


STORED = """async () => {
  const done = (request) => new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result);
  });
  const rows = [];
  for (const {name} of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      rows.push(await done(database.transaction(store).objectStore(store).getAll()));
    }
    database.close();
  }
  return JSON.stringify(rows);
}"""


def stored_names(demo):
    """Names in all of the browser's databases, wherever they stand."""
    found = demo.page.evaluate(STORED)
    return {name for name in ("Ada", "Grace", "Eve") if name in found}


def test_two_are_enrolled_and_recognised_and_a_stranger_is_not(
    chromium, files, camera, demo
):
    """From the camera to names; the server goes away; one person is deleted."""
    with served(files) as server:
        demo = Demo(demo.context, server.url).open()
        page = demo.page
        film(camera, [side_by_side(portrait(ADA, yaw=y, pitch=p)) for y, p in POSES], 3)
        demo.tab("enrol")
        page.fill("#name", "Ada")
        page.click("#enrol-camera")
        page.wait_for_selector("#guide:not([hidden])")
        page.wait_for_selector("#guide", state="hidden")
        assert demo.texts("#enrolled li") == ["5 pictures of Ada taken."]
        assert demo.enrol("Grace", photos(GRACE)) == ["taken"] * 3
        page.click("#stop")

        people = [portrait(person, 160, scene=8) for person in (GRACE, ADA)]
        film(camera, [side_by_side(*people)])
        demo.tab("faces")
        page.click("#start")
        assert sorted(demo.names(2)) == ["Ada", "Grace"]
        assert "above the threshold of" in page.inner_text("#faces")
        assert "a stranger would pass" in page.inner_text("#threshold")
        page.click("#stop")

        film(camera, [side_by_side(portrait(STRANGER))])
        page.click("#start")
        assert demo.names(1) == ["unknown"]
        assert "below the threshold of" in page.inner_text("#faces")
        page.click("#stop")

        demo.tab("check")
        demo.until("document.querySelector('#facts').innerText.includes('complete')")
        asked = [url for url in demo.asked if not url.startswith("blob:")]
        assert [url for url in asked if not url.startswith(server.url)] == []
        assert f"{server.url}bundle/contract.json" in asked  # the worker's are seen

    demo.open()  # without the server
    film(camera, [side_by_side(portrait(ADA, scene=8))])
    demo.page.click("#start")
    assert demo.names(1) == ["Ada"]
    demo.page.click("#stop")
    assert stored_names(demo) == {"Ada", "Grace"}
    demo.tab("people")
    demo.page.click("#people summary >> text=Ada")
    demo.page.click("[aria-label='Delete person Ada']")
    demo.page.click("#dialog-yes")
    demo.until("document.querySelectorAll('#people > li').length == 1")
    assert stored_names(demo) == {"Grace"}
    assert demo.errors == []


def changed(image, change):
    return png(np.clip(change(image.astype(np.float64)), 0, 255).astype(np.uint8))


def two():
    return np.hstack([portrait(ADA), portrait(GRACE)])


def shrunk():
    frame = np.full((240, 240, 3), 128, np.uint8)
    frame[60:180, 60:180] = cv2.resize(portrait(ADA), (120, 120))
    return frame


HINTS = {
    "No face": lambda: png(np.full((200, 200, 3), 90, np.uint8)),
    "too small": lambda: png(shrunk()),
    "Too dark": lambda: changed(portrait(ADA), lambda x: x * 0.22),
    "Too bright": lambda: changed(portrait(ADA), lambda x: 175 + x * 0.55),
    "Too little contrast": lambda: changed(portrait(ADA), lambda x: 105 + x * 0.16),
    "Blurred": lambda: png(cv2.GaussianBlur(portrait(ADA), (0, 0), 3)),
    "Turned too far": lambda: png(portrait(111, yaw=36.0)),
    "Two people": lambda: png(two()),
    "looks like another person": lambda: png(portrait(STRANGER)),
}


def test_each_reason_not_to_take_a_photo_is_told_in_words(demo):
    demo.open()
    assert demo.enrol("Ada", photos(ADA, 2)) == ["taken"] * 2
    told = demo.enrol(
        "Ada", {f"{i}.png": make() for i, make in enumerate(HINTS.values())}
    )
    missing = [
        (hint, text) for hint, text in zip(HINTS, told, strict=True) if hint not in text
    ]
    assert not missing
    demo.tab("people")
    assert "2 templates" in demo.page.inner_text("#people")  # nothing was added


def test_a_photo_is_recognised_and_no_photo_is_refused_in_words(demo):
    demo.open()
    demo.enrol("Ada", photos(ADA))
    demo.tab("faces")
    group = {"a.png": png(np.hstack([portrait(STRANGER), portrait(ADA, scene=8)]))}
    demo.choose("#files", group | {"b.png": b"no picture"})
    assert sorted(demo.names(2)) == ["Ada", "unknown"]
    demo.page.click("#next")
    demo.page.wait_for_selector('[data-key="photo"]')
    assert "b.png is no photo that this browser knows" in demo.notice("photo")
    demo.choose("#files", {"huge.png": huge_png()})
    demo.until(
        "document.querySelector('[data-key=photo]').innerText.includes('huge.png')"
    )
    assert "400 megapixels" in demo.notice("photo")


def huge_png():
    """A PNG of 20,000 x 20,000 black pixels, 50 kB."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2501 * 20_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def test_people_are_renamed_exported_and_imported_again(demo, chromium, server):
    demo.open()
    demo.enrol("Ada", photos(ADA, 2))
    demo.tab("people")
    demo.page.click("#people summary")
    demo.page.click("text=Rename")
    demo.page.fill("#dialog-input", "Grace")
    demo.page.keyboard.press("Enter")
    demo.page.wait_for_selector("#people summary >> text=Grace")
    with demo.page.expect_download() as download:
        demo.page.click("#export")
    exported = download.value.path().read_bytes()
    other = Demo(chromium.new_context(), server.url).open()
    other.tab("people")
    other.choose("#import-file", {"people.json": exported}, "application/json")
    other.page.wait_for_selector("#people summary >> text=Grace")
    assert "1 person, 2 new templates" in other.notice("imported")
    other.context.close()


def test_a_person_deleted_in_one_page_is_known_in_no_other(demo, server):
    demo.open()
    demo.enrol("Grace", photos(GRACE, 1))
    other = Demo(demo.context, server.url).open()
    demo.enrol("Ada", photos(ADA, 1))
    other.tab("people")
    other.page.wait_for_selector("#people summary >> text=Ada")
    other.choose("#files", photos(ADA, 1))
    other.tab("faces")
    other.page.wait_for_selector("#faces .who >> text=Ada")
    demo.tab("people")
    demo.page.click("#people summary >> text=Ada")
    demo.page.click("text=Delete person >> visible=true")
    demo.page.click("#dialog-yes")
    other.page.wait_for_selector("#faces .who >> text=unknown")
    other.tab("people")
    assert [text.split()[0] for text in other.texts("#people summary")] == ["Grace"]
    other.page.close()


def test_a_name_typed_while_photos_are_taken_is_the_next_persons(demo):
    demo.open()
    demo.tab("enrol")
    demo.page.fill("#name", "Ada")
    demo.choose("#enrol-files", photos(ADA))
    demo.page.fill("#name", "Grace")
    assert demo.page.is_disabled("#enrol-photos")
    assert demo.page.is_disabled("#enrol-camera")
    assert demo.page.is_disabled("#variant")
    demo.choose("#enrol-files", photos(GRACE))  # all the same
    demo.tab("people")
    for name in ("Ada", "Grace"):
        demo.page.wait_for_selector(f"#people summary:has-text('{name}3 templates')")
    demo.until("!document.querySelector('#variant').disabled")
    assert not demo.page.is_disabled("#enrol-photos")


def test_an_enrolment_is_of_one_variant(demo):
    demo.open()
    demo.tab("enrol")
    demo.page.fill("#name", "Ada")
    demo.page.click("#enrol-camera")
    demo.page.wait_for_selector("#guide:not([hidden])")
    assert demo.page.is_disabled("#variant")
    demo.page.click("#finish")
    demo.until("!document.querySelector('#variant').disabled")


HOSTILE = {
    "empty": b"",
    "binary": bytes(range(256)) * 64,
    "another kind": b'{"kind": "something else"}',
    "deep": b"[" * 200_000,
    "markup": b'{"kind": "tf_sphereface gallery", "people": [{"name": '
    b'"<img src=x onerror=alert(1)>", "templates": []}]}',
}


def test_a_hostile_import_changes_nothing(demo):
    demo.open()
    demo.enrol("Ada", photos(ADA, 1))
    demo.tab("people")
    with demo.page.expect_download() as download:
        demo.page.click("#export")
    good = json.loads(download.value.path().read_bytes())
    good["people"].append({"name": "Eve", "templates": [{"feature": "AAAA"}]})
    of_other = json.loads(json.dumps(good).replace('"features": "', '"features": "0'))
    more = {"one bad": json.dumps(good), "other bundle": json.dumps(of_other)}
    for name, content in (HOSTILE | {k: v.encode() for k, v in more.items()}).items():
        demo.choose("#import-file", {f"{name}.json": content}, "application/json")
        demo.page.wait_for_selector('[data-key="action"]')
        assert "Not imported; nobody was changed." in demo.notice("action"), name
        demo.page.click('[data-key="action"] .close')
        assert stored_names(demo) == {"Ada"}
    assert demo.errors == []


def test_a_name_is_text_and_never_markup(demo):
    demo.open()
    name = "<img src=x onerror=alert(1)>"
    demo.enrol(name, photos(ADA, 1))
    demo.tab("people")
    assert name in demo.page.inner_text("#people")
    demo.tab("faces")
    demo.choose("#files", photos(ADA, 1))
    assert demo.names(1) == [name]
    assert demo.page.locator("img").count() == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "The camera was denied."),
        ("NotFoundError", "No camera was found."),
        ("NotReadableError", "The camera cannot be read."),
    ],
)
def test_a_camera_that_is_not_given_is_told(demo, error, words):
    demo.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => "
        f"Promise.reject(new DOMException('', '{error}'))"
    )
    demo.open()
    demo.page.click("#start")
    demo.page.wait_for_selector('[data-key="camera"]')
    assert words in demo.notice("camera")
    assert demo.page.is_enabled("#start") and demo.page.is_visible("#start")


def test_without_a_camera_and_permission_the_browser_itself_says_so(playwright, server):
    flags = ["--deny-permission-prompts"]
    with browser(playwright, flags=flags) as launched:
        demo = Demo(launched.new_context(), server.url).open()
        demo.page.click("#start")
        demo.page.wait_for_selector('[data-key="camera"]')
        assert "denied" in demo.notice("camera") or "No camera" in demo.notice("camera")


def test_a_camera_that_is_taken_away_is_told_and_starts_again(demo, camera):
    film(camera, [side_by_side(portrait(ADA))])
    demo.open()
    demo.page.click("#start")
    demo.names(1)
    demo.page.evaluate(
        "document.querySelector('video').srcObject.getVideoTracks()[0]"
        ".dispatchEvent(new Event('ended'))"
    )
    demo.page.wait_for_selector('[data-key="camera"]')
    assert "The camera was taken away." in demo.notice("camera")
    demo.page.click("text=Start it again")
    assert demo.names(1) == ["unknown"]


def test_a_front_camera_is_a_mirror_and_its_text_is_not(demo, camera):
    """A face at the left of the camera's picture is at the right of the screen."""
    film(
        camera,
        [side_by_side(portrait(ADA, 160), np.full((160, 160, 3), 128, np.uint8))],
    )
    demo.open()
    demo.page.click("#start")
    demo.names(1)
    assert demo.page.get_attribute("#video", "data-mirrored") is not None
    halves = """() => {
      const {width, height} = document.querySelector('#overlay');
      const context = document.querySelector('#overlay').getContext('2d');
      const drawn = (value, index) => index % 4 == 3 && value > 0;
      return [0, width / 2].map((x) =>
        context.getImageData(x, 0, width / 2, height).data.filter(drawn).length);
    }"""
    left, right = demo.page.evaluate(halves)
    assert right > 10 * left
    transform = "getComputedStyle(document.querySelector('#overlay')).transform"
    assert demo.page.evaluate(transform) == "none"
    demo.tab("settings")
    demo.page.uncheck("#mirror")
    demo.until("document.querySelector('#video').dataset.mirrored === undefined")
    demo.page.wait_for_timeout(1500)
    left, right = demo.page.evaluate(halves)
    assert left > 10 * right


def test_a_bundle_that_is_computed_otherwise_is_refused(chromium, files):
    """Its golden embeddings are those of another network."""

    def forged(content):
        golden = json.loads(content)
        for face in golden["faces"]:
            face["embeddings"] = {k: v[::-1] for k, v in face["embeddings"].items()}
        return json.dumps(golden).encode()

    with served(resealed(files, "golden", forged)) as server:
        demo = Demo(chromium.new_context(), server.url).open("error")
        assert "nothing is recognised" in demo.notice("self-test")
        assert demo.page.is_disabled("#start") and demo.page.is_disabled("#choose")
        demo.tab("check")
        assert "failed" in demo.page.inner_text("#test")
        demo.context.close()


@pytest.mark.parametrize("kind", ["tampered", "newer", "without thresholds"])
def test_a_bundle_that_cannot_be_used_is_refused_in_words(chromium, files, kind):
    def change(contract):
        if kind == "newer":
            contract["format_version"] = 99
        if kind == "without thresholds":
            for variant in contract["variants"].values():
                variant["thresholds"] = None

    name = "detector/pnet.tflite" if kind == "tampered" else None
    changed_files = resealed(files, name, lambda content: content[:-1] + b"\0", change)
    if kind == "tampered":
        changed_files["/bundle/contract.json"] = files["/bundle/contract.json"]
        changed_files["/bundle/contract.json.sha256"] = files[
            "/bundle/contract.json.sha256"
        ]
    with served(changed_files) as server:
        demo = Demo(chromium.new_context(), server.url).open("error")
        words = demo.notice("open")
        expected = {"newer": "version", "without thresholds": "threshold"}.get(
            kind, "pnet"
        )
        assert expected in words and "The bundle was refused." in words
        assert demo.page.is_disabled("#start")
        demo.context.close()


def resealed(files, name, change, change_contract=lambda contract: None):
    """Files of a bundle with one of them changed, and the checksums of the contract."""
    made, contract = dict(files), json.loads(files["/bundle/contract.json"].read())
    record = contract["golden"] if name == "golden" else None
    if name:
        file = record["file"] if record else name
        content = change(files[f"/bundle/{file}"].read())
        made[f"/bundle/{file}"] = kept(content, file)
        for each in [record or contract["detector"]["files"]["pnet"]]:
            each |= {
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }
    change_contract(contract)
    content = json.dumps(contract).encode()
    made["/bundle/contract.json"] = kept(content, "contract.json")
    made["/bundle/contract.json.sha256"] = kept(checksum_line(content), "a.txt")
    return made


def test_a_new_bundle_replaces_the_stored_one(chromium, files):
    """At the next load: its contract has another name of the network."""
    context = chromium.new_context()
    with served(files) as server:
        port = server.server_port
        demo = Demo(context, server.url).open()
        wait_for_copy(demo)

    def rename(contract):
        contract["model"]["name"] = "another network"

    newer = resealed(files, None, None, rename)
    listed = json.loads(newer["/files.json"].read())
    for address in ("/bundle/contract.json", "/bundle/contract.json.sha256"):
        listed[address] = newer[address].sha256
    newer["/files.json"] = kept(json.dumps(listed).encode(), "files.json")
    with served(newer, port):
        demo.open()
        assert "another network" in demo.page.inner_text("#network")
        wait_for_copy(demo)
    demo.open()
    assert "another network" in demo.page.inner_text("#network")
    assert len(demo.page.evaluate("caches.keys()")) == 1
    context.close()


def wait_for_copy(demo):
    demo.tab("check")
    demo.until("document.querySelector('#facts').innerText.includes('complete')")


def test_settings_change_what_is_asked_and_outlive_the_page(demo):
    demo.open()
    demo.tab("settings")
    demo.page.select_option("#far", "0.1")
    demo.page.wait_for_selector("#far-meaning >> text=in 1 of 10 comparisons")
    demo.page.select_option("#variant", "dynamic")
    demo.page.wait_for_selector("#network >> text=dynamic")
    demo.page.wait_for_selector("#status[data-state=ok]")
    demo.open()
    demo.tab("settings")
    assert demo.page.input_value("#far") == "0.1"
    assert demo.page.input_value("#variant") == "dynamic"


def test_the_tabs_and_the_dialog_work_by_the_keyboard(demo):
    demo.open()
    demo.page.focus("#tab-faces")
    for key, name in (
        ("ArrowRight", "enrol"),
        ("End", "check"),
        ("ArrowRight", "faces"),
    ):
        demo.page.keyboard.press(key)
        assert demo.page.evaluate("document.activeElement.id") == f"tab-{name}"
        assert demo.page.is_visible(f"#panel-{name}")
    demo.enrol("Ada", photos(ADA, 1))
    demo.tab("people")
    demo.page.focus("#people summary")
    demo.page.keyboard.press("Enter")
    demo.page.focus("[aria-label='Delete person Ada']")
    demo.page.keyboard.press("Enter")
    assert demo.page.is_visible("#dialog")
    assert demo.page.evaluate("document.activeElement.id") == "dialog-no"
    demo.page.keyboard.press("Escape")
    assert demo.page.is_hidden("#dialog")
    assert stored_names(demo) == {"Ada"}


def test_the_main_thread_is_never_blocked(demo, camera):
    film(camera, [side_by_side(portrait(ADA, 160), portrait(GRACE, 160))])
    demo.open()
    demo.enrol("Ada", photos(ADA, 1))
    demo.tab("faces")
    demo.page.evaluate("self.longTasks = []")
    demo.page.click("#start")
    demo.names(2)
    demo.page.wait_for_timeout(8000)
    long = [duration for duration, _ in demo.page.evaluate("self.longTasks")]
    # A busy machine stops the page's process, too: its shortest ones tell.
    assert len(long) <= 1 and all(duration < 100 for duration in long)


THEMES = [(width, theme) for width in (360, 1280) for theme in ("light", "dark")]


@pytest.mark.parametrize(("width", "theme"), THEMES)
def test_the_page_is_accessible_at_each_width_in_both_themes(
    chromium, server, camera, width, theme
):
    """axe-core finds nothing in any view; nothing is wider than the screen."""
    axe = (ROOT / "mobile_demo/web/node_modules/axe-core/axe.min.js").read_text()
    film(camera, [side_by_side(portrait(ADA, 160), portrait(STRANGER, 160))])
    context = chromium.new_context(
        viewport={"width": width, "height": 780},
        color_scheme=theme,
        reduced_motion="reduce",
        bypass_csp=True,  # axe is put into the page as text
    )
    demo = Demo(context, server.url).open()
    demo.enrol("Ada", photos(ADA, 2))
    demo.page.click("#start")
    demo.names(2)
    demo.page.evaluate(axe)
    found = {}
    for view in ("faces", "enrol", "people", "settings", "check"):
        demo.tab(view)
        if view == "people":
            demo.page.click("#people summary")
        if view == "check":
            demo.page.wait_for_selector("#latency:not([hidden])")
        result = demo.page.evaluate("axe.run()")
        found[view] = [
            (each["id"], each["nodes"][0]["html"]) for each in result["violations"]
        ]
        overflow = "document.documentElement.scrollWidth - innerWidth"
        assert demo.page.evaluate(overflow) <= 0, view
        if IMAGES:
            demo.page.screenshot(path=f"{IMAGES}/{view}_{width}_{theme}.png")
    context.close()
    assert found == dict.fromkeys(found, [])


def test_the_page_can_be_installed(demo):
    demo.open()
    session = demo.context.new_cdp_session(demo.page)
    wait_for_copy(demo)
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [e["errorId"] for e in errors if e["errorId"] != "in-incognito"] == []
    assert session.send("Page.getAppManifest")["errors"] == []


@pytest.fixture(autouse=True)
def _npm_is_there():
    if not shutil.which("npm"):
        pytest.skip("no npm: apt-get install npm")
