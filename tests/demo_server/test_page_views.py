"""Tests of the views of the web demo's page: settings, keyboard, accessibility."""

import os

import pytest

from tests.demo_server.browser import ROOT, Demo
from tests.demo_server.webcam import (
    ADA,
    STRANGER,
    film,
    photos,
    portrait,
    side_by_side,
)

pytestmark = [pytest.mark.web, pytest.mark.timeout(900)]
IMAGES = os.environ.get("SCREENSHOTS")  # a folder, to look at the page


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
    assert demo.stored_names() == {"Ada"}


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
    demo.wait_for_copy()
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [e["errorId"] for e in errors if e["errorId"] != "in-incognito"] == []
    assert session.send("Page.getAppManifest")["errors"] == []
