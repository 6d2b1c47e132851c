"""The web demo's page in a Chromium for the tests of a module."""

import shutil

import pytest

from tests.demo_server.browser import Demo, browser, bundle_folder, served
from tests.demo_server.webcam import ADA, film, portrait, side_by_side
from tf_sphereface.bundle.bundle import load_bundle
from tf_sphereface.demo_server.served_files import served_files
from tf_sphereface.demo_server.site import find_site


@pytest.fixture(scope="module")
def files():
    """Files of the page and a bundle, as they are served."""
    if not shutil.which("npm"):
        pytest.skip("no npm: apt-get install npm")
    return served_files(find_site(), load_bundle(bundle_folder()))


@pytest.fixture(scope="module")
def server(files):
    with served(files) as server:
        yield server


@pytest.fixture(scope="module")
def playwright():
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
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
