"""Tests for tf_sphereface.demo_server.site: the page is built if it has to be."""

import os
import sys

import pytest

from tf_sphereface.demo_server import site
from tf_sphereface.errors import InputError

NPM = f"""#!{sys.executable}
import os, pathlib, sys
calls = pathlib.Path("calls.txt")
before = calls.read_text() if calls.exists() else ""
calls.write_text(before + " ".join(sys.argv[1:]) + ";")
os.utime(calls, (1, 1))
if sys.argv[1] == "ci":
    pathlib.Path("node_modules").mkdir(exist_ok=True)
    pathlib.Path("node_modules/.package-lock.json").write_text("")
elif "fail" in pathlib.Path("src/page.js").read_text():
    sys.exit("first line\\nsrc/page.js:1: no such thing\\n")
else:
    pathlib.Path("dist").mkdir(exist_ok=True)
    pathlib.Path("dist/index.html").write_text("page")
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder of sources, and an npm that writes down what it is asked for."""
    folder = tmp_path / "web"
    (folder / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "index.html", "src/page.js"):
        (folder / name).write_text(name)
        os.utime(folder / name, (1000, 1000))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/npm").write_text(NPM)
    (tmp_path / "bin/npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return folder


def calls(folder):
    path = folder / "calls.txt"
    return path.read_text() if path.exists() else ""


def test_a_checkout_is_built_once_and_again_when_a_source_is_newer(sources):
    told = []
    assert site.find_site(told.append, sources) == sources / "dist"
    assert calls(sources) == "ci;run build;" and len(told) == 1
    site.find_site(told.append, sources)
    assert calls(sources) == "ci;run build;" and len(told) == 1
    newer = (sources / "dist/index.html").stat().st_mtime + 10
    os.utime(sources / "src/page.js", (newer, newer))
    site.find_site(told.append, sources)
    assert calls(sources) == "ci;run build;run build;"


def test_packages_are_installed_again_for_another_lock_file(sources):
    site.find_site(sources=sources)
    newer = (sources / "dist/index.html").stat().st_mtime + 10
    os.utime(sources / "package-lock.json", (newer, newer))
    site.find_site(sources=sources)
    assert calls(sources) == "ci;run build;ci;run build;"


def test_a_missing_npm_is_one_line(sources, monkeypatch):
    monkeypatch.setenv("PATH", str(sources))
    with pytest.raises(InputError, match=r"npm is missing.*install Node"):
        site.find_site(sources=sources)


def test_a_failing_build_is_one_line(sources):
    (sources / "src/page.js").write_text("fail")
    with pytest.raises(
        InputError, match="`npm run build` failed .*: no such thing"
    ) as e:
        site.find_site(sources=sources)
    assert "\n" not in str(e.value)


def test_an_installation_takes_the_page_of_the_wheel(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "_BUILT_IN", tmp_path)
    with pytest.raises(InputError, match="has no web page in it.*make demo-site"):
        site.find_site(sources=tmp_path / "absent")
    (tmp_path / "index.html").write_text("page")
    assert site.find_site(sources=tmp_path / "absent") == tmp_path
