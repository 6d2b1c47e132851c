"""The audit in a browser: it draws, in light and in dark, on a desk and on a phone."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.data.audit import write_audit

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def screenshot(page, folder, width, dark):
    picture = folder / f"{width}-{dark}.png"
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
        # Nothing outside the file: a request would fail and be seen.
        *("--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars"),
        *(f"--user-data-dir={folder / 'profile'}", f"--window-size={width},2400"),
        *scheme,
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return np.asarray(Image.open(picture).convert("RGB")).astype(int)


@pytest.mark.slow
def test_page_is_drawn_light_and_dark_wide_and_narrow(aligned, tmp_path):
    page = write_audit(aligned)
    light = screenshot(page, tmp_path, 1200, dark=False)
    dark = screenshot(page, tmp_path, 1200, dark=True)
    narrow = screenshot(page, tmp_path, 500, dark=False)
    assert (light[5, 5] > 230).all() and (dark[5, 5] < 40).all()
    # Faces have colours, which the page's own greys do not have.
    coloured = np.ptp(light, axis=2) > 40
    assert coloured.sum() > 50_000
    assert (np.ptp(narrow, axis=2) > 40).sum() > 50_000
    # Nothing runs out of a phone: the margin on the right is empty.
    assert (narrow[:, -6:] == narrow[5, 5]).all()
