"""The report and the comparison in a browser: light and dark, on a desk and a phone."""

import shutil

import numpy as np
import pytest

from tests.data.audit.test_browser import CHROMIUM, screenshot
from tf_sphereface.commands.compare import main
from tf_sphereface.evaluation import ModelInfo, evaluate_features, write_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(40, 8)), 2, axis=0)
    features += 0.7 * rng.normal(size=features.shape)
    evens = np.arange(0, 80, 2)
    report = evaluate_features(
        *(features, np.tile(evens, 2), np.append(evens + 1, (evens + 2) % 80)),
        *(np.arange(80) < 40, np.arange(80) % 4),
    )
    write_report(report, folder / "a", "evaluate", ModelInfo("a.keras", "0" * 64))
    shutil.copytree(folder / "a", folder / "b")
    arguments = [str(folder / "a"), str(folder / "b"), "--out", str(folder / "both")]
    assert main(arguments) == 0
    return folder


@pytest.mark.parametrize(
    "page",
    ["a/report.html", pytest.param("both/compare.html", marks=pytest.mark.slow)],
)
def test_page_is_drawn_light_and_dark_wide_and_narrow(folder, tmp_path, page):
    light = screenshot(folder / page, tmp_path, 1200, dark=False)
    dark = screenshot(folder / page, tmp_path, 1200, dark=True)
    narrow = screenshot(folder / page, tmp_path, 500, dark=False)
    assert (light[5, 5] > 230).all() and (dark[5, 5] < 40).all()
    for picture in (light, dark, narrow):  # the curves have colours
        assert (np.ptp(picture, axis=2) > 40).sum() > 2_000
    # Nothing runs out of a phone: the margin on the right is empty.
    assert (narrow[:, -6:] == narrow[5, 5]).all()
