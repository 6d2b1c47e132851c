"""Chromium with the web demo open in it, and what a user does there."""

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from tf_sphereface.demo_server.server import DemoServer

ROOT = Path(__file__).parents[2]
PATIENCE = 60_000  # ms: two cores may be shared with others
_FLAGS = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update
"""
_CAMERA = "--use-fake-ui-for-media-stream --use-fake-device-for-media-stream"

_STORED = """async () => {
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


def chromium():
    """Path of a Chromium, or a reason to skip."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not found:
        pytest.skip("no chromium: apt-get install chromium, or say CHROMIUM=PATH")
    return found


def bundle_folder():
    """A bundle of a network that knows synthetic people, or a reason to skip."""
    folder = Path(os.environ.get("BUNDLE", ROOT / "runs/quickstart/bundle"))
    if not (folder / "contract.json").is_file():
        pytest.skip(f"no bundle in {folder}: make quickstart, or say BUNDLE=DIR")
    return folder


class Demo:
    """The page in a browser context of its own, and all that it asked for.

    Args:
        context: Of Playwright.
        url: Of the server.
    """

    def __init__(self, context, url):
        self.context, self.url = context, url
        self.asked, self.errors = [], []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.add_init_script(
            "new PerformanceObserver((list) => list.getEntries().forEach((entry) => "
            "(self.longTasks ??= []).push([entry.duration, entry.startTime])))"
            ".observe({type: 'longtask', buffered: true})"
        )

    def open(self, state="ok"):
        self.page.goto(self.url)
        self.page.wait_for_selector(f"#status[data-state={state}]")
        return self

    def until(self, expression):
        """Waits; the page's policy forbids Playwright's own way to look in it."""
        end = time.monotonic() + PATIENCE / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, (
                f"{expression}\n{self.page.inner_text('body')}"
            )
            self.page.wait_for_timeout(50)

    def tab(self, name):
        self.page.click(f"#tab-{name}")

    def texts(self, selector):
        return self.page.locator(selector).all_inner_texts()

    def enrol(self, name, photos):
        """The page's answers to photos, a text each; photos are PNG by their name."""
        self.tab("enrol")
        self.page.fill("#name", name)
        self.choose("#enrol-files", photos)
        self.until(f"document.querySelectorAll('#enrolled li').length == {len(photos)}")
        return [text.partition(": ")[2] for text in self.texts("#enrolled li")]

    def choose(self, selector, files, media_type="image/png"):
        content = [
            {"name": name, "mimeType": media_type, "buffer": data}
            for name, data in files.items()
        ]
        self.page.set_input_files(selector, content)

    def names(self, count):
        """Names of the faces in the picture, once there are so many, left first."""
        self.until(
            f"document.querySelectorAll('#faces .who').length == {count} && "
            "[...document.querySelectorAll('#faces .who')]"
            ".every((who) => who.textContent != 'looking')"
        )
        return self.texts("#faces .who")

    def notice(self, key):
        return self.page.inner_text(f'[data-key="{key}"]')

    def stored_names(self):
        """Those of the tests' names in all of the browser's databases."""
        found = self.page.evaluate(_STORED)
        return {name for name in ("Ada", "Grace", "Eve") if name in found}

    def wait_for_copy(self):
        """Waits until the page works without the server."""
        self.tab("check")
        self.until("document.querySelector('#facts').innerText.includes('complete')")


@contextlib.contextmanager
def served(files, port=0):
    """A server of files, as long as the block."""
    server = DemoServer(files, port=port)
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def browser(playwright, camera=None, flags=()):
    """A Chromium; `camera` is the film that it takes for one."""
    args = [*_FLAGS.split(), *flags]
    if camera:
        args += [*_CAMERA.split(), f"--use-file-for-fake-video-capture={camera}"]
    launched = playwright.chromium.launch(executable_path=chromium(), args=args)
    try:
        yield launched
    finally:
        launched.close()
