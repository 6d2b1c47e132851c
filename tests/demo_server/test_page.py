"""Tests of enrolment, recognition and galleries on the web demo's page in Chromium.

`make test-web` runs them; they need Playwright, Chromium, npm, and a bundle whose
network knows synthetic people: runs/quickstart/bundle, or the one of BUNDLE=DIR.
"""

import json
import struct
import zlib

import cv2
import numpy as np
import pytest

from tests.demo_server.browser import Demo, served
from tests.demo_server.webcam import (
    ADA,
    GRACE,
    POSES,
    STRANGER,
    film,
    photos,
    png,
    portrait,
    side_by_side,
)

pytestmark = [pytest.mark.web, pytest.mark.timeout(900)]


_STORED_WASM = """async () => {
  const [name] = await caches.keys();
  const addresses = (await (await caches.open(name)).keys()).map(({url}) => url);
  return addresses.filter((url) => url.includes("/wasm/"))
    .map((url) => url.split("/").pop());
}"""


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

        demo.wait_for_copy()
        asked = [url for url in demo.asked if not url.startswith("blob:")]
        assert [url for url in asked if not url.startswith(server.url)] == []
        assert f"{server.url}bundle/contract.json" in asked  # the worker's are seen
        wasm = page.evaluate(_STORED_WASM)
        assert [name.partition(".")[2] for name in sorted(wasm)] == ["js", "wasm"]

    demo.open()  # without the server
    film(camera, [side_by_side(portrait(ADA, scene=8))])
    demo.page.click("#start")
    assert demo.names(1) == ["Ada"]
    demo.page.click("#stop")
    assert demo.stored_names() == {"Ada", "Grace"}
    demo.tab("people")
    demo.page.click("#people summary >> text=Ada")
    demo.page.click("[aria-label='Delete person Ada']")
    demo.page.click("#dialog-yes")
    demo.until("document.querySelectorAll('#people > li').length == 1")
    assert demo.stored_names() == {"Grace"}
    assert demo.errors == []


def test_a_name_that_is_too_long_is_told_and_not_cut(demo):
    demo.open()
    demo.tab("enrol")
    demo.page.fill("#name", "x" * 201)
    demo.page.wait_for_selector("#name-wrong >> text=this one has 201")
    assert demo.page.is_disabled("#enrol-photos")
    assert demo.page.is_disabled("#enrol-camera")
    demo.page.fill("#name", "x" * 200)
    assert demo.page.is_hidden("#name-wrong")
    assert demo.page.is_enabled("#enrol-photos")
    demo.enrol("Ada", photos(ADA, 1))
    demo.tab("people")
    demo.page.click("#people summary")
    demo.page.click("text=Rename")
    demo.page.fill("#dialog-input", "y" * 201)
    demo.page.keyboard.press("Enter")
    demo.page.wait_for_selector('[data-key="action"] >> text=this one has 201')
    assert demo.stored_names() == {"Ada"}


def changed(image, change):
    return png(np.clip(change(image.astype(np.float64)), 0, 255).astype(np.uint8))


def two():
    return np.hstack([portrait(ADA), portrait(GRACE)])


def shrunk():
    frame = np.full((240, 240, 3), 128, np.uint8)
    frame[60:180, 60:180] = cv2.resize(portrait(ADA), (120, 120))
    return frame


def behind_a_door():
    image = portrait(ADA)
    image[:, 115:] = 200
    return png(image)


def behind_a_scarf():
    image = portrait(ADA)
    image[130:210] = 60
    return png(image)


HINTS = {
    "No face": lambda: png(np.full((200, 200, 3), 90, np.uint8)),
    "too small": lambda: png(shrunk()),
    "Too dark": lambda: changed(portrait(ADA), lambda x: x * 0.22),
    "Too bright": lambda: changed(portrait(ADA), lambda x: 175 + x * 0.55),
    "Too little contrast": lambda: changed(portrait(ADA), lambda x: 105 + x * 0.16),
    "Blurred": lambda: png(cv2.GaussianBlur(portrait(ADA), (0, 0), 3)),
    "Turned too far": lambda: png(portrait(111, yaw=36.0)),
    "hardly looks like a face": behind_a_door,
    "Eyes, nose and mouth are uncertain": behind_a_scarf,
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


def test_a_photo_that_is_none_does_not_leave_the_one_before(demo):
    demo.open()
    demo.choose("#files", photos(ADA, 1))
    demo.page.wait_for_selector("#photo:not([hidden])")
    demo.choose("#files", {"text.png": b"hello"})
    demo.page.wait_for_selector("[data-key=photo]")
    assert not demo.page.is_visible("#photo") and demo.page.is_visible("#welcome")
    demo.choose("#files", photos(ADA, 1))
    demo.page.wait_for_selector("#photo:not([hidden])")


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
        assert demo.stored_names() == {"Ada"}
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
