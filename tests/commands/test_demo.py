"""Tests for `sphereface demo`: it serves until Ctrl-C; bad input is one line."""

import json
import socket
import urllib.request
from threading import Thread

import pytest

from tests.bundle.small_bundles import write_bundle
from tf_sphereface.commands import demo
from tf_sphereface.demo_server import site as demo_site
from tf_sphereface.demo_server.server import DemoServer
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract


@pytest.fixture(scope="module")
def make_bundle(tiny, tmp_path_factory):
    content = FloatModel(tiny(), PixelContract()).content

    def make(**parts):
        return write_bundle(
            tmp_path_factory.mktemp("b") / "b", content, 32, **parts
        ).path

    return make


@pytest.fixture(scope="module")
def bundle(make_bundle):
    return str(make_bundle(thresholds={"far_0.01": 0.4}))


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("the page")
    monkeypatch.setattr(demo_site, "find_site", lambda tell: tmp_path / "site")


@pytest.fixture
def opened(monkeypatch):
    """Addresses that a browser was asked to open."""
    found = []
    monkeypatch.setattr(demo.webbrowser, "open", found.append)
    return found


@pytest.fixture
def interrupted(monkeypatch):
    """The page as a browser gets it; Ctrl-C follows."""
    pages = []

    def serve(server):
        thread = Thread(target=server.handle_request)
        thread.start()
        pages.append(urllib.request.urlopen(server.url, timeout=20).read().decode())
        thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(DemoServer, "serve_forever", serve)
    return pages


def test_it_serves_opens_the_browser_and_ends_with_ctrl_c(
    bundle, opened, interrupted, capsys
):
    assert demo.main([bundle, "--port", "0"]) == 0
    printed = capsys.readouterr()
    url = json.loads(printed.out)["url"]
    assert url.startswith("http://localhost:")
    assert (interrupted, opened) == (["the page"], [url])
    assert printed.err == "note: serving until Ctrl-C\nstopped\n"


def test_no_browser_is_opened_if_it_is_unwanted(bundle, opened, interrupted):
    assert demo.main([bundle, "--port", "0", "--no-browser"]) == 0
    assert (interrupted, opened) == (["the page"], [])


def one_line(capsys, arguments):
    assert demo.main([*map(str, arguments), "--no-browser"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    return printed.err


def test_a_port_in_use_is_told(bundle, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port} is in use" in one_line(capsys, [bundle, "--port", port])


def test_a_damaged_bundle_is_told(make_bundle, capsys):
    folder = make_bundle(thresholds={"far_0.01": 0.4})
    (folder / "detector/pnet.tflite").write_bytes(b"another")
    assert "damaged bundle" in one_line(capsys, [folder])
    assert "not a bundle" in one_line(capsys, [folder / "absent"])


def test_a_bundle_without_thresholds_is_told(make_bundle, capsys):
    assert "sphereface calibrate" in one_line(capsys, [make_bundle()])


def test_an_unreadable_certificate_is_told(bundle, tmp_path, capsys):
    files = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    arguments = [bundle, "--port", 0, "--https", *files]
    assert "no such file" in one_line(capsys, arguments)
    for file in files:
        file.write_text("nothing")
    assert "both are PEM" in one_line(capsys, arguments)


def test_a_missing_npm_is_told(bundle, monkeypatch, capsys):
    def find_site(tell):
        raise InputError("npm is missing, which builds the page: install Node.js")

    monkeypatch.setattr(demo_site, "find_site", find_site)
    assert "npm is missing" in one_line(capsys, [bundle])
